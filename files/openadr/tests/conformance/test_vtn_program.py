"""A program that changes: what is on offer follows it, once, and operators' own changes stay."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.orders import Change, Order
from cariflex_openadr.domain.program import event_id
from cariflex_openadr.settings.vtn import DatabaseSettings, VtnSettings
from cariflex_openadr.vtn import Vtn
from support import VEN_ID, TurnableClock, eventually
from support.processes import VtnProcess
from support.simulated_ven import SimulatedVen
from support.vtn import PRICES, operator, program, raw_program

TODAY = date(2026, 11, 23)
PRICE, LOAD, RESPONSE = (event_id(kind, TODAY) for kind in SignalKind)
OTHER_PRICES = [price + 50 for price in PRICES]
CONTEXTS = raw_program()["market_contexts"]
MINUTE = timedelta(minutes=1)
Started = Callable[..., Awaitable[Vtn]]


@pytest.fixture
async def started(vtn_settings: VtnSettings, clock: TurnableClock) -> AsyncIterator[Started]:
    """Starts a VTN with keys of the program changed, on the same database as all others."""
    async with AsyncExitStack() as stack:

        async def start(**changes: Any) -> Vtn:
            vtn = Vtn(replace(vtn_settings, program=program(**changes)), clock=clock)
            await vtn.start()
            stack.push_async_callback(vtn.stop)
            return vtn

        yield start


def shown(vtn: Vtn, name: str) -> tuple[int, bool, list[float]]:
    """Modification, whether it is cancelled, and values of an event."""
    event = vtn.store.mirror.event(name)
    assert event is not None
    return event.modification, event.cancelled, [item.value for item in event.signals[0].intervals]


async def test_changed_prices_and_windows__modified_once(started: Started, clock: TurnableClock) -> None:
    """What the program says differently becomes a modification of its own time; the rest stays."""
    first = await started()
    clock.forward(minutes=1)
    other = await started(
        prices_eur_per_mwh=OTHER_PRICES, load_control={"start": "17:00", "duration_s": 7200, "capacity": 0.3}
    )
    assert shown(other, PRICE) == (1, False, OTHER_PRICES)
    assert shown(other, LOAD) == (1, False, [0.3])
    assert shown(other, RESPONSE) == (0, False, [2.0])
    event = other.store.mirror.event(LOAD)
    assert event is not None
    assert (event.created_at, event.start) == (clock.now, datetime(2026, 11, 23, 21, tzinfo=UTC))
    # The process that runs on has the program of the newer one; a restart changes nothing.
    await eventually(lambda: shown(first, PRICE) == (1, False, OTHER_PRICES))
    clock.forward(minutes=1)
    assert await first.publisher.publish_program() == []
    again = await started(
        prices_eur_per_mwh=OTHER_PRICES, load_control={"start": "17:00", "duration_s": 7200, "capacity": 0.3}
    )
    assert [shown(again, name)[0] for name in (PRICE, LOAD, RESPONSE)] == [1, 1, 0]
    assert {item.event_id for item in again.store.mirror.news(VEN_ID, clock())} == {PRICE, LOAD, RESPONSE}


async def test_process_that_runs_on__publishes_the_next_day_by_the_newer_program(
    started: Started, clock: TurnableClock
) -> None:
    """However many processes there are, one program holds: the last that was started with another one."""
    first = await started()
    await started(prices_eur_per_mwh=OTHER_PRICES)
    clock.forward(days=1)
    await first.publisher.publish_program()
    assert shown(first, event_id(SignalKind.PRICE, TODAY + timedelta(days=1))) == (0, False, OTHER_PRICES)


async def test_window_left_out_or_over__cancelled_for_good(started: Started, clock: TurnableClock) -> None:
    """A window that the program has no longer is cancelled; so is one that would be over by now."""
    await started()
    changed = await started(
        load_control=None, demand_response={"start": "08:00", "duration_s": 3600, "level": 2}
    )
    assert shown(changed, LOAD)[:2] == (1, True)
    assert shown(changed, RESPONSE)[:2] == (1, True)
    # Cancelled is final: back in the program, the window is offered again the next day.
    back = await started()
    assert shown(back, LOAD)[:2] == (1, True)
    clock.forward(days=1)
    offered = [event.event_id for event in await back.publisher.publish_program()]
    assert event_id(SignalKind.LOAD_CONTROL, TODAY + timedelta(days=1)) in offered


async def test_operators_changes__stay_where_the_program_says_the_same(started: Started) -> None:
    """An operator's change is undone neither by a restart nor by another kind's change."""
    first = await started()
    await first.publisher.modify(LOAD, Change(steps=((60 * MINUTE, 0.9),)))
    await first.publisher.cancel(RESPONSE)
    for changes in ({}, {"prices_eur_per_mwh": OTHER_PRICES}):
        vtn = await started(**changes)
        assert shown(vtn, LOAD) == (1, False, [0.9])
        assert shown(vtn, RESPONSE)[:2] == (1, True)
    assert shown(vtn, PRICE)[0] == 1


async def test_day_with_its_own_program__keeps_it(started: Started, clock: TurnableClock) -> None:
    """A day file stands in place of the profile; keys that it lacks follow the profile."""
    first = await started()
    await first.publisher.load_day(TODAY, {"prices_eur_per_mwh": [7.0] * 24})
    other = await started(
        prices_eur_per_mwh=OTHER_PRICES, load_control={"start": "18:00", "duration_s": 14400, "capacity": 0.1}
    )
    assert shown(other, PRICE) == (1, False, [7.0] * 24)
    assert shown(other, LOAD) == (1, False, [0.1])
    clock.forward(days=1)
    await other.publisher.publish_program()
    assert shown(other, event_id(SignalKind.PRICE, TODAY + timedelta(days=1)))[2] == OTHER_PRICES


async def test_market_context__changed_with_the_program(started: Started) -> None:
    """Another market context is another statement too."""
    await started()
    vtn = await started(market_contexts=CONTEXTS | {"price": "http://test/p2"})
    event = vtn.store.mirror.event(PRICE)
    assert event is not None
    assert (event.modification, event.market_context) == (1, "http://test/p2")


async def test_program_that_does_not_fit__nothing_taken_until_it_does(started: Started) -> None:
    """An operator's event in the way of the new program: all stays as it was, health has the reason."""
    first = await started()
    start = datetime(2026, 11, 23, 23, tzinfo=UTC)
    order = Order(SignalKind.LOAD_CONTROL, ((60 * MINUTE, 0.4),), start=start)
    in_the_way = await first.publisher.dispatch(order)
    contexts = CONTEXTS | {"load_control": in_the_way.market_context}
    other = await started(market_contexts=contexts, prices_eur_per_mwh=OTHER_PRICES)
    assert [shown(other, name)[0] for name in (PRICE, LOAD)] == [0, 0]
    status, health = await operator(other, "GET", "/healthz")
    assert (status, in_the_way.event_id in health["problems"][0]) == (503, True)
    await other.publisher.cancel(in_the_way.event_id)
    await other.publisher.publish_program()
    assert [shown(other, name)[0] for name in (PRICE, LOAD)] == [1, 1]
    assert (await operator(other, "GET", "/healthz"))[0] == 200


@pytest.mark.processes
def test_kill_while_the_program_changes__all_of_it_or_nothing(
    tmp_path: Path, database: DatabaseSettings
) -> None:
    """kill -9 at any moment of a start with another program, beside a process that runs on."""
    chance = Random(84)
    quiet = {"load_control": None, "demand_response": None}
    steady = VtnProcess(tmp_path / "steady", database, {"program": raw_program(**quiet)})
    steady.start()
    try:
        ven = SimulatedVen(steady.url)
        ven.register()
        (name,) = {key[0] for key in ven.poll_events()}
        for number in range(1, 6):
            prices = [price + number for price in PRICES]
            changes = {"program": raw_program(prices_eur_per_mwh=prices, **quiet)}
            vtn = VtnProcess(tmp_path / str(number), database, changes)
            for _ in range(2):
                vtn.start(wait=False)
                time.sleep(chance.uniform(0.2, 2.0))
                vtn.kill()
            vtn.start()
            event = vtn.ask(f"/events/{name}")
            vtn.kill()
            found = [item["value"] for item in event["signals"][0]["intervals"]]
            assert (event["modification"], found) == (number, prices)
    finally:
        steady.kill()
