"""HTTP faces of the services: OpenADR, operator, status."""
