"""Weather observations and forecasts of the Cariflex EMS."""
