"""Rules on signals: what each puts on its sensor, in which unit, and what is refused instead of guessed."""

from datetime import timedelta
from typing import Any

import pytest

from cariflex_openadr.domain.model import LOAD_PERCENT_OFFSET, SignalKind
from support.ven_bench import LOAD, PRICE, RESPONSE, Bench, distribution_text

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def load_event(bench: Bench, value: float, duration: timedelta = 5 * MINUTE) -> dict[str, Any]:
    """A load-control event from the next minute on, as it goes on the wire."""
    bench.offers.events.clear()
    bench.offers.dispatch(SignalKind.LOAD_CONTROL, value, duration)
    return bench.wire()[0]


def test_price__euro_per_kwh_on_the_wire__euro_per_mwh_on_sensor_84() -> None:
    """ENERGY_PRICE travels as currencyPerKWh in EUR; sensor 84 holds EUR/MWh, an hour each from 04:00Z."""
    bench = Bench()
    assert bench.wire()[0]["event_signals"][0]["intervals"][5]["signal_payload"] == 0.105
    bench.deliver()
    post = bench.posts(PRICE)[0]
    assert (post.sensor_id, post.unit, post.resolution, post.start.hour) == (84, "EUR/MWh", HOUR, 4)
    assert [item.value for item in post.values] == [100.0 + hour for hour in range(24)]


def test_price__electricity_price__is_taken_too() -> None:
    """ELECTRICITY_PRICE is the other name of the same thing."""
    bench = Bench()
    event = bench.wire()[0]
    event["event_signals"][0]["signal_name"] = "ELECTRICITY_PRICE"
    bench.deliver([event])
    assert bench.posts(PRICE)[0].sensor_id == 84


def test_price__finer_than_the_sensor__time_weighted_mean() -> None:
    """Prices of half an hour: an hourly sensor shows their mean, weighted by time."""
    bench = Bench()
    event = bench.wire()[0]
    event["event_signals"][0]["intervals"] = [
        {"duration": duration, "signal_payload": price}
        for duration, price in ((30 * MINUTE, 0.1), (15 * MINUTE, 0.2), (15 * MINUTE, 0.4))
    ]
    event["active_period"]["duration"] = HOUR
    bench.deliver([event])
    assert [item.value for item in bench.posts(PRICE)[0].values] == [200.0]


def test_load_capacity__a_40_percent_event_is_capacity_04() -> None:
    """LOAD_CONTROL x-loadControlCapacity c is 100 c as allowed percent on sensor 86, always with unit %."""
    bench = Bench()
    bench.deliver([load_event(bench, 0.4)])
    (entry,) = bench.inbox.outbox.entries()
    assert (entry.post.sensor_id, entry.post.unit) == (86, "%")
    assert [item.value for item in entry.post.values] == [40.0] * 5


@pytest.mark.parametrize(("offset", "percent"), [(-60, 40), (0, 100), (20, 120), (-100, 0)])
def test_load_percent_offset__x_is_100_plus_x(offset: float, percent: float) -> None:
    """LOAD_CONTROL x-loadControlPercentOffset x is 100 + x as allowed percent; S2 gets the offset itself."""
    bench = Bench()
    event = load_event(bench, 0.4)
    event["event_signals"][0]["signal_type"] = LOAD_PERCENT_OFFSET
    event["event_signals"][0]["intervals"][0]["signal_payload"] = offset
    bench.deliver([event])
    (entry,) = bench.inbox.outbox.entries()
    assert (entry.post.unit, {item.value for item in entry.post.values}) == ("%", {percent})
    (intent,) = bench.inbox.intents.active()
    assert (intent.signal_type, intent.intervals[0].value) == (LOAD_PERCENT_OFFSET, offset)


@pytest.mark.parametrize(("level", "value"), [(0, 0), (1, 1 / 3), (2, 2 / 3), (3, 1)])
def test_simple__level_n_is_n_thirds(level: int, value: float) -> None:
    """SIMPLE level n is n/3 on sensor 87, dimensionless; S2 gets the same number."""
    bench = Bench()
    event = bench.wire()[-1]
    event["event_signals"][0]["intervals"][0]["signal_payload"] = level
    bench.deliver([event])
    post = bench.posts(RESPONSE)[0]
    assert (post.sensor_id, post.unit) == (87, "dimensionless")
    assert [item.value for item in post.values] == [pytest.approx(value)] * 60
    assert bench.inbox.intents.active()[0].intervals[0].value == pytest.approx(value)


