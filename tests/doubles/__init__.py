"""Doubles of systems that cannot run here. They compute their answers and read no recording."""
