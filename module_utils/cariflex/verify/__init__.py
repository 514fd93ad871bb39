"""Asks every service of a running stack, and follows events from the VTN to FlexMeasures."""
