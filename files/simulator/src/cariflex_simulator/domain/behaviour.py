"""What a device does when nobody instructs it."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

from cariflex_simulator.domain.storage import StorageParameters


class Behaviour(Protocol):
    """Decides a power from the time and the fill level alone."""

    def power_kw(self, parameters: StorageParameters, fill_kwh: float, moment: datetime) -> float:
        """Wanted power in kW, positive when consuming."""


@dataclass(frozen=True, slots=True)
class ChargeToTarget:
    """A vehicle: as fast as it can, up to a share of the storage."""

    target_share: float

    def power_kw(self, parameters: StorageParameters, fill_kwh: float, moment: datetime) -> float:
        """Full power below the target, else nothing."""
        del moment
        target_kwh = parameters.max_fill_kwh * self.target_share
        return parameters.max_charge_kw if fill_kwh < target_kwh else 0.0


@dataclass(frozen=True, slots=True)
class SolarShift:
    """A battery: takes the sun's hours and gives in the evening, in local time."""

    zone: ZoneInfo
    charge_from: time
    charge_until: time
    discharge_from: time
    discharge_until: time
    discharge_share: float

    def power_kw(self, parameters: StorageParameters, fill_kwh: float, moment: datetime) -> float:
        """Full power by day, part of the power in the evening; the storage's limits end both."""
        del fill_kwh
        local = moment.astimezone(self.zone).time()
        if self.charge_from <= local < self.charge_until:
            return parameters.max_charge_kw
        if self.discharge_from <= local < self.discharge_until:
            return -parameters.max_discharge_kw * self.discharge_share
        return 0.0
