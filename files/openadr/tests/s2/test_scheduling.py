"""When FlexMeasures is asked for schedules, what it is told, and what happens when it fails.

The server is a double: the real one needs PostgreSQL, Redis and a worker.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cariflex_s2.api.session import Session
from cariflex_s2.clients.flexmeasures import FlexMeasuresError, Values
from cariflex_s2.domain.flex_model import flex_model
from cariflex_s2.domain.model import Range, State, Target
from cariflex_s2.domain.schedule import Schedule, base_at
from cariflex_s2.scheduling import Scheduler
from cariflex_s2.service import Hub, Service
from cariflex_s2.settings import read_settings
from s2.configuration import configuration, scheduling, write_configuration
from s2.devices import NOON, storage

QUARTER = timedelta(minutes=15)
PRICES: dict[int, list[float | None]] = {84: [100.0] * 24, 85: [80.0] * 24}


@dataclass
class FlexMeasuresDouble:
    """Plans 10 kW of consumption for every device, or fails."""

    prices: dict[int, list[float | None]] = field(default_factory=lambda: {**PRICES})
    planned: dict[int, float] = field(default_factory=dict)
    triggers: list[tuple[int, list[dict[str, Any]], dict[str, Any]]] = field(default_factory=list)
    failing: set[int] = field(default_factory=set)
    durations: list[timedelta] = field(default_factory=list)

    async def schedule(
        self,
        asset_id: int,
        start: datetime,
        duration: timedelta,
        models: list[dict[str, Any]],
        context: dict[str, Any],
        now: datetime,
    ) -> None:
        del start, now
        self.durations.append(duration)
        self.triggers.append((asset_id, models, context))
        if asset_id in self.failing:
            raise FlexMeasuresError("infeasible")
        self.planned[models[0]["sensor"]] = 10.0

    async def values(
        self, sensor_id: int, start: datetime, duration: timedelta, unit: str, resolution: timedelta
    ) -> Values:
        assert unit == ("EUR/MWh" if sensor_id in PRICES else "kW")
        if sensor_id in PRICES:
            return Values(start, tuple(self.prices[sensor_id]))
        return Values(start, (self.planned.get(sensor_id),) * int(duration / resolution))

    async def forecast(self, sensor_id: int, duration: timedelta, config: dict[str, Any]) -> None:
        """Not asked for here."""

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Bench:
    """A scheduler with two connected batteries, at a clock to turn."""

    scheduler: Scheduler
    server: FlexMeasuresDouble
    service: Service
    clock: list[datetime]

    def power_of(self, resource_id: str) -> float | None:
        schedule = self.service.controller.schedules.get(resource_id)
        return schedule.power_at(self.clock[0]) if schedule else None


class SilentSession(Session):
    """A session with a device, without a connection."""

    device = storage()
    state = State(50.0)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    raw = configuration(tmp_path) | {"scheduling": scheduling(tmp_path)}
    sent: list[str] = []
    clock, server = [NOON + timedelta(minutes=4)], FlexMeasuresDouble()
    service = Service(read_settings(write_configuration(tmp_path, raw)), lambda: clock[0], server)
    for row in service.settings.resources.values():
        service.controller.sessions[row.resource_id] = SilentSession(
            row, sent.append, Hub(service.controller, service.telemetry), lambda: clock[0]
        )
    assert service.scheduler is not None
    yield Bench(service.scheduler, server, service, clock)
    service.controller.ledger.close()


async def test__scheduler__plans_each_device_and_hands_the_schedules_over(bench: Bench) -> None:
    await bench.scheduler.check()
    assert [asset for asset, _, _ in bench.server.triggers] == [51, 52]
    assert bench.server.triggers[0][2]["site-power-capacity"] == "500 kW"
    assert "inflexible-device-sensors" not in bench.server.triggers[0][2]
    assert bench.server.triggers[1][2]["inflexible-device-sensors"] == [1021]
    assert bench.power_of("battery_01") == bench.power_of("battery_02") == 10_000


async def test__scheduler__plans_at_intervals_and_not_between(bench: Bench) -> None:
    for minute, expected in ((4, 2), (9, 2), (14, 2), (15, 4), (29, 4), (31, 6)):
        bench.clock[0] = NOON + timedelta(minutes=minute)
        await bench.scheduler.check()
        assert len(bench.server.triggers) == expected, f"minute {minute}"


async def test__scheduler__plans_as_far_as_prices_are_known(bench: Bench) -> None:
    """FlexMeasures' job fails when a price of the window is missing."""
    bench.server.prices[85] = [*[80.0] * 6, *[None] * 18]
    await bench.scheduler.check()
    assert bench.server.durations == [timedelta(hours=6)] * 2
    bench.server.prices[85] = [None] * 24
    bench.clock[0] += QUARTER
    await bench.scheduler.check()
    assert len(bench.server.triggers) == 2
    assert "price sensor 85 has no value at 2026-11-23T16:00:00+00:00" in bench.scheduler.problem


