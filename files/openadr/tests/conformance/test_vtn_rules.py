"""Rules for a VTN's events, checked on the messages it sends. For each rule also what breaks it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cariflex_openadr.domain.model import Event, Interval, Signal, SignalKind
from cariflex_openadr.domain.orders import Change, Order
from cariflex_openadr.domain.party import Opt
from cariflex_openadr.domain.rules import OverlapError, RuleError, check_event
from cariflex_openadr.messages.document import EI, EMIX, XCAL, message_of
from cariflex_openadr.messages.offers import read_distribution
from cariflex_openadr.vtn import Vtn
from support import NOON, VEN_ID, TurnableClock
from support.messages import as_openleadr_reads, distribution

MINUTE = timedelta(minutes=1)
LOAD, PRICE = "load-control-2026-11-23", "price-2026-11-23"


def order(value: float = 0.4, minutes: int = 5, **changes: Any) -> Order:
    return Order(SignalKind.LOAD_CONTROL, ((minutes * MINUTE, value),), **changes)


def event(*values: float, kind: SignalKind = SignalKind.LOAD_CONTROL, signal_type: str = "") -> Event:
    intervals = tuple(Interval(NOON + n * MINUTE, MINUTE, value) for n, value in enumerate(values))
    return Event("e", 0, NOON, "http://test/x", (Signal(kind, intervals, signal_type),))


async def answer_all(vtn: Vtn) -> None:
    events = vtn.store.mirror.distribution(VEN_ID, vtn.clock())
    opts = [Opt(VEN_ID, item.event_id, item.modification, "optIn", 200, "OK", NOON) for item in events]
    assert len(await vtn.store.answers.put_opts(opts)) == len(opts)


def news(vtn: Vtn) -> list[str]:
    return [item.event_id for item in vtn.store.mirror.news(VEN_ID, vtn.clock())]


async def test_interval_uids__count_from_zero_without_gap(noon_vtn: Vtn) -> None:
    """Rule: the uid of a signal's intervals runs 0..n."""
    for signal in distribution(noon_vtn).iter(f"{EI}eiEventSignal"):
        uids = [int(item.text) for item in signal.iterfind(f".//{XCAL}uid/{XCAL}text")]
        assert uids == list(range(len(uids)))
        assert uids


async def test_intervals__carry_no_dtstart(noon_vtn: Vtn) -> None:
    """Rule: only the active period has a dtstart; intervals of a signal follow one another."""
    assert distribution(noon_vtn).find(f".//{EI}interval/{XCAL}dtstart") is None
    gap = event(0.4, 0.5)
    second = replace(gap.signals[0].intervals[1], start=NOON + 2 * MINUTE)
    with pytest.raises(RuleError, match="gap before"):
        check_event(
            replace(gap, signals=(Signal(SignalKind.LOAD_CONTROL, (gap.signals[0].intervals[0], second)),))
        )


async def test_durations__sum_to_the_active_period(noon_vtn: Vtn) -> None:
    """Rule 8: the durations of each signal's intervals add up to the active period."""
    for item in as_openleadr_reads(distribution(noon_vtn))["events"]:
        for signal in item["event_signals"]:
            total = sum((part["duration"] for part in signal["intervals"]), timedelta())
            assert total == item["active_period"]["duration"]
    short = event(0.4, 0.5)
    signals = (*short.signals, event(2, kind=SignalKind.DEMAND_RESPONSE).signals[0])
    with pytest.raises(RuleError, match="active period"):
        check_event(replace(short, signals=signals))


@pytest.mark.parametrize("level", [-1, 0.5, 4, float("nan")])
def test_simple__other_than_zero_to_three__refused(level: float) -> None:
    """Rule 9: payloads of SIMPLE are 0, 1, 2 or 3."""
    check_event(event(0, 1, 2, 3, kind=SignalKind.DEMAND_RESPONSE))
    with pytest.raises(RuleError, match="demand_response"):
        check_event(event(level, kind=SignalKind.DEMAND_RESPONSE))


async def test_current_value__zero_until_active_then_the_payload(noon_vtn: Vtn, clock: TurnableClock) -> None:
    """Rule 14: currentValue is 0 unless the event is active; then it is the running interval's payload."""

    def current() -> list[float]:
        found = as_openleadr_reads(distribution(noon_vtn))["events"]
        return [item["event_signals"][0]["current_value"] for item in found]

    assert current() == [pytest.approx(0.112), 0, 0]  # hour 12 of the local day, in EUR/kWh
    clock.forward(hours=6)
    # Prices and load control are active; the order among them is that of their starts.
    assert current() == [pytest.approx(0.118), pytest.approx(0.6), 0]


