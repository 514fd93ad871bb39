"""Rules for a VEN that takes distributions: what it answers, what it keeps, what it drops."""

from datetime import timedelta
from typing import Any

import pytest

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.messages.document import MessageError
from support.ven_bench import LOAD, PRICE, RESPONSE, VTN_ID, Bench, distribution_text, read

OPT_IN = ("optIn", 200)


def test_answer__echoes_request_and_modification() -> None:
    """Rule: oadrCreatedEvent echoes the requestID and each event's modificationNumber."""
    bench = Bench()
    bench.offers.republish_price()
    bench.deliver(request_id="req-9")
    found = {item.event_id: item.modification for item in bench.inbox.events.unanswered()}
    assert found == {PRICE: 1, LOAD: 0, RESPONSE: 0}
    assert {item.request_id for item in bench.inbox.events.unanswered()} == {"req-9"}


@pytest.mark.parametrize("event_id", ["007", "1.0", "2026", "a&b<c", "true"])
def test_answer__ids_echoed_letter_by_letter(event_id: str) -> None:
    """Rule: ids come back as they were sent. openleadr's parser makes 7 of 007 and 1.0 of 1.00."""
    bench = Bench()
    event = bench.wire()[0]
    event["event_descriptor"]["event_id"] = event_id.replace("&", "&amp;").replace("<", "&lt;")
    bench.deliver([event])
    assert list(bench.due_answers()) == [event_id]


def test_answer__only_where_a_response_is_required() -> None:
    """Rules 12 and 62: answer exactly the events whose oadrResponseRequired is 'always'; keep all."""
    bench = Bench()
    events = bench.wire()
    events[0]["response_required"] = "never"
    bench.deliver(events)
    assert set(bench.due_answers()) == {LOAD, RESPONSE}
    assert len(bench.inbox.events.records()) == 3


def test_answer__committed_before_it_is_sent_with_posts_and_promise() -> None:
    """An event is on disk, with all that follows from it, before anything of it leaves the VEN."""
    bench = Bench()
    bench.deliver()
    assert bench.due_answers() == {PRICE: OPT_IN, LOAD: OPT_IN, RESPONSE: OPT_IN}
    assert all(len(bench.posts(event_id)) == 1 for event_id in (PRICE, LOAD, RESPONSE))
    assert {intent.event_id for intent in bench.inbox.intents.active()} == {LOAD, RESPONSE}


