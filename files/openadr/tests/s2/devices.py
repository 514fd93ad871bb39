"""Devices, resources and situations for the tests of the S2 service."""

import uuid
from datetime import UTC, datetime, timedelta

from cariflex_s2.domain.model import (
    ActiveSignal,
    Cause,
    Device,
    Element,
    Interval,
    Mode,
    Range,
    SignalType,
    Situation,
    State,
    Target,
)
from cariflex_s2.resource import Resource, Sensor

NOON = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
ETA = 0.95
WS_PER_KWH = 3.6e6
BASE = Cause("baseline", "0", NOON)
SPACE = uuid.UUID("00000000-0000-4000-8000-000000000000")
IDLE, CHARGE, DISCHARGE = (str(uuid.uuid5(SPACE, name)) for name in ("idle", "charge", "discharge"))
ACTUATOR = str(uuid.uuid5(SPACE, "actuator"))


def storage(power_w: float = 50_000, low_kwh: float = 10, high_kwh: float = 95, eta: float = ETA) -> Device:
    """A battery with modes split by sign, as resource managers should describe themselves."""
    room, rate = Range(low_kwh, high_kwh), power_w / WS_PER_KWH
    return Device(
        ACTUATOR,
        (
            Mode(IDLE, (Element(room, Range(0, 0), Range(0, 0)),)),
            Mode(CHARGE, (Element(room, Range(0, rate * eta), Range(0, power_w)),)),
            Mode(DISCHARGE, (Element(room, Range(-rate / eta, 0), Range(-power_w, 0)),)),
        ),
        room,
    )


def situation(
    fill_kwh: float = 50,
    base_w: float = 0,
    hours: float = 1,
    device: Device | None = None,
    limit_w: float = 50_000,
    targets: tuple[Target, ...] = (),
    usage_kwh_s: float = 0.0,
) -> Situation:
    """A battery at noon."""
    return Situation(
        resource_id="battery_01",
        limits_w=Range(-limit_w, limit_w),
        device=device or storage(),
        state=State(fill_kwh, targets, usage_kwh_s),
        base_w=base_w,
        base_cause=BASE,
        now=NOON,
        until=NOON + hours * HOUR,
    )


def signal(
    signal_type: SignalType, value: float, event_id: str = "event-1", modification: int = 0
) -> ActiveSignal:
    """A signal in force for the hour after noon."""
    return ActiveSignal(event_id, modification, signal_type, Interval(NOON, NOON + HOUR, value))


def capacity(share: float, event_id: str = "event-1") -> ActiveSignal:
    """A load-control capacity."""
    return signal(SignalType.CAPACITY, share, event_id)


def level(value: float, event_id: str = "event-1") -> ActiveSignal:
    """A demand-response level, -1 to 1."""
    return signal(SignalType.LEVEL, value, event_id)


def offset(percent: float, event_id: str = "event-1") -> ActiveSignal:
    """A load-control percent offset."""
    return signal(SignalType.PERCENT_OFFSET, percent, event_id)


def resource(number: int = 1, baseline_w: float = 0, name: str = "") -> Resource:
    """Row ``number`` of the mapping table's batteries."""
    return Resource(
        resource_id=name or f"battery_{number:02d}",
        asset=f"Bat_{number:02d}",
        asset_id=50 + number,
        limits_w=Range(-50_000, 50_000),
        baseline_w=baseline_w,
        poster="SOC Simulator",
        fill_level=Sensor(50 + number, "kWh", timedelta(0)),
        actual_power=Sensor(1000 + number, "kW", timedelta(minutes=5)),
        schedule=Sensor(1020 + number, "kW", timedelta(minutes=15)),
    )