async def test_ids__unique_events_and_signals(noon_vtn: Vtn) -> None:
    """Rule: eventID is unique, and so is signalID; the same id offered again is not a second event."""
    for minutes in (10, 20):
        start = NOON.replace(second=0) + minutes * MINUTE
        await noon_vtn.publisher.dispatch(order(start=start))
    assert await noon_vtn.publisher.publish_program() == []
    found = distribution(noon_vtn)
    ids = [item.text for item in found.iter(f"{EI}eventDescriptor") for item in item.iter(f"{EI}eventID")]
    signals = [item.text for item in found.iter(f"{EI}signalID")]
    assert len(ids) == len(set(ids)) == 5
    assert len(signals) == len(set(signals)) == 5


async def test_target__exactly_one_ven(noon_vtn: Vtn) -> None:
    """Rule: at most one venID target in an event; resources may be named beside it."""
    await noon_vtn.publisher.dispatch(order(resource_ids=("battery_01", "battery_02")))
    targets = [
        [item.text for item in target.iter(f"{EI}venID")]
        for target in distribution(noon_vtn).iter(f"{EI}eiTarget")
    ]
    assert targets == [[VEN_ID]] * 4
    resources = [item.text for item in distribution(noon_vtn).iter(f"{EI}resourceID")]
    assert resources == ["battery_01", "battery_02"]


async def test_target__event_for_another_ven__not_distributed(noon_vtn: Vtn) -> None:
    """An event for some VENs reaches them alone."""
    mine = await noon_vtn.publisher.dispatch(order(ven_ids=(VEN_ID,)))
    with pytest.raises(RuleError, match="nobody"):
        await noon_vtn.publisher.dispatch(order(ven_ids=("nobody",)))
    assert mine.event_id in [item.event_id for item in noon_vtn.store.mirror.distribution(VEN_ID, NOON)]
    assert mine.event_id not in [item.event_id for item in noon_vtn.store.mirror.distribution("other", NOON)]


async def test_market_context__one_each_and_no_overlap_within_one(noon_vtn: Vtn) -> None:
    """Rule: events of one market context do not overlap; price, load control and SIMPLE have their own."""
    contexts = [item.text for item in distribution(noon_vtn).iter(f"{EMIX}marketContext")]
    assert len(set(contexts)) == len(contexts) == 3
    publisher = noon_vtn.publisher
    first = await publisher.dispatch(order())
    with pytest.raises(OverlapError, match=first.event_id):
        await publisher.dispatch(order(0.2))
    assert len(noon_vtn.store.mirror.events()) == 4
    second = await publisher.dispatch(order(0.2), replace_running=True)
    assert [item.event_id for item in noon_vtn.store.mirror.events() if item.cancelled] == [first.event_id]
    later = await publisher.dispatch(order(start=second.end))
    with pytest.raises(OverlapError, match=second.event_id):
        await publisher.modify(later.event_id, Change(start=second.start))


async def test_distribution__holds_every_live_event_even_if_one_alone_is_new(noon_vtn: Vtn) -> None:
    """Rule: each distribution lists all far, near and active events."""
    await answer_all(noon_vtn)
    assert news(noon_vtn) == []
    await noon_vtn.publisher.dispatch(order())
    assert len(news(noon_vtn)) == 4


async def test_cancelled__sent_with_new_modification_until_answered(noon_vtn: Vtn) -> None:
    """Rule: a cancellation is a new modificationNumber with status cancelled; it stays until answered."""
    await answer_all(noon_vtn)
    cancelled = await noon_vtn.publisher.cancel(LOAD)
    assert cancelled.modification == 1
    found = {
        item.findtext(f"{EI}eventID"): (
            item.findtext(f"{EI}modificationNumber"),
            item.findtext(f"{EI}eventStatus"),
        )
        for item in distribution(noon_vtn).iter(f"{EI}eventDescriptor")
    }
    assert found[LOAD] == ("1", "cancelled")
    await answer_all(noon_vtn)
    assert LOAD not in [item.event_id for item in noon_vtn.store.mirror.distribution(VEN_ID, NOON)]
    # Cancelled is final: neither a second cancellation nor a modification adds anything.
    assert (await noon_vtn.publisher.cancel(LOAD)).modification == 1
    with pytest.raises(RuleError, match="cancelled"):
        await noon_vtn.publisher.modify(LOAD, Change(start=NOON.replace(second=0)))


async def test_unanswered__offered_again_with_each_poll(noon_vtn: Vtn) -> None:
    """A lost reply is not a lost event: a modification is news until its opt is stored."""
    assert news(noon_vtn) == news(noon_vtn) != []
    await answer_all(noon_vtn)
    await noon_vtn.publisher.republish_price()
    assert news(noon_vtn) != []
    await answer_all(noon_vtn)
    assert news(noon_vtn) == []


