"""Self-signed certificates: what is there, whether it will do, and a new one if not."""
