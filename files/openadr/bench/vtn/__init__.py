"""Measures the VTN beside stock openleadr: ``make bench-openadr``."""
