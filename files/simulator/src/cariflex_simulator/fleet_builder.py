"""Makes the fleet from the settings, and lets it live through the past days."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cariflex_simulator.domain.behaviour import Behaviour, ChargeToTarget, SolarShift
from cariflex_simulator.domain.device import Interval, StorageDevice
from cariflex_simulator.domain.draw import seeded
from cariflex_simulator.domain.fleet import Fleet
from cariflex_simulator.domain.trips import TripPlan
from cariflex_simulator.settings import Device, Settings

# The past needs no ten-second steps: the physics is exact for any length.
PAST_STEP_S = 300.0
START_SPREAD = 0.1


def history_begin(now: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Local midnight ``days`` days before the day of ``now``, in UTC."""
    day = now.astimezone(zone).date() - timedelta(days=days)
    return datetime.combine(day, time(0), zone).astimezone(UTC)


def lived_fleet(settings: Settings, now: datetime) -> tuple[Fleet, list[Interval]]:
    """A fleet that has lived from the begin of the history to ``now``, and its intervals on the way.

    The same settings on the same local day give the same past, so that what runs continues what was loaded.
    """
    fleet = build_fleet(settings, history_begin(now, settings.history_days, settings.timezone))
    for device in fleet.devices.values():
        device.step_s = PAST_STEP_S
    past = fleet.advance(now)
    for device in fleet.devices.values():
        device.step_s = settings.step_s
    return fleet, past


def build_fleet(settings: Settings, begin: datetime) -> Fleet:
    """All storage devices as they are at ``begin``."""
    devices = {item.id: _device(settings, item, begin) for item in settings.devices}
    return Fleet(devices, settings.interval)


def _device(settings: Settings, item: Device, begin: datetime) -> StorageDevice:
    parameters = settings.storage_of(item)
    kind = settings.battery if item.kind == "battery" else settings.ev
    share = kind.start_share + seeded(settings.seed, item.id, "start").uniform(-START_SPREAD, START_SPREAD)
    width_kwh = parameters.max_fill_kwh - parameters.min_fill_kwh
    return StorageDevice(
        device_id=item.id,
        parameters=parameters,
        behaviour=_behaviour(settings, item),
        now=begin,
        fill_kwh=parameters.min_fill_kwh + min(1.0, max(0.0, share)) * width_kwh,
        trips=None
        if item.kind == "battery"
        else TripPlan(settings.seed, item.id, settings.timezone, settings.ev.trips),
        step_s=settings.step_s,
    )


def _behaviour(settings: Settings, item: Device) -> Behaviour:
    if item.kind == "ev":
        return ChargeToTarget(settings.ev.target_share)
    battery = settings.battery
    return SolarShift(
        zone=settings.timezone,
        charge_from=battery.charge_from,
        charge_until=battery.charge_until,
        discharge_from=battery.discharge_from,
        discharge_until=battery.discharge_until,
        discharge_share=battery.discharge_share,
    )
