"""FlexMeasures does its job: schedules at intervals, on new prices and after events."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cariflex_s2.clients.flexmeasures import FlexMeasuresError, ScheduleServer
from cariflex_s2.controller import Controller
from cariflex_s2.domain.flex_model import flex_model
from cariflex_s2.domain.schedule import EPOCH, SLOT, Schedule
from cariflex_s2.metrics import Metrics
from cariflex_s2.resource import Resource
from cariflex_s2.settings import Scheduling

LOGGER = logging.getLogger(__name__)
W_PER_KW = 1000.0


@dataclass(slots=True)
class Scheduler:
    """Looks regularly whether a new schedule is due. A failed one is reported, the last good one holds."""

    settings: Scheduling
    server: ScheduleServer
    controller: Controller
    metrics: Metrics
    clock: Callable[[], datetime]
    last_run: datetime | None = None
    last_success: datetime | None = None
    problem: str = ""
    _prices: dict[tuple[int, datetime], float] = field(default_factory=dict)
    _prices_until: datetime = EPOCH
    _planned: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Work until cancelled."""
        await self.read_back(list(self.controller.resources.values()))
        while True:
            await self.check()
            await asyncio.sleep(self.settings.check_interval.total_seconds())

    async def check(self) -> None:
        """Schedule if something calls for it."""
        reason = await self._reason()
        if reason:
            await self.schedule(reason)

    async def _reason(self) -> str:
        now = self.clock()
        connected = set(self._connected())
        if not connected:
            return ""
        new_prices = await self._new_prices(now)
        freed, self.controller.freed = self.controller.freed, set()
        turn = now - (now - EPOCH) % self.settings.interval
        if self.last_run is None or self.last_run < turn:
            return "interval"
        if new_prices:
            return "new prices"
        if freed:
            return "event ended"
        return "device connected" if connected - self._planned else ""

    def _connected(self) -> list[str]:
        return [
            resource_id
            for resource_id, session in self.controller.sessions.items()
            if session.device is not None and session.state is not None
        ]

    async def _new_prices(self, now: datetime) -> bool:
        """Whether prices that were known have changed, or new ones came into the hours looked at before."""
        start = now - (now - EPOCH) % timedelta(hours=1)
        found: dict[tuple[int, datetime], float] = {}
        for sensor_id in self.settings.price_sensor_ids:
            try:
                read = await self.server.values(
                    sensor_id, start, self.settings.horizon, "EUR/MWh", timedelta(hours=1)
                )
            except FlexMeasuresError as error:
                self._report(f"prices of sensor {sensor_id}: {error}")
                return False
            for count, value in enumerate(read.values):
                if value is not None and math.isfinite(value):
                    found[sensor_id, read.start + count * timedelta(hours=1)] = value
        looked_at = {key: value for key, value in found.items() if start <= key[1] < self._prices_until}
        known = {key: value for key, value in self._prices.items() if start <= key[1]}
        self._prices, self._prices_until = found, start + self.settings.horizon
        return looked_at != known

    async def schedule(self, reason: str) -> None:
        """Trigger for every connected device, then take what FlexMeasures has stored."""
        now = self.clock()
        self.last_run = now
        resources = self.controller.resources
        chosen = [resources[resource_id] for resource_id in self._connected()]
        start = now - (now - EPOCH) % SLOT
        try:
            if self.settings.site_asset_id:
                await self._trigger(self.settings.site_asset_id, list(resources.values()), start, now)
            else:
                for resource in chosen:
                    await self._trigger(resource.asset_id, [resource], start, now)
        except FlexMeasuresError as error:
            self.metrics.schedule_runs.labels(result="failed").inc()
            self._report(f"schedule not made, the last good one holds: {error}")
            return
        self.metrics.schedule_runs.labels(result="made").inc()
        self._planned = {resource.resource_id for resource in chosen}
        if await self.read_back(chosen):
            self.last_success, self.problem = now, ""
            LOGGER.info("scheduled", extra={"reason": reason, "devices": len(chosen)})

    async def _trigger(
        self, asset_id: int, resources: list[Resource], start: datetime, now: datetime
    ) -> None:
        models = [self._model(resource, start) for resource in resources]
        await self.server.schedule(
            asset_id, start, self.settings.horizon, models, self.settings.flex_context, now
        )

    def _model(self, resource: Resource, start: datetime) -> dict[str, Any]:
        """A device's flex-model; one that is away takes part without power."""
        model: dict[str, Any] = {
            "asset": resource.asset_id,
            "consumption": {"sensor": resource.schedule.sensor_id},
        }
        session = self.controller.sessions.get(resource.resource_id)
        device = session.device if session is not None else None
        state = session.state if session is not None else None
        if device is None or state is None:
            return model | _AWAY
        end = start + self.settings.horizon
        return model | flex_model(device, state, resource.limits_w, start, end)

    async def read_back(self, resources: list[Resource]) -> bool:
        """Read the schedule sensors and hand the schedules over; False when one could not be read."""
        start = self.clock() - (self.clock() - EPOCH) % SLOT
        for resource in resources:
            sensor = resource.schedule
            try:
                read = await self.server.values(
                    sensor.sensor_id, start, self.settings.horizon, sensor.unit, sensor.resolution
                )
            except FlexMeasuresError as error:
                self._report(f"schedule of {resource.resource_id} not read, the last good one holds: {error}")
                return False
            powers = tuple(
                value * W_PER_KW if value is not None and math.isfinite(value) else None
                for value in read.values
            )
            schedule = Schedule(read.start, sensor.resolution, powers, self.clock())
            if any(power is not None for power in powers):
                self.controller.set_schedule(resource.resource_id, schedule)
                gauge = self.metrics.schedule_end.labels(resource_id=resource.resource_id)
                gauge.set(schedule.end.timestamp())
        return True

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            LOGGER.error("scheduling trouble", extra={"reason": problem})
        self.problem = problem


_AWAY: dict[str, Any] = {
    "soc-at-start": "0 kWh",
    "soc-min": "0 kWh",
    "soc-max": "0 kWh",
    "power-capacity": "0 kW",
}
