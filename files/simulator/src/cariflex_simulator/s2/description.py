"""S2 messages that describe a device: modes split by sign, so that each has one exact efficiency.

Fill levels in kWh, fill rates in kWh/s, powers in W (positive when consuming).
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import permutations

from s2python.common import (
    Commodity,
    CommodityQuantity,
    Duration,
    NumberRange,
    PowerRange,
    Role,
    RoleType,
    Transition,
)
from s2python.connection.asset_details import AssetDetails
from s2python.frbc import (
    FRBCActuatorDescription,
    FRBCFillLevelTargetProfile,
    FRBCFillLevelTargetProfileElement,
    FRBCLeakageBehaviour,
    FRBCLeakageBehaviourElement,
    FRBCOperationMode,
    FRBCOperationModeElement,
    FRBCStorageDescription,
    FRBCSystemDescription,
    FRBCUsageForecast,
    FRBCUsageForecastElement,
)

from cariflex_simulator.domain.device import StorageDevice
from cariflex_simulator.domain.storage import StorageParameters
from cariflex_simulator.domain.trips import Trip

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "s2.cariflex")
POWER = CommodityQuantity.ELECTRIC_POWER_3_PHASE_SYMMETRIC
W_PER_KW, J_PER_KWH = 1000.0, 3.6e6
IDLE, CHARGE, DISCHARGE = "idle", "charge", "discharge"
# A vehicle should be ready a little before it leaves.
READY_BEFORE = timedelta(minutes=15)
RESERVE_KWH = 5.0


@dataclass(frozen=True, slots=True)
class ModeRange:
    """Power in kW of a mode at factor 0 and at factor 1."""

    start_kw: float
    end_kw: float

    def power_kw(self, factor: float) -> float:
        """Power at ``factor``."""
        return self.start_kw + factor * (self.end_kw - self.start_kw)

    def factor(self, power_kw: float) -> float:
        """Factor that gives ``power_kw``, 0 for the mode without a width."""
        width = self.end_kw - self.start_kw
        return min(1.0, max(0.0, (power_kw - self.start_kw) / width)) if width else 0.0


def mode_ranges(device: StorageDevice) -> dict[str, ModeRange]:
    """The modes that the device has now: an absent vehicle can only be idle."""
    nameplate = device.parameters
    modes = {IDLE: ModeRange(0.0, 0.0)}
    if device.present and nameplate.max_charge_kw > 0:
        modes[CHARGE] = ModeRange(0.0, nameplate.max_charge_kw)
    if device.present and nameplate.max_discharge_kw > 0:
        modes[DISCHARGE] = ModeRange(-nameplate.max_discharge_kw, 0.0)
    return modes


def mode_of(power_kw: float) -> str:
    """The mode that a power belongs to."""
    if power_kw == 0:
        return IDLE
    return CHARGE if power_kw > 0 else DISCHARGE


def stable_id(device_id: str, *words: str) -> uuid.UUID:
    """An id that is the same in every session; S2 takes UUIDs only."""
    return uuid.uuid5(NAMESPACE, "/".join((device_id, *words)))


def asset_details(device: StorageDevice) -> AssetDetails:
    """Who the resource manager is."""
    return AssetDetails(
        resource_id=stable_id(device.device_id),
        name=device.device_id,
        manufacturer="Cariflex",
        model="simulated",
        provides_forecast=False,
        provides_power_measurements=[POWER],
        instruction_processing_delay=Duration(root=0),
        roles=[Role(role=RoleType.ENERGY_STORAGE, commodity=Commodity.ELECTRICITY)],
    )


def system_description(device: StorageDevice, now: datetime) -> FRBCSystemDescription:
    """What the device can do from ``now`` on."""
    nameplate, name = device.parameters, device.device_id
    modes = mode_ranges(device)
    actuator = FRBCActuatorDescription(
        id=stable_id(name, "actuator"),
        diagnostic_label=name,
        supported_commodities=[Commodity.ELECTRICITY],
        operation_modes=[_mode(device, mode, span) for mode, span in modes.items()],
        transitions=[
            Transition.model_validate(
                {
                    "id": stable_id(name, "transition", first, second),
                    "from": stable_id(name, first),
                    "to": stable_id(name, second),
                    "start_timers": [],
                    "blocking_timers": [],
                    "abnormal_condition_only": False,
                }
            )
            for first, second in permutations(modes, 2)
        ],
        timers=[],
    )
    storage = FRBCStorageDescription(
        diagnostic_label=name,
        fill_level_label="kWh",
        fill_level_range=_limits(nameplate),
        provides_fill_level_target_profile=device.trips is not None,
        provides_leakage_behaviour=nameplate.self_discharge_per_h > 0,
        provides_usage_forecast=device.trips is not None,
    )
    return FRBCSystemDescription(
        message_id=uuid.uuid4(), valid_from=now, actuators=[actuator], storage=storage
    )


def leakage_behaviour(device: StorageDevice, now: datetime) -> FRBCLeakageBehaviour:
    """Self-discharge at the middle of the range, kWh/s."""
    nameplate = device.parameters
    middle_kwh = (nameplate.min_fill_kwh + nameplate.max_fill_kwh) / 2
    element = FRBCLeakageBehaviourElement(
        fill_level_range=_limits(nameplate), leakage_rate=middle_kwh * nameplate.self_discharge_per_h / 3600
    )
    return FRBCLeakageBehaviour(message_id=uuid.uuid4(), valid_from=now, elements=[element])


def fill_level_target(device: StorageDevice, trip: Trip, now: datetime) -> FRBCFillLevelTargetProfile:
    """Any level until shortly before the departure, then enough for the trip."""
    nameplate = device.parameters
    needed_kwh = min(nameplate.max_fill_kwh, nameplate.min_fill_kwh + trip.energy_kwh + RESERVE_KWH)
    free = max(timedelta(seconds=1), trip.departure - READY_BEFORE - now)
    spans = [(free, nameplate.min_fill_kwh), (READY_BEFORE, needed_kwh)]
    return FRBCFillLevelTargetProfile(
        message_id=uuid.uuid4(),
        start_time=now,
        elements=[
            FRBCFillLevelTargetProfileElement(
                duration=_duration(length),
                fill_level_range=NumberRange(start_of_range=low, end_of_range=nameplate.max_fill_kwh),
            )
            for length, low in spans
        ],
    )


def usage_forecast(trip: Trip, now: datetime) -> FRBCUsageForecast:
    """Nothing until the departure, then the trip's mean rate, kWh/s."""
    spans = [
        (max(timedelta(seconds=1), trip.departure - now), 0.0),
        (trip.arrival - trip.departure, trip.use_kw),
    ]
    return FRBCUsageForecast(
        message_id=uuid.uuid4(),
        start_time=now,
        elements=[
            FRBCUsageForecastElement(duration=_duration(length), usage_rate_expected=kw / 3600)
            for length, kw in spans
        ],
    )


