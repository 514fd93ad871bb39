"""Simulated batteries, electric vehicles and photovoltaic plants of the Cariflex EMS."""
