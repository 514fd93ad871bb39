"""What devices tell goes to FlexMeasures through the VEN's outbox: fill levels in kWh, mean powers in kW."""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cariflex_openadr.domain.model import SensorValue
from cariflex_openadr.storage.outbox import Post
from cariflex_openadr.storage.ven_database import VenDatabaseError
from cariflex_s2.domain.windows import PowerWindow
from cariflex_s2.metrics import Metrics
from cariflex_s2.resource import Resource, Sensor
from cariflex_s2.storage.ven_file import VenFile

LOGGER = logging.getLogger(__name__)
# A measurement may be on its way for this long before its slot is closed.
GRACE = timedelta(seconds=5)
MOST_WAITING = 100_000


@dataclass(slots=True)
class Telemetry:
    """Gathers values and puts them into the outbox; what the database does not take waits."""

    resources: dict[str, Resource]
    ven_file: VenFile
    fill_level_interval: timedelta
    metrics: Metrics
    clock: Callable[[], datetime]
    waiting: list[Post] = field(default_factory=list)
    _windows: dict[str, PowerWindow] = field(default_factory=dict)
    _told_at: dict[str, datetime] = field(default_factory=dict)

    def filled(self, resource: Resource, fill_level_kwh: float, at: datetime) -> None:
        """A fill level; one an interval goes on."""
        last = self._told_at.get(resource.resource_id)
        if last is None or at - last >= self.fill_level_interval:
            self._told_at[resource.resource_id] = at
            moment = at.replace(microsecond=0)
            self._put(resource, resource.fill_level, SensorValue(moment, round(fill_level_kwh, 6)), moment)

    def measured(self, resource: Resource, power_w: float, at: datetime) -> None:
        """A power measurement."""
        window = self._windows.setdefault(resource.resource_id, PowerWindow(resource.actual_power.resolution))
        window.add(power_w, at)

    def flush(self) -> None:
        """Close slots that have ended, and hand over what waits."""
        now = self.clock()
        for resource_id, window in self._windows.items():
            resource = self.resources[resource_id]
            for mean in window.finished(now - GRACE):
                value = SensorValue(mean.start, round(mean.power_w / 1000, 6))
                end = mean.start + resource.actual_power.resolution
                self._put(resource, resource.actual_power, value, end)
        if not self.waiting:
            return
        try:
            self.ven_file.put(self.waiting)
        except (sqlite3.Error, VenDatabaseError) as error:
            self.metrics.database_failures.inc()
            LOGGER.warning("values wait", extra={"reason": str(error), "waiting": len(self.waiting)})
            del self.waiting[:-MOST_WAITING]
        else:
            self.waiting.clear()

    def _put(self, resource: Resource, sensor: Sensor, value: SensorValue, known_at: datetime) -> None:
        self.waiting.append(
            Post(
                sensor_id=sensor.sensor_id,
                event_id=f"s2:{resource.resource_id}",
                modification=int(value.start.timestamp()),
                unit=sensor.unit,
                resolution=sensor.resolution,
                values=(value,),
                belief_time=known_at,
                poster=resource.poster,
            )
        )
