"""FlexMeasures does its job: schedules at intervals, on new prices and after events."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cariflex_s2.clients.flexmeasures import FlexMeasuresError, ScheduleServer
from cariflex_s2.controller import Controller
from cariflex_s2.domain.feasible import reach_w
from cariflex_s2.domain.flex_model import flex_model
from cariflex_s2.domain.schedule import EPOCH, SLOT, Schedule
from cariflex_s2.metrics import Metrics
from cariflex_s2.resource import Resource
from cariflex_s2.settings import Scheduling

LOGGER = logging.getLogger(__name__)
W_PER_KW = 1000.0
PRICE_SLOT = timedelta(hours=1)


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
    _asked: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Work until cancelled."""
        await self.read_back()
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
        # An EV that comes back is planned anew.
        self._asked &= connected
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
        return "device connected" if connected - self._asked else ""

    def _connected(self) -> list[str]:
        """Resources whose device is there and can move."""
        return [resource_id for resource_id in sorted(self.controller.sessions) if self._movable(resource_id)]

    def _movable(self, resource_id: str) -> bool:
        session = self.controller.sessions.get(resource_id)
        if session is None or session.device is None or session.state is None:
            return False
        reach = reach_w(session.device, session.state.fill_level_kwh, session.resource.limits_w)
        return reach.low < reach.high

    async def _new_prices(self, now: datetime) -> bool:
        """Whether prices that were known have changed, or new ones came into the hours looked at before."""
        start = now - (now - EPOCH) % PRICE_SLOT
        found: dict[tuple[int, datetime], float] = {}
        for sensor_id in self.settings.price_sensor_ids:
            try:
                read = await self.server.values(
                    sensor_id, start, self.settings.horizon, "EUR/MWh", PRICE_SLOT
                )
            except FlexMeasuresError as error:
                self._report(f"prices of sensor {sensor_id}: {error}")
                return False
            for count, value in enumerate(read.values):
                if value is not None and math.isfinite(value):
                    found[sensor_id, read.start + count * PRICE_SLOT] = value
        looked_at = {key: value for key, value in found.items() if start <= key[1] < self._prices_until}
        known = {key: value for key, value in self._prices.items() if start <= key[1]}
        self._prices, self._prices_until = found, start + self.settings.horizon
        return looked_at != known

    async def schedule(self, reason: str) -> None:
        """Trigger and read back one device after the other; one that fails keeps its last good schedule.

        FlexMeasures takes the devices planned before as given, so that the site's capacity holds for
        all. Ten devices in one plan took minutes of a core.
        """
        self.last_run = self.clock()
        problems: list[str] = []
        planned: list[int] = []
        for resource_id in self._connected():
            resource = self.controller.resources[resource_id]
            self._asked.add(resource_id)
            try:
                if not await self._trigger(resource, planned):
                    continue
                await self._read(resource)
            except FlexMeasuresError as error:
                self.metrics.schedule_runs.labels(result="failed").inc()
                problems.append(f"{resource_id}: no new schedule, the last good one holds: {error}")
                continue
            self.metrics.schedule_runs.labels(result="made").inc()
            planned.append(resource.schedule.sensor_id)
        if problems:
            self._report("; ".join(problems))
            return
        self.last_success, self.problem = self.clock(), ""
        LOGGER.info("scheduled", extra={"reason": reason, "devices": len(planned)})

    async def _trigger(self, resource: Resource, planned: list[int]) -> bool:
        """Have one device planned; False when it has gone meanwhile."""
        session = self.controller.sessions.get(resource.resource_id)
        device = session.device if session is not None else None
        state = session.state if session is not None else None
        if device is None or state is None:
            return False
        now = self.clock()
        start = now - (now - EPOCH) % SLOT
        horizon = self._horizon(start)
        model = flex_model(device, state, resource.limits_w, start, start + horizon)
        model["sensor"] = resource.schedule.sensor_id
        context = dict(self.settings.flex_context)
        if planned:
            context["inflexible-device-sensors"] = list(planned)
        await self.server.schedule(resource.asset_id, start, horizon, [model], context, now)
        return True

    def _horizon(self, start: datetime) -> timedelta:
        """As far as prices are known: FlexMeasures refuses to plan beyond. Raises FlexMeasuresError."""
        horizon = self.settings.horizon
        if not self._prices:
            return horizon
        for sensor_id in self.settings.price_sensor_ids:
            known_until = start - (start - EPOCH) % PRICE_SLOT
            while (sensor_id, known_until) in self._prices:
                known_until += PRICE_SLOT
            horizon = min(horizon, known_until - start)
            if horizon < SLOT:
                raise FlexMeasuresError(f"price sensor {sensor_id} has no value at {known_until.isoformat()}")
        return horizon

    async def read_back(self) -> None:
        """Read what FlexMeasures has stored before this service was started."""
        for resource in self.controller.resources.values():
            try:
                await self._read(resource)
            except FlexMeasuresError as error:
                self._report(f"{resource.resource_id}: schedule not read, the last good one holds: {error}")
                return

    async def _read(self, resource: Resource) -> None:
        """Hand over what the schedule sensor holds. Raises FlexMeasuresError."""
        sensor, now = resource.schedule, self.clock()
        start = now - (now - EPOCH) % SLOT
        read = await self.server.values(
            sensor.sensor_id, start, self.settings.horizon, sensor.unit, sensor.resolution
        )
        powers = tuple(
            value * W_PER_KW if value is not None and math.isfinite(value) else None for value in read.values
        )
        if any(power is not None for power in powers):
            schedule = Schedule(read.start, sensor.resolution, powers, now)
            self.controller.set_schedule(resource.resource_id, schedule)
            gauge = self.metrics.schedule_end.labels(resource_id=resource.resource_id)
            gauge.set(schedule.end.timestamp())

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            LOGGER.error("scheduling trouble", extra={"reason": problem})
        self.problem = problem
