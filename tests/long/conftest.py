"""Devices that charge because FlexMeasures plans it, for the tests on the running dev stack."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.long.dev_stack import all_charge, await_that, call, post_price


@pytest.fixture(scope="session")
def charging() -> Iterator[float]:
    """A cheap price has FlexMeasures plan full charging; the seconds until all ten do.

    Afterwards prices are as the VTN publishes them, and vehicles follow their trips again.
    """
    try:
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        call("cariflex-simulator", "simctl", "set", "battery", "--fill-share", "0.1")
        call("cariflex-simulator", "simctl", "set", "ev", "--fill-share", "0.1", "--presence", "home")
        post_price([-500.0] * 3 + [500.0] * 21, hour)
        yield await_that("charging", all_charge, timeout_s=900)
    finally:
        call("cariflex-simulator", "simctl", "set", "ev", "--presence", "auto")
        call("openadr-vtn", "vtnctl", "republish-price")