async def test_order__active_then_priority_then_start(noon_vtn: Vtn) -> None:
    """Rule: active events first, then the higher priority (1 highest, 0 lowest), then the earlier start."""
    start = NOON.replace(second=0) + 60 * MINUTE
    third = await noon_vtn.publisher.dispatch(order(priority=2, start=start))
    second = await noon_vtn.publisher.dispatch(order(priority=1, start=start + 10 * MINUTE))
    found = [item.text for item in distribution(noon_vtn).iterfind(f".//{EI}eventDescriptor/{EI}eventID")]
    assert found == [PRICE, second.event_id, third.event_id, LOAD, "demand-response-2026-11-23"]


async def test_created_time__that_of_the_modification(noon_vtn: Vtn, clock: TurnableClock) -> None:
    """Rule: createdDateTime lies within 5 minutes of the modification, and never before the last one's."""
    clock.forward(hours=2)
    changed = await noon_vtn.publisher.republish_price()
    assert (changed.modification, changed.created_at) == (1, clock.now)
    clock.forward(hours=-1)
    again = await noon_vtn.publisher.republish_price()
    assert (again.modification, again.created_at, again.signals) == (2, changed.created_at, changed.signals)


async def test_signal__name_type_and_unit_belong_together(noon_vtn: Vtn) -> None:
    """Rule: signalType and unit match the signal's name; an order with another type is refused."""
    events = as_openleadr_reads(distribution(noon_vtn))["events"]
    found = {
        signal["signal_name"]: (signal["signal_type"], (signal.get("measurement") or {}).get("unit"))
        for item in events
        for signal in item["event_signals"]
    }
    assert found == {
        "ENERGY_PRICE": ("price", "EUR"),
        "LOAD_CONTROL": ("x-loadControlCapacity", None),
        "SIMPLE": ("level", None),
    }
    with pytest.raises(RuleError, match="setpoint"):
        check_event(event(0.4, signal_type="setpoint"))


@pytest.mark.parametrize("duration", [timedelta(), timedelta(seconds=-60)])
def test_open_ended_event__never_offered(duration: timedelta) -> None:
    """Rule 47: duration 0 is open-ended; our programs have ends, so such an event is refused."""
    open_ended = event(0.4)
    interval = replace(open_ended.signals[0].intervals[0], duration=duration)
    with pytest.raises(RuleError, match="duration"):
        check_event(replace(open_ended, signals=(Signal(SignalKind.LOAD_CONTROL, (interval,)),)))


async def test_test_event__marked(noon_vtn: Vtn) -> None:
    """Rule 6: a test event says so with testEvent true, all others with false."""
    await noon_vtn.publisher.dispatch(order(test=True))
    marks = [item.text for item in distribution(noon_vtn).iter(f"{EI}testEvent")]
    assert sorted(marks) == ["false", "false", "false", "true"]


async def test_response_required__always(noon_vtn: Vtn) -> None:
    """Rules 12/62: every event asks for an answer, which redelivery rests on."""
    found = as_openleadr_reads(distribution(noon_vtn))["events"]
    assert {item["response_required"] for item in found} == {"always"}


async def test_price__euro_per_kwh_on_the_wire_and_back(noon_vtn: Vtn) -> None:
    """Prices travel as currencyPerKWh in EUR: EUR/MWh / 1000 there, x 1000 on arrival."""
    payload = as_openleadr_reads(distribution(noon_vtn))
    signal = payload["events"][0]["event_signals"][0]
    assert signal["intervals"][5]["signal_payload"] == 0.105
    assert (signal["measurement"]["name"], signal["measurement"]["unit"]) == ("currencyPerKWh", "EUR")
    read = read_distribution(message_of(distribution(noon_vtn)), VEN_ID)
    assert [offer.event for offer in read.offers] == noon_vtn.store.mirror.distribution(VEN_ID, NOON)


async def test_program__next_day__published_once_at_local_midnight(
    noon_vtn: Vtn, clock: TurnableClock
) -> None:
    """The day begins at 04:00Z in Martinique; publishing twice offers nothing twice."""
    clock.now = NOON.replace(hour=3, minute=59) + timedelta(days=1)
    assert "price-2026-11-24" not in [item.event_id for item in await noon_vtn.publisher.publish_program()]
    clock.forward(minutes=1)
    assert "price-2026-11-24" in [item.event_id for item in await noon_vtn.publisher.publish_program()]
    assert await noon_vtn.publisher.publish_program() == []
