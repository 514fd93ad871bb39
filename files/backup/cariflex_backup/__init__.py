"""Backs up and restores a Cariflex host; standard library only, for the host's own Python (3.11 or newer)."""
