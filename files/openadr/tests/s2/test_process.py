"""From signal, base and state to a setpoint: the formulas and their order."""

from datetime import timedelta

import pytest

from cariflex_s2.domain.model import ActiveSignal, Decision, Device, Element, Mode, Range, Target
from cariflex_s2.domain.process import process_demand_response, process_load_control, process_signals
from s2.devices import (
    CHARGE,
    DISCHARGE,
    HOUR,
    IDLE,
    NOON,
    capacity,
    level,
    offset,
    situation,
    storage,
)


def power_w(decision: Decision) -> float:
    assert decision.setting is not None
    return decision.setting.power_w


@pytest.mark.parametrize(
    ("base_w", "signals", "expected_w"),
    [
        (50_000, [capacity(0.4)], 20_000),
        (10_000, [capacity(0.4)], 10_000),
        (-30_000, [capacity(0.0)], -30_000),
        (50_000, [capacity(0.4, "a"), capacity(0.3, "b")], 15_000),
        (50_000, [offset(-20)], 40_000),
        (-20_000, [offset(-50)], -10_000),
        (10_000, [offset(50)], 15_000),
        (50_000, [offset(-20, "a"), capacity(0.9, "b")], 40_000),
        (20_000, [], 20_000),
    ],
)
def test__process_load_control__offset_scales_then_capacity_caps(
    base_w: float, signals: list[ActiveSignal], expected_w: float
) -> None:
    decision = process_load_control(situation(base_w=base_w, hours=0.25), signals)
    assert power_w(decision) == pytest.approx(expected_w)


@pytest.mark.parametrize(
    ("base_w", "levels", "expected_w"),
    [
        (20_000, [1.0], -50_000),
        (20_000, [0.5], -15_000),
        (0, [1 / 3], -50_000 / 3),
        (0, [-0.5], 25_000),
        (50_000, [-1.0], 50_000),
        (20_000, [0.5, 1.0], -50_000),
        (20_000, [-0.5, 0.5], -15_000),
    ],
)
def test__process_demand_response__moves_the_base_towards_a_limit(
    base_w: float, levels: list[float], expected_w: float
) -> None:
    signals = [level(value, f"e{count}") for count, value in enumerate(levels)]
    decision = process_demand_response(situation(base_w=base_w, hours=0.25), signals)
    assert power_w(decision) == pytest.approx(expected_w)


def test__process_signals__capacity_comes_last() -> None:
    both = [level(-1.0, "dr"), capacity(0.4, "cap")]
    assert power_w(process_signals(situation(hours=0.25), both)) == pytest.approx(20_000)


def test__process_signals__discharge_near_the_lower_limit_lasts_the_interval() -> None:
    decision = process_signals(situation(fill_kwh=12, base_w=-50_000), [])
    assert power_w(decision) == pytest.approx(-1_900)
    assert decision.setting is not None
    assert decision.setting.mode_id == DISCHARGE


def test__process_signals__charge_near_the_upper_limit_lasts_the_interval() -> None:
    decision = process_signals(situation(fill_kwh=94, base_w=50_000), [])
    assert power_w(decision) == pytest.approx(1_000 / 0.95)
    assert decision.setting is not None
    assert decision.setting.mode_id == CHARGE


@pytest.mark.parametrize(("fill_kwh", "base_w"), [(9.5, -50_000), (96, 50_000), (10, -1), (95, 1)])
def test__process_signals__a_device_past_a_limit_stands_still(fill_kwh: float, base_w: float) -> None:
    decision = process_signals(situation(fill_kwh=fill_kwh, base_w=base_w), [])
    assert decision.setting is not None
    assert (decision.setting.mode_id, decision.setting.power_w) == (IDLE, 0)


def test__process_signals__expected_usage_leaves_less_to_discharge() -> None:
    used = situation(fill_kwh=12, base_w=-50_000, usage_kwh_s=-1 / 3600)
    assert power_w(process_signals(used, [])) == pytest.approx(-950)


def test__process_signals__expected_usage_is_no_leave_to_charge_more() -> None:
    used = situation(fill_kwh=94, base_w=50_000, usage_kwh_s=-1 / 3600)
    assert power_w(process_signals(used, [])) == pytest.approx(1_000 / 0.95)


def test__process_signals__a_charger_with_a_minimum_stops_under_a_smaller_cap() -> None:
    room = Range(10, 95)
    charger = Device(
        "a",
        (
            Mode(IDLE, (Element(room, Range(0, 0), Range(0, 0)),)),
            Mode(CHARGE, (Element(room, Range(1e-4, 1e-3), Range(4_000, 22_000)),)),
        ),
        room,
    )
    decision = process_signals(situation(device=charger, base_w=22_000, limit_w=22_000), [capacity(0.1)])
    assert power_w(decision) == 0


def test__process_signals__no_mode_that_stands_still_gives_no_setting() -> None:
    room = Range(10, 95)
    stubborn = Device("a", (Mode(CHARGE, (Element(room, Range(1e-4, 1e-3), Range(4_000, 22_000)),)),), room)
    assert process_signals(situation(device=stubborn), []).setting is None


def test__process_demand_response__keeps_a_departure_reachable() -> None:
    """20 kWh are missing in two hours: of 47.5 kWh a full hour gives, none is needed in the first hour."""
    easy = situation(fill_kwh=50, targets=(Target(NOON + 2 * HOUR, 70),))
    assert power_w(process_demand_response(easy, [level(1.0)])) == pytest.approx(-27_500 * 0.95)
    hard = situation(fill_kwh=30, base_w=0, targets=(Target(NOON + HOUR, 70),))
    assert power_w(process_demand_response(hard, [level(1.0)])) == pytest.approx(40_000 / 0.95)


def test__process_load_control__a_cap_stands_above_a_departure() -> None:
    late = situation(fill_kwh=30, targets=(Target(NOON + HOUR, 70),))
    assert power_w(process_load_control(late, [capacity(0.4)])) == pytest.approx(20_000)


def test__process_load_control__an_offset_does_not_go_below_what_a_departure_needs() -> None:
    late = situation(fill_kwh=30, base_w=50_000, targets=(Target(NOON + HOUR, 49),))
    assert power_w(process_load_control(late, [offset(-90)])) == pytest.approx(20_000)


def test__process_signals__names_every_event_as_cause() -> None:
    later = situation().now - timedelta(hours=1)
    decision = process_signals(situation(), [capacity(0.4, "b"), level(0.5, "a")])
    assert (decision.cause.event, decision.cause.modification) == ("a+b", "0+0")
    assert decision.cause.interval == NOON > later
    assert process_signals(situation(), []).cause.event == "baseline"


def test__process_load_control__limits_of_the_table_hold_for_a_stronger_device() -> None:
    strong = situation(device=storage(power_w=100_000), base_w=80_000, hours=0.1)
    assert power_w(process_load_control(strong, [])) == pytest.approx(50_000)
    assert power_w(process_load_control(strong, [capacity(0.4)])) == pytest.approx(20_000)
