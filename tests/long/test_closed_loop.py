"""The closed loop on the running dev stack: VTN → VEN → S2 → devices → FlexMeasures, with every part real.

Beforehand a cheap price has FlexMeasures plan full charging; then an operator's load-control event caps it at
40 %. Takes about 25 minutes and leaves the prices as the VTN publishes them.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.long.dev_stack import (
    CAPACITY,
    DEVICES,
    LEAST_BEFORE,
    LEVEL_SENSORS,
    POWER_SENSORS,
    all_capped,
    all_charge,
    await_that,
    five_minutes,
    in_s,
    load_control,
    record,
    sleep_until,
    values,
    watch,
)

pytestmark = pytest.mark.long

# One interval of the power sensors each: what is left for the balance lies around them.
EVENT_S = 300
CONTROL_S = 300
MOST_BALANCE_ERROR = 0.01
REPORT = Path(__file__).resolve().parents[2] / "build" / "bench" / "closed_loop.json"


@pytest.fixture(scope="module")
def loop(charging: float) -> dict[str, Any]:
    """One run of the loop."""
    found: dict[str, Any] = {"begin": datetime.now(UTC).isoformat(), "record_begin": record()}
    hops = found["hops_s"] = {"price posted -> all charge": charging}
    found["control"] = watch(in_s(CONTROL_S))
    found["event"], start = load_control(EVENT_S)
    end_of_event = start + timedelta(seconds=EVENT_S)
    sleep_until(start)
    hops["event start -> all at the cap"] = await_that("the cap", all_capped, timeout_s=60)
    found["during"] = watch(end_of_event - timedelta(seconds=10))
    sleep_until(end_of_event)
    hops["event end -> all charge again"] = await_that("charging again", all_charge, timeout_s=300)
    # One interval of even power more: the last level must not lie in one that is half event.
    end = five_minutes(datetime.now(UTC)) + timedelta(minutes=5)
    sleep_until(end + timedelta(seconds=90))
    found |= {"end": end.isoformat(), "record_end": record()}
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=2), encoding="utf-8")
    return found


def test_control_run__no_event__every_device_stays_at_80_percent(loop: dict[str, Any]) -> None:
    assert len(loop["control"]) > 20
    for found in loop["control"]:
        assert min(found.values()) >= LEAST_BEFORE


def test_event__capacity_40_percent__every_device_draws_less_and_still_something(
    loop: dict[str, Any],
) -> None:
    assert len(loop["during"]) > 20
    for found in loop["during"]:
        for device, share in found.items():
            assert 0 < share <= CAPACITY + 1e-6, device


def test_event__seen_by_the_whole_loop__in_time(loop: dict[str, Any]) -> None:
    """One poll period of 10 s and a second, and the second in which the test looks."""
    assert loop["hops_s"]["event start -> all at the cap"] <= 12


def _record_balance(begin: dict[str, Any], end: dict[str, Any], efficiency: float) -> float:
    """How far the simulator's own bookings between two moments are from closing, as a share of all energy."""
    gone = {name: end["record"][name] - begin["record"][name] for name in end["record"]}
    charged, discharged = gone["charged_kwh"], gone["discharged_kwh"]
    gained = charged * efficiency - discharged / end["parameters"]["discharge_efficiency"]
    gained += gone["adjusted_kwh"] - gone["self_discharge_kwh"] - gone["used_kwh"]
    assert charged + discharged > 1, f"{charged + discharged} kWh, too little to balance"
    return float(abs(end["fill_kwh"] - begin["fill_kwh"] - gained) / (charged + discharged))


@pytest.mark.parametrize("device", DEVICES)
def test_record__balance_closes__and_shows_an_efficiency_that_is_3_percent_off(
    loop: dict[str, Any], device: str
) -> None:
    begin, end = loop["record_begin"][device], loop["record_end"][device]
    efficiency = end["parameters"]["charge_efficiency"]

    assert _record_balance(begin, end, efficiency) <= MOST_BALANCE_ERROR
    assert _record_balance(begin, end, efficiency * 0.97) > MOST_BALANCE_ERROR


def _balance(device: str, parameters: dict[str, float], begin: datetime, end: datetime) -> float:
    """How far FlexMeasures' own values are from closing, as a share of the energy that went through."""
    levels = values(LEVEL_SENSORS[device], begin, end)
    powers = values(POWER_SENSORS[device], begin - timedelta(minutes=5), end)
    assert len(levels) > 8, f"{device}: {len(levels)} fill levels between {begin} and {end}"
    charged = discharged = 0.0
    first, last = levels[0], levels[-1]
    for at, power_kw in powers:
        # An interval counts as far as it lies between the two levels.
        hours = max(0.0, min(at + 300, last[0]) - max(at, first[0])) / 3600
        charged += max(0.0, power_kw) * hours
        discharged += max(0.0, -power_kw) * hours
    mean_kwh = sum(value for _, value in levels) / len(levels)
    lost = mean_kwh * parameters["self_discharge_per_h"] * (last[0] - first[0]) / 3600
    gained = (
        charged * parameters["charge_efficiency"] - discharged / parameters["discharge_efficiency"] - lost
    )
    assert charged + discharged > 1, f"{device}: {charged + discharged} kWh, too little to balance"
    return abs(last[1] - first[1] - gained) / (charged + discharged)


@pytest.mark.parametrize("device", DEVICES)
def test_flexmeasures_values__balance_closes__and_shows_an_efficiency_that_is_3_percent_off(
    loop: dict[str, Any], device: str
) -> None:
    begin, end = five_minutes(datetime.fromisoformat(loop["begin"])), datetime.fromisoformat(loop["end"])
    parameters = loop["record_end"][device]["parameters"]
    wrong = {**parameters, "charge_efficiency": parameters["charge_efficiency"] * 0.97}

    assert _balance(device, parameters, begin, end) <= MOST_BALANCE_ERROR
    assert _balance(device, wrong, begin, end) > MOST_BALANCE_ERROR
