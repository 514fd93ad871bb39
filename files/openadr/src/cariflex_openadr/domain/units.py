"""Conversions between OpenADR payloads and sensor units.

Rounding hides binary noise such as 120.49999999999999.
"""

from cariflex_openadr.domain.model import LOAD_PERCENT_OFFSET, SignalKind

SIMPLE_LEVELS = 3

SENSOR_UNITS: dict[SignalKind, str] = {
    SignalKind.PRICE: "EUR/MWh",
    SignalKind.LOAD_CONTROL: "%",
    SignalKind.DEMAND_RESPONSE: "dimensionless",
}
# What holds where no event does; a price has no such value.
NEUTRAL: dict[SignalKind, float | None] = {
    SignalKind.PRICE: None,
    SignalKind.LOAD_CONTROL: 100.0,
    SignalKind.DEMAND_RESPONSE: 0.0,
}


def per_mwh_to_per_kwh(price: float) -> float:
    """EUR/MWh to EUR/kWh, the only price unit OpenADR has."""
    return round(price / 1000, 9)


def per_kwh_to_per_mwh(price: float) -> float:
    """EUR/kWh to EUR/MWh."""
    return round(price * 1000, 6)


def to_sensor_unit(kind: SignalKind, value: float, signal_type: str = "") -> float:
    """A payload in its sensor's unit: capacity c is 100 c %, offset x is 100 + x %, SIMPLE n is n/3."""
    if signal_type == LOAD_PERCENT_OFFSET:
        return round(100 + value, 6)
    if kind is SignalKind.LOAD_CONTROL:
        return round(100 * value, 6)
    if kind is SignalKind.DEMAND_RESPONSE:
        return round(value / SIMPLE_LEVELS, 9)
    return value
