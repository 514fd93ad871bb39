"""What a host must offer before anything on it is changed, and what its engine already holds."""
