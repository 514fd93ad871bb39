"""OpenADR 2.0b VTN and VEN of the Cariflex EMS.

Nothing is imported here: the health commands start this package every few seconds and must stay light.
"""
