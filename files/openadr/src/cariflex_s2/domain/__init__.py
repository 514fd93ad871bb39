"""Rules that turn signals, a schedule and a device's state into instructions. No I/O; all times aware UTC."""
