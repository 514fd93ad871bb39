"""What FlexMeasures must know of a device to schedule it, taken from what the device says of itself."""

from datetime import datetime
from typing import Any

from cariflex_s2.domain.feasible import reach_w
from cariflex_s2.domain.model import Device, Range, State

KWH_PER_WS = 1 / 3.6e6


def flex_model(
    device: Device, state: State, limits_w: Range, start: datetime, end: datetime
) -> dict[str, Any]:
    """The flex-model of a storage, quantities with their unit as FlexMeasures wants them.

    A fill level outside of the limits is told as the limit: a plan from there is possible, one from outside
    is not.
    """
    room, reach = device.fill_level_kwh, reach_w(device, state.fill_level_kwh, limits_w)
    model: dict[str, Any] = {
        "soc-at-start": _kwh(room.clamp(state.fill_level_kwh)),
        "soc-min": _kwh(room.low),
        "soc-max": _kwh(room.high),
        "power-capacity": _kw(max(reach.high, -reach.low)),
        "consumption-capacity": _kw(reach.high),
        "production-capacity": _kw(-reach.low),
    }
    charging, discharging = _efficiencies(device, state.fill_level_kwh)
    model["roundtrip-efficiency"] = f"{100 * charging * discharging:.4g}%"
    minima = [
        {"datetime": target.at.isoformat(), "value": _kwh(room.clamp(target.fill_level_kwh))}
        for target in state.targets
        if start < target.at <= end and target.fill_level_kwh > room.low
    ]
    # An empty list makes FlexMeasures' job fail.
    if minima:
        model["soc-minima"] = minima
    return model


def _efficiencies(device: Device, fill_level_kwh: float) -> tuple[float, float]:
    """Energy stored per energy taken, and energy given per energy unstored; 1 where the device tells none."""
    charging, discharging = 1.0, 1.0
    for _, element in device.elements_at(fill_level_kwh):
        if element.power_w.high > 0 and element.fill_rate_kwh_s.high > 0:
            charging = element.fill_rate_kwh_s.high / (element.power_w.high * KWH_PER_WS)
        if element.power_w.low < 0 and element.fill_rate_kwh_s.low < 0:
            discharging = element.power_w.low * KWH_PER_WS / element.fill_rate_kwh_s.low
    return min(charging, 1.0), min(discharging, 1.0)


def _kwh(value: float) -> str:
    return f"{value:.6g} kWh"


def _kw(value_w: float) -> str:
    return f"{value_w / 1000:.6g} kW"
