"""Devices over days: trips, commands, and the same past for the same seed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cariflex_simulator.domain.device import Command, StorageDevice
from cariflex_simulator.domain.fleet import Fleet
from cariflex_simulator.domain.record import balance_error
from cariflex_simulator.fleet_builder import build_fleet, history_begin, lived_fleet
from cariflex_simulator.settings import Settings
from support import NOON, settings_in

INSTRUCTION = "5f6e1a6c-0000-4000-8000-000000000001"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


def _device(settings: Settings, name: str, begin: datetime = NOON) -> StorageDevice:
    return build_fleet(settings, begin).devices[name]


def test_past__same_seed__same_series(settings: Settings) -> None:
    first, second = lived_fleet(settings, NOON)[1], lived_fleet(settings, NOON)[1]

    assert first == second
    assert len(first) == len(settings.devices) * 12 * (2 * 24 + 12)


def test_past__other_seed__other_series(tmp_path: Path, settings: Settings) -> None:
    other = settings_in(tmp_path, seed=973)

    assert lived_fleet(settings, NOON)[1] != lived_fleet(other, NOON)[1]


def test_past__whatever_happened__every_balance_closes(settings: Settings) -> None:
    fleet, _ = lived_fleet(settings, NOON)

    for device in fleet.devices.values():
        assert device.record.charged_kwh > 0
        assert balance_error(device.record, device.parameters, device.fill_kwh) <= 0.01


def test_past__vehicle__loses_its_trips_energy_and_draws_nothing_while_away(settings: Settings) -> None:
    vehicle = _device(settings, "ev_07", history_begin(NOON, 1, ZoneInfo("America/Martinique")))
    assert vehicle.trips is not None
    trip = vehicle.trips.next_after(vehicle.now)
    assert trip is not None
    vehicle.advance(trip.departure)
    charged_kwh = vehicle.record.charged_kwh

    vehicle.advance(trip.arrival)

    assert vehicle.record.used_kwh == pytest.approx(trip.energy_kwh)
    assert vehicle.record.charged_kwh == charged_kwh


def test_trips__any_day__departure_before_arrival_and_never_two_at_once(settings: Settings) -> None:
    plan = _device(settings, "ev_01").trips
    assert plan is not None
    trips = [trip for n in range(60) if (trip := plan.of_day((NOON + timedelta(days=n)).date()))]

    assert 40 < len(trips) < 60
    assert all(trip.departure < trip.arrival for trip in trips)
    assert all(first.arrival < second.departure for first, second in pairwise(trips))


def test_command__later_start__acts_from_then_on(settings: Settings) -> None:
    battery = _device(settings, "battery_01")
    battery.command(Command(NOON + timedelta(minutes=1), -20.0, INSTRUCTION))
    battery.advance(NOON + timedelta(seconds=59))
    before_kw = battery.power_kw

    battery.advance(NOON + timedelta(minutes=2))

    assert (before_kw, battery.power_kw) == (50.0, -20.0)


def test_command__revoked__plain_behaviour_returns(settings: Settings) -> None:
    battery = _device(settings, "battery_01")
    battery.command(Command(NOON, 10.0, INSTRUCTION))
    battery.advance(NOON + timedelta(minutes=1))

    assert battery.revoke(INSTRUCTION)
    battery.advance(NOON + timedelta(minutes=2))

    assert battery.power_kw == 50.0
    assert not battery.revoke(INSTRUCTION)


def test_vehicle__away_by_hand__obeys_no_command(settings: Settings) -> None:
    vehicle = _device(settings, "ev_01")
    vehicle.presence = False
    vehicle.command(Command(NOON, 22.0, INSTRUCTION))

    vehicle.advance(NOON + timedelta(minutes=5))

    assert vehicle.record.charged_kwh == 0


def test_adjust__by_hand__is_booked_so_that_the_balance_still_closes(settings: Settings) -> None:
    battery = _device(settings, "battery_01")
    battery.advance(NOON + timedelta(minutes=10))

    battery.adjust(20.0)
    battery.advance(NOON + timedelta(minutes=20))

    assert battery.fill_kwh > 20
    assert balance_error(battery.record, battery.parameters, battery.fill_kwh) < 1e-9
    with pytest.raises(ValueError, match=r"fill_kwh 96.*10.0 to 95.0"):
        battery.adjust(96.0)


def test_intervals__means_and_levels__agree_with_the_record(settings: Settings) -> None:
    battery = _device(settings, "battery_01")
    fleet = Fleet({"battery_01": battery}, settings.interval)

    closed = fleet.advance(NOON + timedelta(hours=2, minutes=2))

    hours = settings.interval / timedelta(hours=1)
    assert [item.start.minute % 5 for item in closed] == [0] * 24
    rest_kwh = battery.interval_kwh
    net_kwh = battery.record.charged_kwh - battery.record.discharged_kwh
    assert sum(item.power_kw * hours for item in closed) + rest_kwh == pytest.approx(net_kwh)
    assert closed[-1].end == datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


def test_intervals__device_lived_ahead__never_past_a_boundary(settings: Settings) -> None:
    fleet = build_fleet(settings, NOON)
    battery = fleet.devices["battery_01"]

    fleet.live(battery, NOON + timedelta(hours=1))

    assert battery.now == NOON + settings.interval
