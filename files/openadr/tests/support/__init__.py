"""Shared by the tests: a clock to turn, waiting for a condition; one module for each service."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)  # 12:00:30 in Martinique
VEN_ID = "ven-cariflex"
BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><oadrPayload>&b;</oadrPayload>'


@dataclass
class TurnableClock:
    """A clock that only moves when told."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


def clock_from_noon() -> Callable[[], datetime]:
    """A clock that runs on from ``NOON``, so that a test's day is not over when it is run later."""
    begun = datetime.now(UTC)
    return lambda: NOON + (datetime.now(UTC) - begun)


async def eventually(check: Callable[[], bool], timeout_s: float = 8.0) -> None:
    """Wait until ``check`` is true; AssertionError when it never is."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not check():
        assert asyncio.get_running_loop().time() < deadline, "condition not met in time"
        await asyncio.sleep(0.02)
