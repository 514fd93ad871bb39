"""A row of the mapping table: one S2 resource, its limits, and the FlexMeasures sensors that follow it."""

from dataclasses import dataclass
from datetime import timedelta

from cariflex_s2.domain.model import Range


@dataclass(frozen=True, slots=True)
class Sensor:
    """A FlexMeasures sensor; ``resolution`` 0 is instantaneous."""

    sensor_id: int
    unit: str
    resolution: timedelta


@dataclass(frozen=True, slots=True)
class Resource:
    """A device that a resource manager speaks for.

    ``baseline_w`` holds where no schedule reaches. ``poster`` is the user whose data source its values carry,
    ``asset_id`` FlexMeasures' id of the device (0: not in the sensor map).
    """

    resource_id: str
    asset: str
    asset_id: int
    limits_w: Range
    baseline_w: float
    poster: str
    fill_level: Sensor
    actual_power: Sensor
    schedule: Sensor

    @property
    def tolerance_w(self) -> float:
        """A setpoint that differs by less is not sent anew."""
        return 0.01 * max(abs(self.limits_w.low), abs(self.limits_w.high))
