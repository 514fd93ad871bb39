"""Rules for a VTN, checked on the messages it sends."""

from datetime import timedelta
from typing import Any

import pytest
from openleadr.messaging import create_message, parse_message, validate_xml_schema

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.rules import OverlapError, RuleError
from cariflex_openadr.messages.events import from_wire, to_wire
from cariflex_openadr.publisher import Publisher
from cariflex_openadr.storage.vtn import MemoryVtnStore, Opt
from support import NOON, VEN_ID, TurnableClock
from support.vtn import vtn_config

EI = "{http://docs.oasis-open.org/ns/energyinterop/201110}"
XCAL = "{urn:ietf:params:xml:ns:icalendar-2.0}"


def publisher(clock: TurnableClock | None = None) -> Publisher:
    made = Publisher(vtn_config().program, MemoryVtnStore(), clock or TurnableClock())
    made.publish_program()
    return made


def answer_all(made: Publisher, at: Any = NOON) -> None:
    for event in made.distribution(VEN_ID):
        made.take_opt(Opt(VEN_ID, event.event_id, event.modification, "optIn", 200, "OK", at))


def wire(made: Publisher, now: Any = NOON) -> list[dict[str, Any]]:
    return [to_wire(event, VEN_ID, now) for event in made.distribution(VEN_ID)]


def xml(made: Publisher) -> Any:
    text = create_message("oadrDistributeEvent", request_id="r", vtn_id="CARIFLEX_VTN", events=wire(made))
    return validate_xml_schema(text)


def test_interval_uids__count_from_zero_without_gap_and_schema_is_met() -> None:
    """Rule: the uid of a signal's intervals runs 0..n; the message validates against the 2.0b schema."""
    signal = xml(publisher()).find(f".//{EI}eiEventSignal")
    uids = [int(item.text) for item in signal.iterfind(f".//{XCAL}uid/{XCAL}text")]
    assert uids == list(range(24))


def test_intervals__carry_no_dtstart() -> None:
    """Rule: only the active period has a dtstart; intervals of a signal follow one another."""
    assert xml(publisher()).find(f".//{EI}interval/{XCAL}dtstart") is None


def test_durations__sum_to_the_active_period() -> None:
    """Rule 8: the durations of each signal's intervals add up to the active period."""
    for event in wire(publisher()):
        for signal in event["event_signals"]:
            total = sum((item["duration"] for item in signal["intervals"]), timedelta())
            assert total == event["active_period"]["duration"]


def test_simple__level_above_three__refused_before_it_is_offered() -> None:
    """Rule 9: payloads of SIMPLE are 0, 1, 2 or 3."""
    with pytest.raises(RuleError, match="0, 1, 2 or 3"):
        publisher().dispatch(SignalKind.DEMAND_RESPONSE, 5, timedelta(minutes=5))


def test_current_value__zero_until_active_then_the_payload() -> None:
    """Rule 14: currentValue is 0 unless the event is active; then it is the running interval's payload."""
    price, load, response = (event["event_signals"][0] for event in wire(publisher()))
    assert price["current_value"] == pytest.approx(0.112)  # hour 12 of the local day, in EUR/kWh
    assert (load["current_value"], response["current_value"]) == (0, 0)


def test_ids__unique_events_and_signals() -> None:
    """Rule: eventID is unique, and so is signalID."""
    made = publisher()
    for minutes in (10, 20):
        start = NOON.replace(second=0) + timedelta(minutes=minutes)
        made.dispatch(SignalKind.LOAD_CONTROL, 0.4, timedelta(minutes=5), start)
    events = wire(made)
    assert len({item["event_descriptor"]["event_id"] for item in events}) == len(events) == 5
    assert len({signal["signal_id"] for item in events for signal in item["event_signals"]}) == 5


def test_target__exactly_one_ven() -> None:
    """Rule: at most one venID target in an event."""
    assert all(event["targets"] == [{"ven_id": VEN_ID}] for event in wire(publisher()))


