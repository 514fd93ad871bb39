"""Devices that charge because FlexMeasures plans it, for the tests on the running dev stack."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.long.dev_stack import (
    CONSUMPTION_PRICE,
    PRODUCTION_PRICE,
    Prices,
    all_charge,
    await_that,
    call,
    cancel_program_events,
)

# Cheap now, dear later: who can charges at once. A consumption price below the production price has no plan.
WANTED = {CONSUMPTION_PRICE: [10.0] * 4 + [1000.0] * 20, PRODUCTION_PRICE: [5.0] * 4 + [900.0] * 20}


@pytest.fixture(scope="session")
def charging() -> Iterator[float]:
    """Prices have FlexMeasures plan full charging; the seconds until all ten devices do.

    Afterwards prices are as before, and vehicles follow their trips again. The day's own load-control and
    demand-response events stay cancelled.
    """
    prices, hour = Prices(), datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    before = {sensor: prices.read(sensor, hour, len(wanted)) for sensor, wanted in WANTED.items()}
    try:
        cancel_program_events()
        call("cariflex-simulator", "simctl", "set", "battery", "--fill-share", "0.1")
        call("cariflex-simulator", "simctl", "set", "ev", "--fill-share", "0.1", "--presence", "home")
        for sensor, wanted in WANTED.items():
            prices.post(sensor, hour, wanted)
        yield await_that("charging", all_charge, timeout_s=900)
    finally:
        call("cariflex-simulator", "simctl", "set", "ev", "--presence", "auto")
        for sensor, found in before.items():
            prices.post(sensor, hour, found)