@pytest.mark.parametrize("level", [-1, -0.25, 0.5, 1])
def test_demand_response__level_between_minus_one_and_one(level: float) -> None:
    """x-DEMAND_RESPONSE carries l in [-1, 1] as it is."""
    bench = Bench()
    event = bench.wire()[-1]
    event["event_signals"][0]["signal_name"] = "x-DEMAND_RESPONSE"
    event["event_signals"][0]["intervals"][0]["signal_payload"] = level
    bench.deliver([event])
    assert {item.value for item in bench.posts(RESPONSE)[0].values} == {level}
    assert bench.inbox.intents.active()[0].intervals[0].value == level


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"signal_name": "DEMAND_CHARGE"}, "DEMAND_CHARGE is not supported"),
        ({"signal_name": "x-OTHER"}, "x-OTHER is not supported"),
        ({"signal_name": "LOAD_DISPATCH", "signal_type": "setpoint"}, "LOAD_DISPATCH is not supported"),
        ({"signal_type": "x-loadControlSetpoint"}, "expected x-loadControlCapacity or"),
        ({"signal_type": "x-loadControlLevelOffset"}, "expected x-loadControlCapacity or"),
        ({"signal_type": "price"}, "expected x-loadControlCapacity or"),
        ({"signal_name": "ENERGY_PRICE", "signal_type": "priceRelative"}, "expected price"),
    ],
)
def test_other_names_and_types__opted_out_with_reason_and_counted(change: dict[str, str], words: str) -> None:
    """Names and types that are not ours are refused with 460 and the reason, counted, never guessed."""
    bench = Bench()
    event = load_event(bench, 0.4)
    event["event_signals"][0] |= change
    bench.deliver([event])
    (answer,) = bench.inbox.events.unanswered()
    assert (answer.opt, answer.code) == ("optOut", 460)
    assert words in answer.reason
    assert bench.inbox.outbox.entries() == []
    assert 'cariflex_ven_events_total{code="460",opt="optOut"} 1.0' in bench.inbox.metrics.text()


@pytest.mark.parametrize(
    ("name", "payload", "words"),
    [
        (LOAD, 1.2, "expected 0 to 1"),
        (LOAD, -0.1, "expected 0 to 1"),
        (LOAD, "NaN", "finite"),
        (LOAD, "INF", "number"),
        (RESPONSE, 5, "expected 0, 1, 2 or 3"),
        (RESPONSE, 1.5, "expected 0, 1, 2 or 3"),
        (PRICE, "NaN", "finite"),
        (PRICE, "much", "expected a number"),
    ],
)
def test_values_out_of_range__refused_alone(name: str, payload: object, words: str) -> None:
    """Rule 9 and its like: a payload outside its signal's range makes that event unusable, no other."""
    bench = Bench()
    text = distribution_text(bench.wire())
    head, tail = text.split(f"<ei:eventID>{name}<")
    before, after = tail.split("<ei:value>", 1)
    text = (
        f"{head}<ei:eventID>{name}<{before}<ei:value>{payload}</ei:value>" + after.split("</ei:value>", 1)[1]
    )
    bench.deliver_text(text)
    assert bench.due_answers()[name] == ("optOut", 459)
    assert words in bench.newest(name).reason
    assert [opt for opt, _ in bench.due_answers().values()].count("optIn") == 2


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ({"name": "currencyPerKWh", "unit": "USD", "scale": "none"}, PRICE),
        ({"name": "currencyPerThm", "unit": "EUR", "scale": "none"}, PRICE),
        ({"name": "currencyPerKWh", "unit": "EUR", "scale": "k"}, PRICE),
        (None, PRICE),
        ({"name": "powerReal", "unit": "W", "scale": "k", "ns": "power"}, LOAD),
    ],
)
def test_unit__wrong_or_missing__refused(unit: dict[str, str] | None, name: str) -> None:
    """Rule: signalType and unit match the name. A value of the wrong unit or scale reaches no sensor."""
    bench = Bench()
    events = bench.wire()
    event = next(item for item in events if item["event_descriptor"]["event_id"] == name)
    measurement = None if unit is None else {"ns": "oadr", "description": unit["name"], **unit}
    event["event_signals"][0]["measurement"] = measurement
    bench.deliver(events)
    assert bench.due_answers()[name] == ("optOut", 459)
    assert bench.posts(name) == []