def _mode(device: StorageDevice, mode: str, span: ModeRange) -> FRBCOperationMode:
    nameplate = device.parameters
    element = FRBCOperationModeElement(
        fill_level_range=_limits(nameplate),
        fill_rate=NumberRange(
            start_of_range=_fill_rate(nameplate, span.start_kw),
            end_of_range=_fill_rate(nameplate, span.end_kw),
        ),
        power_ranges=[
            PowerRange(
                start_of_range=span.start_kw * W_PER_KW,
                end_of_range=span.end_kw * W_PER_KW,
                commodity_quantity=POWER,
            )
        ],
    )
    return FRBCOperationMode(
        id=stable_id(device.device_id, mode),
        diagnostic_label=mode,
        elements=[element],
        abnormal_condition_only=False,
    )


def _fill_rate(nameplate: StorageParameters, power_kw: float) -> float:
    """kWh/s that the fill level gains at a power."""
    gained = nameplate.charge_efficiency if power_kw > 0 else 1 / nameplate.discharge_efficiency
    return power_kw * W_PER_KW * gained / J_PER_KWH


def _limits(nameplate: StorageParameters) -> NumberRange:
    return NumberRange(start_of_range=nameplate.min_fill_kwh, end_of_range=nameplate.max_fill_kwh)


def _duration(length: timedelta) -> Duration:
    return Duration.from_timedelta(length)
