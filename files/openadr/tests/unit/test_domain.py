"""Programs, rules, conversions and expansion."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cariflex_openadr.domain.expansion import Run, expand, values_to_post
from cariflex_openadr.domain.model import Event, EventStatus, Interval, Signal, SignalKind
from cariflex_openadr.domain.program import due_events, next_midnight
from cariflex_openadr.domain.rules import RuleError, check_event, ordered, overlapping
from cariflex_openadr.domain.units import per_kwh_to_per_mwh, per_mwh_to_per_kwh, to_sensor_unit
from support import NOON
from support.vtn import program

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PROGRAM = program()


def event(
    *intervals: Interval,
    kind: SignalKind = SignalKind.LOAD_CONTROL,
    event_id: str = "e",
    created: datetime = NOON,
) -> Event:
    return Event(event_id, 0, created, "http://test", (Signal(kind, intervals),))


def slots(runs: list[Run]) -> dict[datetime, float]:
    return {item.start: item.value for run in runs for item in run.values}


def test_due_events__at_noon__price_from_local_midnight_and_deterministic_ids() -> None:
    price, load, response = due_events(PROGRAM, NOON)
    assert price.event_id == "price-2026-11-23"
    assert price.start == datetime(2026, 11, 23, 4, tzinfo=UTC)
    assert price.end - price.start == timedelta(hours=24)
    assert load.event_id == "load-control-2026-11-23"
    assert (load.start, load.end - load.start) == (datetime(2026, 11, 23, 22, tzinfo=UTC), 4 * HOUR)
    assert response.signals[0].intervals[0].value == 2
    for item in (price, load, response):
        check_event(item)


def test_due_events__window_over__tomorrows_is_due() -> None:
    late = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)  # 23:00 local, still the 23rd
    ids = [item.event_id for item in due_events(PROGRAM, late)]
    assert ids == ["price-2026-11-23", "load-control-2026-11-24", "demand-response-2026-11-24"]


def test_next_midnight__martinique__is_04_utc() -> None:
    assert next_midnight(NOON, PROGRAM.timezone) == datetime(2026, 11, 24, 4, tzinfo=UTC)


def test_status_at__over_time__far_active_completed_and_cancelled_wins() -> None:
    one = event(Interval(NOON, HOUR, 0.5))
    assert one.status_at(NOON - MINUTE) is EventStatus.FAR
    assert one.status_at(NOON) is EventStatus.ACTIVE
    assert one.status_at(NOON + HOUR) is EventStatus.COMPLETED
    assert replace(one, cancelled=True).status_at(NOON) is EventStatus.CANCELLED


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (SignalKind.LOAD_CONTROL, 1.01),
        (SignalKind.LOAD_CONTROL, float("nan")),
        (SignalKind.DEMAND_RESPONSE, 4),
        (SignalKind.DEMAND_RESPONSE, 1.5),
        (SignalKind.PRICE, float("inf")),
    ],
)
def test_check_event__bad_value__refused(kind: SignalKind, value: float) -> None:
    with pytest.raises(RuleError, match="expected"):
        check_event(event(Interval(NOON, HOUR, value), kind=kind))


@pytest.mark.parametrize("seconds", [0, -60, 90])
def test_check_event__duration_not_whole_minutes__refused(seconds: int) -> None:
    with pytest.raises(RuleError, match="multiple of 60"):
        check_event(event(Interval(NOON, timedelta(seconds=seconds), 0.5)))


def test_overlapping__same_context_only_and_not_itself() -> None:
    one = event(Interval(NOON, HOUR, 0.5))
    touching = event(Interval(NOON + HOUR, HOUR, 0.5), event_id="next")
    inside = event(Interval(NOON + MINUTE, MINUTE, 0.5), event_id="inside")
    elsewhere = replace(inside, event_id="other", market_context="http://other")
    assert overlapping(one, [one, touching, inside, elsewhere]) == [inside]


def test_ordered__active_then_priority_then_start() -> None:
    active_low = event(Interval(NOON, HOUR, 0.5), event_id="active-low")
    active_high = replace(active_low, event_id="active-high", priority=1)
    soon = event(Interval(NOON + HOUR, HOUR, 0.5), event_id="soon")
    later = replace(event(Interval(NOON + 2 * HOUR, HOUR, 0.5), event_id="later"), priority=1)
    found = [item.event_id for item in ordered([soon, later, active_low, active_high], NOON)]
    assert found == ["active-high", "active-low", "later", "soon"]


@given(st.floats(min_value=-5000, max_value=5000).map(lambda value: round(value, 4)))
def test_price_conversion__there_and_back__unchanged(price: float) -> None:
    assert per_kwh_to_per_mwh(per_mwh_to_per_kwh(price)) == pytest.approx(price, abs=1e-6)


def test_to_sensor_unit__each_kind() -> None:
    assert to_sensor_unit(SignalKind.LOAD_CONTROL, 0.4) == 40
    assert to_sensor_unit(SignalKind.DEMAND_RESPONSE, 1) == pytest.approx(1 / 3)
    assert to_sensor_unit(SignalKind.PRICE, 87.5) == 87.5


def test_expand__unaligned_start__floors_to_the_sensors_grid() -> None:
    signal = Signal(SignalKind.LOAD_CONTROL, (Interval(NOON, MINUTE, 0.4),))
    first = NOON - timedelta(seconds=30)
    assert expand(signal, MINUTE) == {first: 40, first + MINUTE: 40}


def test_expand__quarter_hour_prices__hourly_mean() -> None:
    start = datetime(2026, 11, 23, 4, tzinfo=UTC)
    quarters = tuple(Interval(start + n * 15 * MINUTE, 15 * MINUTE, 100.0 + n) for n in range(4))
    assert expand(Signal(SignalKind.PRICE, quarters), HOUR) == {start: 101.5}


def test_expand__shared_slot__strictest_cap_and_highest_level() -> None:
    half = timedelta(seconds=30)
    start = datetime(2026, 11, 23, 4, tzinfo=UTC)
    cap = Signal(SignalKind.LOAD_CONTROL, (Interval(start, half, 0.9), Interval(start + half, half, 0.2)))
    level = Signal(SignalKind.DEMAND_RESPONSE, (Interval(start, half, 3), Interval(start + half, half, 0)))
    assert expand(cap, MINUTE) == {start: 20}
    assert expand(level, MINUTE) == {start: 1}


def test_values_to_post__cancelled__only_the_future_returns_to_neutral() -> None:
    start = NOON.replace(second=0)
    cancelled = replace(event(Interval(start - 2 * MINUTE, 5 * MINUTE, 0.4)), cancelled=True)
    runs = values_to_post(cancelled, SignalKind.LOAD_CONTROL, MINUTE, previous=None, others=[], now=NOON)
    assert slots(runs) == {start + n * MINUTE: 100 for n in range(3)}


def test_values_to_post__cancelled_inside_another_event__returns_to_that_event() -> None:
    start = NOON.replace(second=0)
    daily = event(Interval(start - HOUR, 2 * HOUR, 0.6), event_id="daily")
    cancelled = replace(event(Interval(start, 2 * MINUTE, 0.1)), cancelled=True)
    runs = values_to_post(cancelled, SignalKind.LOAD_CONTROL, MINUTE, previous=None, others=[daily], now=NOON)
    assert set(slots(runs).values()) == {60}


def test_values_to_post__moved__old_slots_freed_and_gap_makes_two_runs() -> None:
    start = NOON.replace(second=0)
    before = event(Interval(start, 2 * MINUTE, 1), kind=SignalKind.DEMAND_RESPONSE)
    after = event(Interval(start + HOUR, 2 * MINUTE, 3), kind=SignalKind.DEMAND_RESPONSE)
    runs = values_to_post(after, SignalKind.DEMAND_RESPONSE, MINUTE, previous=before, others=[], now=NOON)
    assert [run.start for run in runs] == [start, start + HOUR]
    assert [item.value for run in runs for item in run.values] == [0, 0, 1, 1]


def test_values_to_post__price_cancelled__nothing_to_return_to() -> None:
    price = replace(due_events(PROGRAM, NOON)[0], cancelled=True)
    assert values_to_post(price, SignalKind.PRICE, HOUR, previous=None, others=[], now=NOON) == []


@pytest.mark.parametrize(
    ("value", "signal_type", "percent"),
    [
        (0.4, "", 40),
        (0.0, "", 0),
        (-40, "x-loadControlPercentOffset", 60),
        (10, "x-loadControlPercentOffset", 110),
    ],
)
def test_expand__load_control__percent_that_stays_allowed(
    value: float, signal_type: str, percent: float
) -> None:
    """Capacity c is 100 c %, percent offset x is 100 + x %."""
    start = NOON.replace(second=0)
    signal = Signal(SignalKind.LOAD_CONTROL, (Interval(start, MINUTE, value),), signal_type)
    assert expand(signal, MINUTE) == {start: percent}