async def test__scheduler__plans_on_new_prices(bench: Bench) -> None:
    await bench.scheduler.check()
    bench.clock[0] += timedelta(minutes=1)
    bench.server.prices[84] = [*[100.0] * 10, *[50.0] * 14]
    await bench.scheduler.check()
    assert len(bench.server.triggers) == 4


async def test__scheduler__an_hour_that_comes_into_view_is_no_new_price(bench: Bench) -> None:
    await bench.scheduler._new_prices(NOON)
    assert not await bench.scheduler._new_prices(NOON + timedelta(hours=1))


async def test__scheduler__plans_after_an_event_and_for_who_comes_back(bench: Bench) -> None:
    await bench.scheduler.check()
    bench.clock[0] += timedelta(minutes=1)
    bench.service.controller.freed.add("battery_01")
    await bench.scheduler.check()
    assert len(bench.server.triggers) == 4
    gone = bench.service.controller.sessions.pop("battery_02")
    await bench.scheduler.check()
    bench.service.controller.sessions["battery_02"] = gone
    await bench.scheduler.check()
    assert len(bench.server.triggers) == 6


async def test__scheduler__a_failure_is_told_and_the_last_good_schedule_holds(bench: Bench) -> None:
    await bench.scheduler.check()
    before = bench.power_of("battery_01")
    bench.clock[0] = NOON + QUARTER
    bench.server.failing = {51}
    await bench.scheduler.check()
    assert bench.power_of("battery_01") == before == 10_000
    assert "battery_01: no new schedule, the last good one holds: infeasible" in bench.scheduler.problem
    assert bench.power_of("battery_02") == 10_000
    bench.server.failing = set()
    bench.clock[0] = NOON + 2 * QUARTER
    await bench.scheduler.check()
    assert bench.scheduler.problem == ""


async def test__scheduler__a_device_that_cannot_be_planned_waits_for_the_next_interval(bench: Bench) -> None:
    bench.server.failing = {51}
    for _ in range(3):
        await bench.scheduler.check()
    assert len(bench.server.triggers) == 2


async def test__scheduler__the_last_good_schedule_outlives_a_restart(bench: Bench) -> None:
    await bench.scheduler.check()
    assert bench.service.controller.ledger.schedules()["battery_01"].power_at(bench.clock[0]) == 10_000


def test__flex_model__comes_from_the_device() -> None:
    state = State(9.0, (Target(NOON + timedelta(hours=2), 80.0), Target(NOON + timedelta(days=3), 90.0)))
    model = flex_model(storage(), state, Range(-50_000, 50_000), NOON, NOON + timedelta(days=1))
    assert model == {
        "soc-at-start": "10 kWh",
        "soc-min": "10 kWh",
        "soc-max": "95 kWh",
        "power-capacity": "50 kW",
        "consumption-capacity": "50 kW",
        "production-capacity": "50 kW",
        "roundtrip-efficiency": "90.25%",
        "soc-minima": [{"datetime": "2026-11-23T18:00:00+00:00", "value": "80 kWh"}],
    }
    assert "soc-minima" not in flex_model(storage(), State(50.0), Range(-1, 1), NOON, NOON + QUARTER)


def test__base__is_the_schedule_and_then_the_baseline() -> None:
    schedule = Schedule(NOON, QUARTER, (1_000.0, None, -2_000.0), NOON)
    found = [base_at(schedule, 500, NOON + timedelta(minutes=minute)) for minute in (-1, 0, 16, 31, 46)]
    assert [base.power_w for base in found] == [500, 1_000, 500, -2_000, 500]
    assert [base.cause.event for base in found] == [
        "baseline",
        "schedule",
        "baseline",
        "schedule",
        "baseline",
    ]
    assert found[1].until == NOON + QUARTER
    assert schedule.end == NOON + 3 * QUARTER