def test_durations__do_not_sum_to_the_active_period__refused() -> None:
    """Rule 8: the intervals' durations sum to the active period."""
    bench = Bench()
    text = distribution_text([load_event(bench, 0.4)])
    assert text.count("PT5M") == 2
    bench.deliver_text(text.replace("PT5M", "PT6M", 1))
    assert "expected the active period" in bench.inbox.events.records()[0].reason


@pytest.mark.parametrize("length", ["PT0S", "P1M", "P1Y", "PT5X", "", "P", "-PT5M"])
def test_durations__open_ended_or_indefinite__refused(length: str) -> None:
    """Rule 47: duration 0 is open-ended. A sensor series needs an end, and a month has no fixed length."""
    bench = Bench()
    bench.deliver_text(distribution_text([load_event(bench, 0.4)]).replace("PT5M", length))
    (record,) = bench.inbox.events.records()
    assert (record.opt, record.code) == ("optOut", 459)


def test_intervals__with_their_own_start__taken_when_without_gap() -> None:
    """No dtstart inside intervals is a VTN's rule; openleadr sends it, and a gap is refused."""
    bench = Bench()
    event = load_event(bench, 0.4)
    start = event["active_period"]["dtstart"]
    event["event_signals"][0]["intervals"][0]["dtstart"] = start
    bench.deliver([event])
    assert len(bench.inbox.outbox.entries()) == 1
    other = Bench()
    event = load_event(other, 0.4)
    event["event_signals"][0]["intervals"][0]["dtstart"] = start + MINUTE
    other.deliver([event])
    assert "expected" in other.inbox.events.records()[0].reason
    assert other.inbox.outbox.entries() == []


def test_two_signals_of_one_kind__refused() -> None:
    """Two signals for one sensor may contradict each other: which of them holds is not guessed."""
    bench = Bench()
    event = load_event(bench, 0.4)
    event["event_signals"].append(dict(event["event_signals"][0], signal_id="second"))
    bench.deliver([event])
    assert bench.inbox.events.records()[0].opt == "optOut"


def test_two_kinds_in_one_event__both_sensors_and_the_exact_one_for_s2() -> None:
    """Profile 2.0b often adds SIMPLE to another signal; S2 follows the more exact load control."""
    bench = Bench()
    event = load_event(bench, 0.4)
    simple = dict(event["event_signals"][0], signal_name="SIMPLE", signal_type="level", signal_id="simple")
    simple["intervals"] = [{"duration": 5 * MINUTE, "signal_payload": 2}]
    event["event_signals"].append(simple)
    bench.deliver([event])
    assert {entry.post.sensor_id for entry in bench.inbox.outbox.entries()} == {86, 87}
    assert [intent.kind for intent in bench.inbox.intents.active()] == ["load_control"]


def test_cancelled__freed_slots_get_100_and_0() -> None:
    """Cancelling posts 100 to sensor 86 and 0 to sensor 87 for what is left: no phantom control."""
    bench = Bench()
    bench.deliver()
    bench.clock.now = bench.offers.events[RESPONSE].start + 30 * MINUTE
    for name in (LOAD, RESPONSE):
        bench.offers.modify(name, cancelled=True)
    bench.deliver()
    assert set(list(bench.shown(86).values())[:90]) == {60}
    assert set(list(bench.shown(86).values())[90:]) == {100}
    assert list(bench.shown(87).values()) == [pytest.approx(2 / 3)] * 30 + [0.0] * 30
    assert bench.due_answers()[LOAD] == ("optIn", 200)
    assert bench.inbox.intents.active() == []


def test_cancelled__with_unreadable_values__cancelled_all_the_same() -> None:
    """A cancellation counts whatever else the event says."""
    bench = Bench()
    bench.deliver()
    bench.offers.modify(LOAD, cancelled=True)
    events = [event for event in bench.wire() if event["event_descriptor"]["event_id"] == LOAD]
    events[0]["event_signals"][0]["signal_name"] = "DEMAND_CHARGE"
    bench.deliver(events)
    assert set(bench.shown(86).values()) == {100}
    assert bench.due_answers()[LOAD] == ("optIn", 200)


def test_shortened__freed_slots_given_back() -> None:
    """Shortening frees the slots that the new modification does not ask for."""
    bench = Bench()
    bench.deliver([load_event(bench, 0.4)])
    event = load_event(bench, 0.4, 2 * MINUTE)
    event["event_descriptor"]["modification_number"] = 1
    bench.clock.forward(seconds=1)
    bench.deliver([event])
    assert list(bench.shown(86).values()) == [40, 40, 100, 100, 100]


