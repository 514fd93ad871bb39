"""FlexMeasures does its job: forecasts of sensors whose values are measured, such as photovoltaic power."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cariflex_s2.clients.flexmeasures import FlexMeasuresError, ScheduleServer
from cariflex_s2.domain.schedule import EPOCH
from cariflex_s2.metrics import Metrics
from cariflex_s2.settings import Forecasts

LOGGER = logging.getLogger(__name__)
SLOT = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=15)


@dataclass(slots=True)
class Forecaster:
    """Looks regularly how far each sensor is forecast, and has the one that needs it forecast anew.

    One after the other, so that schedules are not kept waiting for long by the worker that makes both. What
    FlexMeasures stored last stays where it is when a new forecast fails.
    """

    settings: Forecasts
    server: ScheduleServer
    metrics: Metrics
    clock: Callable[[], datetime]
    known_until: dict[str, datetime] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    _tried: dict[str, datetime] = field(default_factory=dict)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.check()
            await asyncio.sleep(self.settings.check_interval.total_seconds())

    async def check(self) -> None:
        """Have every sensor forecast whose forecast has become too short."""
        for name in self.settings.sensors:
            now = self.clock()
            tried = self._tried.get(name)
            patience = RETRY_AFTER if name in self.problems else self.settings.interval
            if tried is not None and now - tried < patience:
                continue
            try:
                if name not in self.known_until:
                    self.known_until[name] = await self._known_until(name)
                if self.known_until[name] - now < self.settings.horizon - self.settings.interval:
                    self._tried[name] = now
                    await self._forecast(name, now)
            except FlexMeasuresError as error:
                self.metrics.forecast_runs.labels(result="failed").inc()
                self._report(name, f"no new forecast, the last good one holds: {error}")

    async def _forecast(self, name: str, now: datetime) -> None:
        """Raises FlexMeasuresError."""
        sensor = self.settings.sensors[name]
        await self.server.forecast(sensor.sensor_id, self.settings.horizon, self.settings.config)
        self.known_until[name] = await self._known_until(name)
        if self.known_until[name] <= now + SLOT:
            raise FlexMeasuresError("the job ended well, but no forecast is stored")
        self.metrics.forecast_runs.labels(result="made").inc()
        self._report(name, "")
        LOGGER.info("forecast", extra={"sensor": name, "until": self.known_until[name].isoformat()})

    async def _known_until(self, name: str) -> datetime:
        """End of the last hour ahead that has a value: nobody has measured it yet."""
        sensor, now = self.settings.sensors[name], self.clock()
        start = now - (now - EPOCH) % SLOT
        read = await self.server.values(
            sensor.sensor_id, start, self.settings.horizon + SLOT, sensor.unit, SLOT
        )
        known = now
        for count, value in enumerate(read.values):
            if value is not None and math.isfinite(value):
                known = read.start + (count + 1) * SLOT
        return known

    def _report(self, name: str, problem: str) -> None:
        if problem and problem != self.problems.get(name):
            LOGGER.error("forecasting trouble", extra={"sensor": name, "reason": problem})
        if problem:
            self.problems[name] = problem
        else:
            self.problems.pop(name, None)

    @property
    def problem(self) -> str:
        """All troubles, empty when there is none."""
        return "; ".join(f"{name}: {problem}" for name, problem in sorted(self.problems.items()))
