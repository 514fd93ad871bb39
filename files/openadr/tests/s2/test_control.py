"""From the VEN's promises to instructions at a connected device, through a running service."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from cariflex_s2.resource import Resource
from cariflex_s2.service import Service
from s2.devices import resource
from s2.raw_peer import RawPeer
from s2.support import VenSide, running, service_settings, token_of
from support import eventually


def charging_batteries() -> list[Resource]:
    return [resource(number, baseline_w=50_000) for number in (1, 2, 3)]


def peer_of(service: Service, name: str = "battery_01") -> RawPeer:
    return RawPeer(service.port, name, token_of(name))


async def until_power(peer: RawPeer, power_w: float, within_w: float = 1) -> None:
    await peer.until(lambda: abs(peer.power_now - power_w) < within_w)


async def test__control__an_event_reaches_every_device_and_its_end_releases_them(
    tmp_path: Path, ven: VenSide
) -> None:
    async with (
        running(service_settings(tmp_path, charging_batteries())) as service,
        peer_of(service) as one,
        peer_of(service, "battery_02") as two,
    ):
        await asyncio.gather(one.join(20), two.join(20))
        assert (one.power_now, two.power_now) == (50_000, 50_000)
        ven.promise("x-loadControlCapacity", 0.4, minutes=1.03)
        await asyncio.gather(until_power(one, 20_000), until_power(two, 20_000))
        await asyncio.gather(until_power(one, 50_000), until_power(two, 50_000))
    assert [round(one.power_of(item)) for item in one.instructions] == [50_000, 20_000, 50_000]


async def test__control__a_cancellation_releases_the_device(ven: VenSide, battery: RawPeer) -> None:
    ven.promise("level", -0.5)
    await until_power(battery, 25_000)
    ven.cancel()
    await until_power(battery, 0)


async def test__control__of_several_events_the_strictest_holds(tmp_path: Path, ven: VenSide) -> None:
    async with running(service_settings(tmp_path, charging_batteries())) as service, peer_of(service) as peer:
        await peer.join(20)
        ven.promise("x-loadControlCapacity", 0.4, event_id="loose")
        await until_power(peer, 20_000)
        ven.promise("x-loadControlCapacity", 0.2, event_id="strict")
        await until_power(peer, 10_000)
        ven.cancel("strict")
        await until_power(peer, 20_000)


async def test__control__a_redelivery_makes_no_new_revision(
    ven: VenSide, battery: RawPeer, service: Service
) -> None:
    """The VEN writes the same modification again (a new revision of its row): nothing new for the device."""
    ven.promise("level", -0.5, starts_in=timedelta(0))
    await until_power(battery, 25_000)
    before = len(battery.instructions)
    revision = service.promises.revision
    with sqlite3.connect(service.settings.ven_database) as connection:
        connection.execute("UPDATE intent SET revision = revision + 1")
    await eventually(lambda: service.promises.revision > revision)
    await battery.tell(battery.fill_level(50.001))
    assert len(battery.instructions) == before


async def test__control__a_modification_gives_a_new_instruction(
    ven: VenSide, battery: RawPeer, service: Service
) -> None:
    ven.promise("level", -0.5)
    await until_power(battery, 25_000)
    ven.promise("level", -0.25, modification=1)
    await until_power(battery, 12_500)
    newest = service.controller.ledger.recent("battery_01")
    assert [(item.cause.modification, item.revision) for item in newest[:2]] == [("1", 0), ("0", 0)]


async def test__control__targets_and_tests_are_respected(tmp_path: Path, ven: VenSide) -> None:
    async with (
        running(service_settings(tmp_path)) as service,
        peer_of(service) as one,
        peer_of(service, "battery_02") as two,
    ):
        await asyncio.gather(one.join(), two.join())
        ven.promise("level", -1.0, event_id="test", test=True)
        ven.promise("x-loadControlSetpoint", 5.0, event_id="unknown")
        ven.promise("level", -0.5, event_id="two", targets=("battery_02",))
        await until_power(two, 25_000)
        await one.tell(one.fill_level(50.001))
    assert len(one.instructions) == 1
    assert service.metrics.unsupported_signals._value.get() == 1


async def test__control__follows_the_fill_level_to_the_limit(ven: VenSide, battery: RawPeer) -> None:
    ven.promise("level", -1.0, minutes=61)
    await until_power(battery, 45 / 0.95 * 1000, 100)
    await battery.tell(battery.fill_level(94))
    await battery.until(lambda: battery.power_now < 1_100)
    await battery.tell(battery.fill_level(95))
    await until_power(battery, 0)


async def test__control__a_restart_repeats_the_same_instruction(tmp_path: Path, ven: VenSide) -> None:
    settings = service_settings(tmp_path)
    ven.promise("level", -0.5)
    ids = []
    for _ in range(2):
        async with running(settings) as service, peer_of(service) as peer:
            await peer.join()
            ids.append(peer.instructions[-1]["id"])
            assert peer.power_now == pytest.approx(25_000)
            assert len(service.controller.ledger.recent("battery_01")) == 1
    assert ids[0] == ids[1]


async def test__control__a_device_that_leaves_instructions_unanswered_is_dropped(
    service: Service, ven: VenSide, battery: RawPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cariflex_s2.api.session.ANSWER_WITHIN", timedelta(seconds=0.2))
    battery.deaf = True
    ven.promise("level", -0.5)
    async with asyncio.timeout(5):
        await battery.closed.wait()
    assert service.server.sessions == {}


async def test__control__keeps_what_became_of_an_instruction(battery: RawPeer, service: Service) -> None:
    def status() -> str:
        return service.controller.ledger.recent("battery_01")[0].status

    await eventually(lambda: status() == "DELIVERED")
    rejected = {"instruction_id": battery.instructions[0]["id"], "status_type": "REJECTED"}
    await battery.tell(
        battery.message("InstructionStatusUpdate", timestamp="2026-11-23T16:00:00Z", **rejected)
    )
    await eventually(lambda: status() == "REJECTED")


async def test__control__says_goodbye_when_stopped(tmp_path: Path) -> None:
    async with running(service_settings(tmp_path)) as service:
        peer = peer_of(service)
        await peer.__aenter__()
        await peer.join()
    async with asyncio.timeout(5):
        await peer.closed.wait()
    requests = [m for m in peer.received if m["message_type"] == "SessionRequest"]
    assert [m["request"] for m in requests] == ["RECONNECT"]
    await peer.__aexit__(None, None, None)
