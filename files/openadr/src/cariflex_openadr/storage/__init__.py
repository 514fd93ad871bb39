"""What the services remember: one module a service."""
