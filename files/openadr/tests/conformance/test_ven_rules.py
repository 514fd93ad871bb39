"""Rules for a VEN, checked on what it makes of distributions."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from openleadr.messaging import create_message, parse_message

from cariflex_openadr.agent import VenAgent
from cariflex_openadr.clients.vtn import VtnClient
from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.messages.events import to_wire
from cariflex_openadr.poster import PostQueue
from cariflex_openadr.storage.ven import MemoryVenStore
from support import VEN_ID, TurnableClock
from support.offers import Offers
from support.ven import SENSORS, FlexMeasuresDouble


class RecordingClient(VtnClient):
    """A VtnClient that keeps the answers instead of sending them."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", "cariflex-ven", VEN_ID, "reg-1")
        self.answers: list[dict[str, Any]] = []
        self.request_ids: list[str] = []

    async def created_event(self, request_id: str, responses: list[dict[str, Any]]) -> None:
        self.request_ids.append(request_id)
        self.answers += responses


@dataclass
class Bench:
    """A VEN's agent fed by hand from offers; both share a clock."""

    clock: TurnableClock = field(default_factory=TurnableClock)
    client: RecordingClient = field(default_factory=RecordingClient)

    def __post_init__(self) -> None:
        self.offers = Offers(self.clock)
        self.offers.publish_program()
        self.store = MemoryVenStore()
        interval = timedelta(seconds=10)
        queue = PostQueue(FlexMeasuresDouble(), self.clock)
        self.agent = VenAgent(VEN_ID, self.client, self.store, queue, SENSORS, interval, self.clock)

    def wire(self) -> list[dict[str, Any]]:
        return [to_wire(event, VEN_ID, self.clock()) for event in self.offers.distribution()]

    async def deliver(self, events: list[dict[str, Any]] | None = None, request_id: str = "req-7") -> None:
        events = self.wire() if events is None else events
        text = create_message(
            "oadrDistributeEvent", request_id=request_id, vtn_id="CARIFLEX_VTN", events=events
        )
        _, payload = parse_message(text)
        await self.agent.distribute(payload)

    def opts(self) -> dict[str, tuple[str, int]]:
        return {item["event_id"]: (item["opt_type"], item["response_code"]) for item in self.client.answers}


PRICE, LOAD, RESPONSE = "price-2026-11-23", "load-control-2026-11-23", "demand-response-2026-11-23"


async def test_answer__echoes_request_and_modification() -> None:
    """Rule: oadrCreatedEvent echoes the requestID and each event's modificationNumber."""
    bench = Bench()
    bench.offers.republish_price()
    await bench.deliver()
    assert bench.client.request_ids == ["req-7"]
    found = {item["event_id"]: item["modification_number"] for item in bench.client.answers}
    assert found == {PRICE: 1, LOAD: 0, RESPONSE: 0}
    assert {item["request_id"] for item in bench.client.answers} == {"req-7"}


async def test_answer__only_where_a_response_is_required() -> None:
    """Rules 12 and 62: answer exactly the events whose oadrResponseRequired is 'always'."""
    bench = Bench()
    events = bench.wire()
    events[0]["response_required"] = "never"
    await bench.deliver(events)
    assert set(bench.opts()) == {LOAD, RESPONSE}
    assert len(bench.store.records()) == 3


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signal_name": "x-DEMAND_RESPONSE"}, 460),
        ({"signal_name": "CHARGE_STATE"}, 460),
        ({"signal_type": "setpoint"}, 460),
        ({"measurement": None, "signal_name": "ENERGY_PRICE", "signal_type": "price"}, 459),
    ],
)
async def test_unusable_event__opted_out_with_reason_and_others_unharmed(
    change: dict[str, Any], code: int
) -> None:
    """One event that cannot be followed is refused alone; the others are opted in."""
    bench = Bench()
    events = bench.wire()
    events[1]["event_signals"][0] |= change
    await bench.deliver(events)
    assert bench.opts() == {PRICE: ("optIn", 200), LOAD: ("optOut", code), RESPONSE: ("optIn", 200)}
    record = bench.store.latest(LOAD)
    assert record is not None
    assert LOAD in record.reason
    assert record.posts == []


async def test_open_ended_event__refused() -> None:
    """Rule 47: duration 0 means open-ended; a sensor series needs an end, so such an event is refused."""
    bench = Bench()
    text = create_message("oadrDistributeEvent", request_id="r", vtn_id="V", events=[bench.wire()[1]])
    _, payload = parse_message(text)
    payload["events"][0]["event_signals"][0]["intervals"][0]["duration"] = timedelta()
    await bench.agent.distribute(payload)
    assert bench.opts()[LOAD][0] == "optOut"


async def test_test_event__answered_but_not_followed() -> None:
    """Rule 6: any testEvent but 'false' marks a test."""
    bench = Bench()
    events = bench.wire()
    events[0]["event_descriptor"]["test_event"] = True
    await bench.deliver(events)
    record = bench.store.latest(PRICE)
    assert record is not None
    assert (record.opt, record.posts) == ("optIn", [])


async def test_event_for_another_ven__refused() -> None:
    """An event addressed to another venID is none of ours."""
    bench = Bench()
    events = bench.wire()
    events[0]["targets"] = [{"ven_id": "somebody"}]
    await bench.deliver(events)
    assert bench.opts()[PRICE][0] == "optOut"


async def test_same_modification_again__same_answer_and_no_new_values() -> None:
    """Redelivery is answered again, and changes nothing."""
    bench = Bench()
    await bench.deliver()
    waiting = bench.agent.queue.waiting
    await bench.deliver()
    assert len(bench.client.answers) == 6
    assert bench.agent.queue.waiting == waiting == 3


async def test_missing_from_distribution__implied_cancellation() -> None:
    """Rule: a known event that a distribution no longer lists is cancelled."""
    bench = Bench()
    await bench.deliver()
    await bench.deliver([event for event in bench.wire() if event["event_descriptor"]["event_id"] != LOAD])
    record = bench.store.latest(LOAD)
    assert record is not None
    assert record.implied_cancel
    assert {item.value for item in record.posts[-1].values} == {100}
    assert len(record.posts[-1].values) == 240


async def test_vtn_without_memory__same_id_created_anew__followed() -> None:
    """A restarted VTN counts modifications from 0 again; a later createdDateTime makes it a new event."""
    bench = Bench()
    bench.offers.republish_price()
    await bench.deliver()
    bench.clock.forward(minutes=5)
    bench.offers.events.clear()
    bench.offers.publish_program()
    await bench.deliver()
    record = bench.store.latest(PRICE)
    assert record is not None
    assert (record.modification, record.created_at) == (0, bench.clock())


async def test_belief_time__creation_of_the_modification_in_whole_seconds() -> None:
    """FlexMeasures keys beliefs by second: prior is the modification's createdDateTime."""
    bench = Bench()
    bench.clock.forward(milliseconds=250)
    event = bench.offers.dispatch(SignalKind.LOAD_CONTROL, 0.4, timedelta(minutes=5))
    await bench.deliver()
    record = bench.store.latest(event.event_id)
    assert record is not None
    post = record.posts[0]
    assert (post.sensor_id, post.unit) == (86, "%")
    assert [item.value for item in post.values] == [40] * 5
    assert post.belief_time == bench.clock().replace(microsecond=0)
