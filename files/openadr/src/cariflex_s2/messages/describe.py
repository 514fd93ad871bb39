"""From S2's descriptions and forecasts to the device and state that the rules know."""

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from s2python.common import CommodityQuantity, PowerMeasurement
from s2python.frbc import (
    FRBCActuatorDescription,
    FRBCFillLevelTargetProfile,
    FRBCOperationModeElement,
    FRBCSystemDescription,
    FRBCUsageForecast,
)

from cariflex_s2.domain.model import Device, Element, Mode, Range, Target
from cariflex_s2.messages.inbound import RefusedError

_ELECTRIC = frozenset(
    {
        CommodityQuantity.ELECTRIC_POWER_L1,
        CommodityQuantity.ELECTRIC_POWER_L2,
        CommodityQuantity.ELECTRIC_POWER_L3,
        CommodityQuantity.ELECTRIC_POWER_3_PHASE_SYMMETRIC,
    }
)


def device_of(description: FRBCSystemDescription) -> Device:
    """The device behind a system description. Raises RefusedError for what this CEM cannot control."""
    if len(description.actuators) != 1:
        raise RefusedError(f"actuators: {len(description.actuators)}; expected one actuator a resource")
    storage = description.storage.fill_level_range
    actuator = description.actuators[0]
    room = Range(storage.start_of_range, storage.end_of_range)
    if room.low == room.high:
        raise RefusedError(f"storage.fill_level_range: {room.low} to {room.high}; expected room between them")
    modes = tuple(_modes(actuator))
    if not modes:
        raise RefusedError("operation_modes: none for normal conditions; expected at least one")
    return Device(str(actuator.id), modes, room)


def _modes(actuator: FRBCActuatorDescription) -> Iterable[Mode]:
    for mode in actuator.operation_modes:
        if not mode.abnormal_condition_only:
            yield Mode(str(mode.id), tuple(_element(element, mode.id) for element in mode.elements))


def _element(element: FRBCOperationModeElement, mode_id: uuid.UUID) -> Element:
    powers = [found for found in element.power_ranges if found.commodity_quantity in _ELECTRIC]
    if not powers:
        raise RefusedError(f"operation mode {mode_id}: no electric power range; expected one")
    return Element(
        fill_level_kwh=Range(element.fill_level_range.start_of_range, element.fill_level_range.end_of_range),
        fill_rate_kwh_s=Range(element.fill_rate.start_of_range, element.fill_rate.end_of_range),
        power_w=Range(sum(p.start_of_range for p in powers), sum(p.end_of_range for p in powers)),
    )


def targets_of(profile: FRBCFillLevelTargetProfile) -> tuple[Target, ...]:
    """The fill levels that must be reached, each at the start of its element."""
    start, found = _utc(profile.start_time), []
    for element in profile.elements:
        found.append(Target(start, element.fill_level_range.start_of_range))
        start += timedelta(milliseconds=element.duration.root)
    return tuple(found)


def usage_at(forecast: FRBCUsageForecast, moment: datetime) -> float:
    """The expected change of the fill level by others in kWh/s, 0 outside of the forecast."""
    start = _utc(forecast.start_time)
    for element in forecast.elements:
        end = start + timedelta(milliseconds=element.duration.root)
        if start <= moment < end:
            return float(element.usage_rate_expected)
        start = end
    return 0.0


def electric_power_w(measurement: PowerMeasurement) -> float | None:
    """The sum of the electric values in W, None without one."""
    found = [item.value for item in measurement.values if item.commodity_quantity in _ELECTRIC]
    return sum(found) if found else None


def measured_at(measurement: PowerMeasurement) -> datetime:
    """When it was measured, in UTC."""
    return _utc(measurement.measurement_timestamp)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
