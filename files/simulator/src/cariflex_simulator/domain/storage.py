"""Physics of stored energy: efficiency, limits, self-discharge and use.

Powers are on the grid's side in kW, positive when the device consumes; fill levels and energies in kWh.
"""

import math
from dataclasses import dataclass

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class StorageParameters:
    """Nameplate of a storage. Raises ValueError for values that contradict each other."""

    min_fill_kwh: float
    max_fill_kwh: float
    max_charge_kw: float
    max_discharge_kw: float
    charge_efficiency: float
    discharge_efficiency: float
    self_discharge_per_h: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_fill_kwh < self.max_fill_kwh:
            limits = (self.min_fill_kwh, self.max_fill_kwh)
            raise ValueError(f"min_fill_kwh, max_fill_kwh: {limits}; expected 0 <= min < max")
        for name in ("charge_efficiency", "discharge_efficiency"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name}: {getattr(self, name)}; expected more than 0 and at most 1")
        for name in ("max_charge_kw", "max_discharge_kw"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: {getattr(self, name)}; expected 0 or more")
        if not 0 <= self.self_discharge_per_h < 1:
            raise ValueError(
                f"self_discharge_per_h: {self.self_discharge_per_h}; expected at least 0 and less than 1"
            )

    def clamp_kw(self, power_kw: float) -> float:
        """``power_kw`` within what the device can draw or deliver."""
        return max(-self.max_discharge_kw, min(self.max_charge_kw, power_kw))


@dataclass(frozen=True, slots=True)
class Step:
    """What happened in one step: the fill level at its end, the mean power, and where energy went."""

    fill_kwh: float
    power_kw: float
    charged_kwh: float
    discharged_kwh: float
    self_discharge_kwh: float
    used_kwh: float


def step(
    parameters: StorageParameters, fill_kwh: float, power_kw: float, duration_s: float, use_kw: float = 0.0
) -> Step:
    """Advance a storage by ``duration_s`` at a wanted power; the limits decide what it really does.

    Solves dL/dt = rate - use - k L exactly, so that the result does not depend on the length of the steps.
    ``use_kw`` is drawn from the storage itself (driving).
    """
    hours = duration_s / HOUR_S
    kept, gain_h = _decay(parameters.self_discharge_per_h, hours)
    rest = fill_kwh * kept
    # Use stops at the minimum: a vehicle does not drive on what it does not have.
    use_kw = max(0.0, min(use_kw, (rest - parameters.min_fill_kwh) / gain_h)) if gain_h > 0 else 0.0
    rest -= use_kw * gain_h
    power_kw = parameters.clamp_kw(power_kw)
    if power_kw >= 0:
        room_kw = max(0.0, parameters.max_fill_kwh - rest) / gain_h if gain_h > 0 else 0.0
        rate_kw = min(power_kw * parameters.charge_efficiency, room_kw)
        power_kw = rate_kw / parameters.charge_efficiency
    else:
        room_kw = max(0.0, rest - parameters.min_fill_kwh) / gain_h if gain_h > 0 else 0.0
        rate_kw = -min(-power_kw / parameters.discharge_efficiency, room_kw)
        power_kw = rate_kw * parameters.discharge_efficiency
    end_kwh = rest + rate_kw * gain_h
    return Step(
        fill_kwh=end_kwh,
        power_kw=power_kw,
        charged_kwh=max(0.0, power_kw) * hours,
        discharged_kwh=max(0.0, -power_kw) * hours,
        self_discharge_kwh=fill_kwh + (rate_kw - use_kw) * hours - end_kwh,
        used_kwh=use_kw * hours,
    )


def _decay(per_h: float, hours: float) -> tuple[float, float]:
    """Share of the start level that is left, and kWh that one kW of fill rate adds."""
    if per_h == 0:
        return 1.0, hours
    return math.exp(-per_h * hours), -math.expm1(-per_h * hours) / per_h