def test_market_context__no_overlap_within_one() -> None:
    """Rule: events of one market context do not overlap; price, load control and SIMPLE have their own."""
    made = publisher()
    contexts = [event["event_descriptor"]["market_context"] for event in wire(made)]
    assert len(set(contexts)) == 3
    first = made.dispatch(SignalKind.LOAD_CONTROL, 0.4, timedelta(minutes=5))
    with pytest.raises(OverlapError, match=first.event_id):
        made.dispatch(SignalKind.LOAD_CONTROL, 0.2, timedelta(minutes=5))
    second = made.dispatch(SignalKind.LOAD_CONTROL, 0.2, timedelta(minutes=5), replace_running=True)
    assert [event.event_id for event in made.store.events() if event.cancelled] == [first.event_id]
    assert not second.cancelled


def test_distribution__holds_every_live_event_even_if_one_alone_is_new() -> None:
    """Rule: each distribution lists all far, near and active events."""
    made = publisher()
    answer_all(made)
    assert not made.has_news(VEN_ID)
    made.dispatch(SignalKind.LOAD_CONTROL, 0.4, timedelta(minutes=5))
    assert made.has_news(VEN_ID)
    assert len(wire(made)) == 4


def test_cancelled__sent_with_new_modification_until_answered() -> None:
    """Rule: a cancellation is a new modificationNumber with status cancelled; it stays until answered."""
    made = publisher()
    answer_all(made)
    event = made.cancel("load-control-2026-11-23")
    assert event.modification == 1
    found = [item["event_descriptor"] for item in wire(made)]
    assert ("load-control-2026-11-23", "cancelled") in [(d["event_id"], d["event_status"]) for d in found]
    answer_all(made)
    assert "load-control-2026-11-23" not in [e.event_id for e in made.distribution(VEN_ID)]


def test_unanswered__offered_again_with_each_poll() -> None:
    """A lost reply is not a lost event: a modification is news until its opt is stored."""
    made = publisher()
    assert made.has_news(VEN_ID)
    assert made.has_news(VEN_ID)
    answer_all(made)
    made.republish_price()
    assert made.has_news(VEN_ID)


def test_created_time__that_of_the_modification() -> None:
    """Rule: createdDateTime lies within 5 minutes of the modification."""
    clock = TurnableClock()
    made = publisher(clock)
    clock.forward(hours=2)
    before = made.distribution(VEN_ID)[0]
    changed = made.republish_price()
    assert (changed.modification, changed.created_at) == (1, clock.now)
    assert (changed.event_id, changed.signals) == (before.event_id, before.signals)


def test_price__euro_per_kwh_on_the_wire_and_back() -> None:
    """Prices travel as currencyPerKWh in EUR: EUR/MWh / 1000 there, x 1000 on arrival."""
    made = publisher()
    text = create_message("oadrDistributeEvent", request_id="r", vtn_id="CARIFLEX_VTN", events=wire(made))
    _, payload = parse_message(text)
    signal = payload["events"][0]["event_signals"][0]
    assert signal["intervals"][5]["signal_payload"] == 0.105
    assert (signal["measurement"]["name"], signal["measurement"]["unit"]) == ("currencyPerKWh", "EUR")
    offers = [from_wire(raw, VEN_ID) for raw in payload["events"]]
    expected = made.distribution(VEN_ID)
    assert [offer.event for offer in offers] == expected


def test_program__next_day__published_once_at_local_midnight() -> None:
    """The day begins at 04:00Z in Martinique; publishing twice offers nothing twice."""
    clock = TurnableClock()
    made = publisher(clock)
    clock.now = NOON.replace(hour=3, minute=59) + timedelta(days=1)
    assert "price-2026-11-24" not in [event.event_id for event in made.publish_program()]
    clock.forward(minutes=1)
    assert "price-2026-11-24" in [event.event_id for event in made.publish_program()]
    assert made.publish_program() == []
