"""What outlives a restart: instructions sent, schedules read."""
