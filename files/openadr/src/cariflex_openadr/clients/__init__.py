"""Outgoing connections: the VTN seen from the VEN, FlexMeasures."""
