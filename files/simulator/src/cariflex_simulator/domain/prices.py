"""The production price: what a kWh fed into the grid earns, hour by hour, in EUR/MWh."""

from datetime import UTC, datetime

from cariflex_simulator.domain.draw import seeded

BASE_EUR_PER_MWH, SPREAD_EUR_PER_MWH = 62.0, 4.0
# Low when the sun gives plenty, high in the evening; hours of UTC, Martinique is four behind.
MIDDAY_DISCOUNT, EVENING_PREMIUM = 14.0, 22.0
MIDDAY_UTC, EVENING_UTC = range(14, 20), range(22, 24)


def production_price(seed: int, start: datetime) -> float:
    """Price of the hour that begins at ``start``; depends on seed and hour alone."""
    hour = start.astimezone(UTC)
    draw = seeded(seed, "production-price", hour.isoformat())
    price = BASE_EUR_PER_MWH + draw.normal(0, SPREAD_EUR_PER_MWH)
    if hour.hour in MIDDAY_UTC:
        price -= MIDDAY_DISCOUNT
    if hour.hour in EVENING_UTC:
        price += EVENING_PREMIUM
    return round(max(0.0, price), 2)
