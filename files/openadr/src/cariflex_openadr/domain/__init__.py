"""Rules without I/O. Imports nothing from the layers around it."""