def test_distribution__one_event_fails_to_commit__nothing_of_the_message_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A distribution is taken whole: half of one would read as the implied cancellation of the rest."""
    bench = Bench()
    put, calls = bench.inbox.outbox.put, []

    def failing(post: Any) -> None:
        calls.append(post)
        if len(calls) == 2:
            raise RuntimeError("disk gone")
        put(post)

    monkeypatch.setattr(bench.inbox.outbox, "put", failing)
    with pytest.raises(RuntimeError):
        bench.deliver()
    assert bench.inbox.events.records() == []
    assert bench.inbox.outbox.entries() == []


def test_same_modification_again__same_answer_and_nothing_new() -> None:
    """Redelivery is answered again, under the new requestID, and changes nothing."""
    bench = Bench()
    bench.deliver(request_id="req-1")
    for record in bench.inbox.events.unanswered():
        bench.inbox.events.answered(record.sequence, bench.clock())
    posts, revision = bench.inbox.outbox.entries(), bench.inbox.intents.since(0)[-1].revision
    bench.deliver(request_id="req-2")
    assert {item.request_id for item in bench.inbox.events.unanswered()} == {"req-2"}
    assert len(bench.inbox.events.records()) == 3
    assert bench.inbox.outbox.entries() == posts
    assert bench.inbox.intents.since(revision) == []


def test_unsupported_signal__opted_out_with_reason_and_others_unharmed() -> None:
    """One event that cannot be followed is refused alone, with code and reason; the others are opted in."""
    bench = Bench()
    events = bench.wire()
    events[1]["event_signals"][0]["signal_name"] = "CHARGE_STATE"
    bench.deliver(events)
    assert bench.due_answers() == {PRICE: OPT_IN, LOAD: ("optOut", 460), RESPONSE: OPT_IN}
    assert "CHARGE_STATE is not supported" in bench.newest(LOAD).reason
    assert bench.posts(LOAD) == []


def test_event_without_identity__others_taken_and_nothing_dropped() -> None:
    """What has no readable modificationNumber cannot be answered, and must not count as missing either."""
    bench = Bench()
    bench.deliver()
    text = distribution_text(bench.wire())
    broken = text.replace(
        f"<ei:eventID>{LOAD}</ei:eventID><ei:modificationNumber>0<",
        f"<ei:eventID>{LOAD}</ei:eventID><ei:modificationNumber>zero<",
    )
    assert broken != text
    bench.offers.events.pop(RESPONSE)
    bench.deliver_text(broken)
    assert not bench.newest(LOAD).dropped
    assert not bench.newest(RESPONSE).dropped


def test_test_event__answered_but_not_followed() -> None:
    """Rule 6: a test event is answered; its values reach no sensor, and S2 is told that it is a test."""
    bench = Bench()
    events = bench.wire()
    events[1]["event_descriptor"]["test_event"] = True
    bench.deliver(events)
    assert bench.due_answers()[LOAD] == OPT_IN
    assert bench.posts(LOAD) == []
    assert [item.test for item in bench.inbox.intents.active() if item.event_id == LOAD] == [True]


@pytest.mark.parametrize(
    ("words", "is_test"), [("true", True), ("yes", True), ("1", True), ("False", True), ("false", False)]
)
def test_test_event__any_value_but_false(words: str, is_test: bool) -> None:
    """Rule 6: any testEvent value but "false" marks a test."""
    bench = Bench()
    events = bench.wire()
    events[1]["event_descriptor"]["test_event"] = True
    text = distribution_text(events).replace(">true</ei:testEvent>", f">{words}</ei:testEvent>")
    bench.deliver_text(text)
    assert (bench.posts(LOAD) == []) is is_test


def test_event_for_another_ven__refused() -> None:
    """An event addressed to another venID is none of ours: 462, target mismatch."""
    bench = Bench()
    events = bench.wire()
    events[0]["targets"] = [{"ven_id": "somebody"}]
    bench.deliver(events)
    assert bench.due_answers()[PRICE] == ("optOut", 462)


@pytest.mark.parametrize(("resource", "answer"), [("battery_01", OPT_IN), ("battery_99", ("optOut", 452))])
def test_event_for_a_resource__ours_followed_and_unknown_gets_452(
    resource: str, answer: tuple[str, int]
) -> None:
    """Rule 21: an id that the VEN does not know gets 452."""
    bench = Bench()
    events = bench.wire()
    events[1]["targets"].append({"resource_id": resource})
    bench.deliver_text(distribution_text(events), frozenset({"battery_01", "ev_01"}))
    assert bench.due_answers()[LOAD] == answer
    promised = {item.event_id: item.targets for item in bench.inbox.intents.active()}
    assert promised.get(LOAD) == (("battery_01",) if answer == OPT_IN else None)


def test_event_for_a_group__refused() -> None:
    """Groups are not known here: an event for one is refused rather than guessed to be ours."""
    bench = Bench()
    events = bench.wire()
    events[0]["targets"] = [{"group_id": "north"}]
    bench.deliver(events)
    assert bench.due_answers()[PRICE] == ("optOut", 462)


def test_missing_from_distribution__implied_cancellation() -> None:
    """Rule: a known event that a distribution no longer lists is cancelled; nobody is answered."""
    bench = Bench()
    bench.deliver()
    bench.offers.events.pop(LOAD)
    bench.deliver()
    assert bench.newest(LOAD).dropped
    assert set(bench.due_answers()) == {PRICE, RESPONSE}
    assert set(bench.shown(86).values()) == {100}
    assert len(bench.shown(86)) == 240
    assert LOAD not in {item.event_id for item in bench.inbox.intents.active()}


def test_missing_event_ended__no_cancellation() -> None:
    """What has ended is no longer listed either: its values stand."""
    bench = Bench()
    bench.deliver()
    bench.clock.forward(hours=30)
    bench.deliver([])
    assert not bench.newest(LOAD).dropped
    assert set(bench.shown(86).values()) == {60}


def test_dropped_event_offered_again__followed_again() -> None:
    """An event that comes back after an implied cancellation holds again, under the same modification."""
    bench = Bench()
    bench.deliver()
    kept = bench.offers.events.pop(LOAD)
    bench.clock.forward(minutes=1)
    bench.deliver()
    bench.offers.events[LOAD] = kept
    bench.clock.forward(minutes=1)
    bench.deliver()
    assert bench.due_answers()[LOAD] == OPT_IN
    assert set(bench.shown(86).values()) == {60}
    assert len(bench.posts(LOAD)) == 3


def test_events_of_another_vtn__not_dropped() -> None:
    """A VTN's list speaks for its own events only."""
    bench = Bench()
    bench.deliver()
    bench.deliver_text(distribution_text([], vtn_id="OTHER_VTN"))
    assert not bench.newest(LOAD).dropped


