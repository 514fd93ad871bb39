"""Whom we call: FlexMeasures."""