def test_unusable_modification__of_a_followed_event__frees_what_it_held() -> None:
    """Opting out of a modification is opting out of the event: the VTN counts on no control from it."""
    bench = Bench()
    bench.deliver()
    bench.offers.modify(LOAD)
    events = bench.wire()
    event = next(item for item in events if item["event_descriptor"]["event_id"] == LOAD)
    event["event_signals"][0]["signal_type"] = "x-loadControlSetpoint"
    bench.deliver(events)
    assert bench.due_answers()[LOAD] == ("optOut", 460)
    assert set(bench.shown(86).values()) == {100}
    assert LOAD not in {item.event_id for item in bench.inbox.intents.active()}


@pytest.mark.parametrize("how", ["cancelled", "dropped", "unusable"])
def test_price__cancelled_dropped_or_unusable__never_left_without_a_price(how: str) -> None:
    """Prices are replaced by prices: whatever happens to the event, its values stand until then."""
    bench = Bench()
    bench.deliver()
    before = bench.shown(84)
    if how == "dropped":
        bench.offers.events.pop(PRICE)
    else:
        bench.offers.modify(PRICE, cancelled=how == "cancelled")
    events = bench.wire()
    if how == "unusable":
        event = next(item for item in events if item["event_descriptor"]["event_id"] == PRICE)
        event["event_signals"][0]["measurement"] = None
    bench.deliver(events)
    assert bench.shown(84) == before
    assert len(before) == 24


def test_overlapping_event_cancelled__the_other_one_holds_again() -> None:
    """Freed slots go back to what another live event asks for, not to the neutral value."""
    bench = Bench()
    start = bench.offers.events[LOAD].start + HOUR
    event = bench.offers.dispatch(SignalKind.LOAD_CONTROL, 0.2, HOUR, start)
    bench.clock.forward(seconds=1)
    bench.deliver()
    assert sorted(set(bench.shown(86).values())) == [20, 60]
    bench.clock.forward(minutes=1)
    bench.offers.modify(event.event_id, cancelled=True)
    bench.deliver()
    assert set(bench.shown(86).values()) == {60}


def test_belief_time__creation_of_the_modification_in_whole_seconds() -> None:
    """Belief time is the modification's createdDateTime; FlexMeasures keys beliefs by second."""
    bench = Bench()
    bench.clock.forward(milliseconds=250)
    created = bench.clock()
    event = bench.offers.dispatch(SignalKind.LOAD_CONTROL, 0.4, 5 * MINUTE)
    bench.clock.forward(minutes=3)
    bench.deliver()
    assert bench.posts(event.event_id)[0].belief_time == created.replace(microsecond=0)
    assert bench.newest(event.event_id).belief_time == created.replace(microsecond=0)


def test_belief_time__modification_created_in_the_same_second__raised_by_one() -> None:
    """Two modifications of one second are two beliefs: the later one is raised, and stored so."""
    bench = Bench()
    event = bench.offers.dispatch(SignalKind.LOAD_CONTROL, 0.4, 5 * MINUTE)
    bench.deliver()
    bench.offers.modify(event.event_id, cancelled=True)
    bench.deliver()
    first, second = bench.posts(event.event_id)
    assert second.belief_time - first.belief_time == timedelta(seconds=1)
    assert bench.newest(event.event_id).belief_time == second.belief_time


def test_belief_time__another_event_in_the_same_second_and_slots__raised_by_one() -> None:
    """Two events that share slots never share a belief second."""
    bench = Bench()
    bench.offers.events.clear()
    names = [
        bench.offers.dispatch(SignalKind.LOAD_CONTROL, value, 5 * MINUTE).event_id for value in (0.4, 0.7)
    ]
    bench.deliver()
    times = [bench.posts(name)[0].belief_time for name in names]
    assert abs(times[1] - times[0]) == timedelta(seconds=1)


def test_belief_time__cancellation_dated_before_the_event__still_later() -> None:
    """With clocks that disagree a cancellation must not be believed to be older than what it cancels."""
    bench = Bench()
    bench.deliver()
    bench.clock.forward(minutes=-3)
    bench.offers.events.pop(LOAD)
    bench.deliver()
    first, second = bench.posts(LOAD)
    assert second.belief_time > first.belief_time