def test_error_reply__means_no_empty_list() -> None:
    """A distribution with an error code lists nothing because of the error: no event is cancelled by it."""
    text = distribution_text([]).replace(
        "<requestID",
        "<ei:eiResponse><ei:responseCode>500</ei:responseCode><ei:responseDescription>no</ei:responseDescription>"
        "<requestID/></ei:eiResponse><requestID",
        1,
    )
    with pytest.raises(MessageError, match="response 500 no; expected 200"):
        read(text)


def test_later_modification__replaces_the_earlier_and_its_answer() -> None:
    """Only the newest modification is followed and answered; belief times rise with it."""
    bench = Bench()
    bench.deliver()
    bench.clock.forward(minutes=1)
    bench.offers.modify(LOAD)
    bench.deliver()
    answers = [item for item in bench.inbox.events.unanswered() if item.event_id == LOAD]
    assert [item.modification for item in answers] == [1]
    first, second = bench.posts(LOAD)
    assert second.belief_time - first.belief_time == timedelta(minutes=1)


def test_earlier_modification__out_of_sequence_and_not_followed() -> None:
    """A modification that is history already gets 450; what holds stays."""
    bench = Bench()
    early = bench.wire()
    bench.offers.modify(LOAD)
    bench.deliver()
    for record in bench.inbox.events.unanswered():
        bench.inbox.events.answered(record.sequence, bench.clock())
    stale = bench.deliver(early)
    assert [(item.event_id, item.modification, item.code) for item in stale] == [(LOAD, 0, 450)]
    assert bench.newest(LOAD).modification == 1
    assert LOAD not in bench.due_answers()


def test_one_id_twice_in_a_message__newest_counts_and_is_answered_once() -> None:
    """openleadr's VTN distributes an event id that was added twice, twice."""
    bench = Bench()
    early = [event for event in bench.wire() if event["event_descriptor"]["event_id"] == LOAD]
    bench.offers.modify(LOAD)
    bench.deliver(bench.wire() + early)
    answers = [item for item in bench.inbox.events.unanswered() if item.event_id == LOAD]
    assert [item.modification for item in answers] == [1]


def test_vtn_without_memory__same_id_created_anew__followed() -> None:
    """A VTN that lost its memory counts from 0 again; a later createdDateTime makes it a new event."""
    bench = Bench()
    bench.offers.republish_price()
    bench.deliver()
    bench.clock.forward(minutes=5)
    bench.offers.events.clear()
    bench.offers.publish_program()
    bench.deliver()
    record = bench.newest(PRICE)
    assert (record.modification, record.created_at) == (0, bench.clock())
    assert bench.posts(PRICE)[-1].belief_time == bench.clock()
    assert bench.due_answers()[PRICE] == OPT_IN


