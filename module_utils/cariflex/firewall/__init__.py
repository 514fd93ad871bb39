"""UFW and Docker's DOCKER-USER chain as one wanted state."""
