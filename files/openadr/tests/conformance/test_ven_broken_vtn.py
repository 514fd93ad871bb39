"""Messages of a VTN that break the rules for VTNs: what the VEN takes all the same, and what it does not."""

import re
from datetime import timedelta

import pytest

from cariflex_openadr.domain.model import SignalKind
from support.ven_bench import LOAD, PRICE, RESPONSE, VTN_ID, Bench, distribution_text

OPT_IN = ("optIn", 200)
MINUTE = timedelta(minutes=1)
# Of the demand response event: SIMPLE level 2, not yet active.
VALUE = 2 / 3


@pytest.mark.parametrize(
    ("right", "broken"),
    [
        # uid of a signal's intervals runs 0..n: their order in the message counts.
        ("<text>0</text>", "<text>7</text>"),
        ("<text>0</text>", "<text>first</text>"),
        # currentValue is 0 unless the event is active: the intervals count.
        (r"(<ei:currentValue>.*?<ei:value>)0", r"\g<1>3"),
        (r"(<ei:currentValue>.*?<ei:value>)0", r"\g<1>much"),
        # At most one venID: ours is among them.
        ("<ei:venID>", "<ei:venID>another</ei:venID><ei:venID>"),
        # One market context, which is a URI: opt schedules for others do not hold it up.
        ("http://test/dr", ""),
        # Status follows from the times: times count.
        ("<ei:eventStatus>far", "<ei:eventStatus>near"),
        ("<ei:eventStatus>far", "<ei:eventStatus>active"),
        # testEvent marks tests: without it, it is none.
        ("<ei:testEvent>false</ei:testEvent>", ""),
        # signalID is unique.
        (r"<ei:signalID>.*?</ei:signalID>", "<ei:signalID>0</ei:signalID>"),
        # createdDateTime within five minutes: the VTN's clock is its own affair.
        ("2026-11-23T16:00:30", "2026-11-22T16:00:30"),
        ("2026-11-23T16:00:30", "2026-11-23T17:00:30"),
    ],
)
def test_rule_for_vtns_broken__event_followed_all_the_same(right: str, broken: str) -> None:
    """What is said beside the values does not change them, and is not held against the event."""
    bench = Bench()
    text = distribution_text([event for event in bench.wire() if _id(event) == RESPONSE])
    changed, count = re.subn(right, broken, text)
    assert count >= 1
    bench.deliver_text(changed)
    assert bench.due_answers() == {RESPONSE: OPT_IN}
    assert list(bench.shown(87).values()) == pytest.approx([VALUE] * 60)


@pytest.mark.parametrize("required", ["sometimes", "", "never"])
def test_response_required__anything_but_always__kept_and_not_answered(required: str) -> None:
    """Rules 12 and 62: only 'always' asks for an answer; the event is followed."""
    bench = Bench()
    bench.deliver_text(distribution_text(bench.wire()).replace(">always<", f">{required}<"))
    assert bench.due_answers() == {}
    assert len(bench.inbox.events.records()) == 3
    assert bench.shown(87) != {}


def test_order__broken__the_same_is_taken() -> None:
    """Rule: active, priority, start. The order in which events are listed decides nothing."""
    right, wrong = Bench(), Bench()
    right.deliver()
    wrong.deliver(list(reversed(wrong.wire())))
    assert wrong.due_answers() == right.due_answers()
    assert [wrong.shown(sensor) for sensor in (84, 86, 87)] == [
        right.shown(sensor) for sensor in (84, 86, 87)
    ]


def test_overlap_within_one_market_context__the_later_one_holds() -> None:
    """Rule: no overlap within one context. Both are answered; the one created later counts."""
    bench = Bench()
    first = bench.offers.dispatch(SignalKind.LOAD_CONTROL, 0.8, 10 * MINUTE)
    bench.clock.forward(seconds=5)
    second = bench.offers.dispatch(SignalKind.LOAD_CONTROL, 0.4, 5 * MINUTE)
    assert first.market_context == second.market_context
    bench.deliver()
    assert bench.due_answers()[first.event_id] == bench.due_answers()[second.event_id] == OPT_IN
    assert list(bench.shown(86).values())[:10] == [40.0] * 5 + [80.0] * 5


def test_cancelled_without_a_new_modification__cancelled() -> None:
    """Rule: a cancellation has a new modificationNumber. One that has not ends the event all the same."""
    bench = Bench()
    bench.deliver()
    events = bench.wire()
    for event in events:
        if _id(event) == LOAD:
            event["event_descriptor"]["event_status"] = "cancelled"
    bench.deliver(events)
    assert set(bench.shown(86).values()) == {100.0}
    record = bench.inbox.events.newest(VTN_ID, LOAD)
    assert record is not None
    assert record.event is not None
    assert record.event.cancelled
    assert [intent.event_id for intent in bench.inbox.intents.active()] == [RESPONSE]
    assert set(bench.due_answers()) == {PRICE, LOAD, RESPONSE}


def _id(event: dict[str, dict[str, object]]) -> object:
    return event["event_descriptor"]["event_id"]