def test_same_modification_restamped__redelivery() -> None:
    """Some VTNs stamp createdDateTime anew in every message: the same content is no news."""
    bench = Bench()
    bench.deliver()
    events = bench.wire()
    for event in events:
        event["event_descriptor"]["created_date_time"] = bench.clock() + timedelta(seconds=10)
    bench.deliver(events)
    assert len(bench.inbox.events.records()) == 3


def test_opt_schedule__control_event_inside__refused_but_prices_taken() -> None:
    """EiOpt: what the operator opted out of is answered optOut; a price is news and no demand."""
    bench = Bench()
    start = bench.offers.events[LOAD].start
    opt = bench.opts.schedule("optOut", start, start + timedelta(minutes=1), "mustRun")
    bench.deliver()
    assert bench.due_answers()[LOAD][0] == "optOut"
    assert bench.due_answers()[PRICE] == OPT_IN
    assert opt.opt_id in bench.newest(LOAD).reason
    assert bench.posts(LOAD) == []


def test_opt_schedule__other_context_or_taken_back__followed() -> None:
    """A schedule holds for its market context, until it is cancelled."""
    bench = Bench()
    start = bench.offers.events[LOAD].start
    hour = start + timedelta(hours=1)
    bench.opts.schedule("optOut", start, hour, "mustRun", "http://test/elsewhere")
    taken_back = bench.opts.schedule("optOut", start, hour, "mustRun")
    bench.opts.cancel(taken_back.opt_id)
    bench.deliver()
    assert bench.due_answers()[LOAD] == OPT_IN


def test_opt_for_an_event__values_taken_back_and_given_again() -> None:
    """The operator's own opt for an event frees its slots at once, and opting in again restores them."""
    bench = Bench()
    bench.deliver()
    bench.clock.forward(minutes=1)
    bench.inbox.set_opt(bench.newest(LOAD), "optOut", "operator: mustRun")
    assert set(bench.shown(86).values()) == {100}
    assert LOAD not in {item.event_id for item in bench.inbox.intents.active()}
    bench.clock.forward(minutes=1)
    bench.inbox.set_opt(bench.newest(LOAD), "optIn", "")
    assert set(bench.shown(86).values()) == {60}
    assert LOAD in {item.event_id for item in bench.inbox.intents.active()}


def test_registration_ended__nothing_on_offer_holds() -> None:
    """Rule: with the registration all events end; prices are left, for they bind nobody."""
    bench = Bench()
    bench.deliver()
    bench.inbox.drop_all(VTN_ID)
    assert set(bench.shown(86).values()) == {100}
    assert set(bench.shown(87).values()) == {0}
    assert len(bench.posts(PRICE)) == 1
    assert bench.due_answers() == {}
    assert bench.inbox.intents.active() == []


def test_old_events__forgotten_with_posts_and_promises_that_are_done() -> None:
    """The database does not grow: two days after an event its records go, but never an unsent post."""
    bench = Bench()
    bench.deliver()
    for entry in bench.inbox.outbox.entries():
        if entry.post.sensor_id != 84:
            bench.inbox.outbox.sent(entry.entry_id)
    bench.clock.forward(days=4)
    bench.inbox.forget()
    assert bench.inbox.events.records() == []
    assert bench.inbox.intents.since(0) == []
    assert [entry.post.sensor_id for entry in bench.inbox.outbox.entries()] == [84]


def test_dispatch__kind_without_previous__only_its_own_sensor() -> None:
    """An event touches the sensors of its own signals only."""
    bench = Bench()
    bench.offers.events.clear()
    event = bench.offers.dispatch(SignalKind.DEMAND_RESPONSE, 3, timedelta(minutes=5))
    bench.deliver()
    assert {post.sensor_id for post in bench.posts(event.event_id)} == {87}
