"""Sessions against a small CEM peer written in raw JSON: what goes over the wire, and what becomes of it."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from cariflex_simulator.domain.fleet import Fleet
from cariflex_simulator.fleet_builder import build_fleet
from cariflex_simulator.s2.manager import ResourceManager
from cariflex_simulator.settings import S2, Settings
from service_support import TurnableClock, eventually
from support import NOON, TOKEN, settings_in

Message = dict[str, Any]


@dataclass
class CemPeer:
    """A test peer, no CEM of ours: shakes hands, selects FRBC, keeps what comes, sends what the test says."""

    messages: list[Message] = field(default_factory=list)
    strangers: int = 0
    sessions: int = 0
    silent: bool = False
    socket: web.WebSocketResponse | None = None

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.strangers += 1
            raise web.HTTPUnauthorized
        self.socket = web.WebSocketResponse()
        await self.socket.prepare(request)
        self.sessions += 1
        async for packet in self.socket:
            if packet.type is WSMsgType.TEXT:
                await self._take(json.loads(packet.data))
        return self.socket

    async def _take(self, message: Message) -> None:
        self.messages.append(message)
        if message["message_type"] == "ReceptionStatus":
            return
        if not self.silent:
            await self.send(
                "ReceptionStatus", subject_message_id=message["message_id"], status="OK", message_id=None
            )
        if message["message_type"] == "Handshake":
            await self.send("Handshake", role="CEM", supported_protocol_versions=["0.0.2-beta"])
            await self.send("HandshakeResponse", selected_protocol_version="0.0.2-beta")
        elif message["message_type"] == "ResourceManagerDetails":
            await self.send("SelectControlType", control_type="FILL_RATE_BASED_CONTROL")

    async def send(self, message_type: str, **content: Any) -> str:
        message = {"message_type": message_type, "message_id": str(uuid.uuid4()), **content}
        if message["message_id"] is None:
            del message["message_id"]
        assert self.socket is not None
        await self.socket.send_str(json.dumps(message))
        return str(message.get("message_id", ""))

    def of(self, message_type: str) -> list[Message]:
        return [item for item in self.messages if item["message_type"] == message_type]

    def statuses(self, instruction_id: str) -> list[str]:
        updates = self.of("InstructionStatusUpdate")
        return [item["status_type"] for item in updates if item["instruction_id"] == instruction_id]

    def mode(self, label: str) -> Message:
        actuator = self.of("FRBC.SystemDescription")[-1]["actuators"][0]
        return next(mode for mode in actuator["operation_modes"] if mode["diagnostic_label"] == label)

    async def instruct(
        self, label: str, factor: float, at: datetime, instruction_id: str = "", **changes: Any
    ) -> str:
        instruction_id = instruction_id or str(uuid.uuid4())
        content = {
            "id": instruction_id,
            "actuator_id": self.of("FRBC.SystemDescription")[-1]["actuators"][0]["id"],
            "operation_mode": self.mode(label)["id"],
            "operation_mode_factor": factor,
            "execution_time": at.isoformat(),
            "abnormal_condition": False,
            **changes,
        }
        await self.send("FRBC.Instruction", **content)
        return instruction_id


@pytest.fixture
async def peer() -> AsyncIterator[tuple[CemPeer, str]]:
    """A peer and the URL under which managers find it."""
    found = CemPeer()
    app = web.Application()
    app.add_routes([web.get("/s2/{resource_id}", found.connect)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield found, f"ws://127.0.0.1:{runner.addresses[0][1]}/s2"
    if found.socket is not None:
        await found.socket.close()
    await runner.cleanup()


@dataclass
class Running:
    """One manager at work."""

    manager: ResourceManager
    fleet: Fleet
    clock: TurnableClock
    peer: CemPeer


@asynccontextmanager
async def _running(
    settings: Settings, peer: CemPeer, url: str, device: str, token: str = TOKEN
) -> AsyncIterator[Running]:
    clock = TurnableClock(NOON)
    fleet = build_fleet(settings, NOON)
    s2 = S2.model_validate({**settings.s2.model_dump(), "url": url})
    manager = ResourceManager(fleet.devices[device], fleet, s2, token, clock)
    task = asyncio.create_task(manager.run())
    yield Running(manager, fleet, clock, peer)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def battery(tmp_path: Path, peer: tuple[CemPeer, str]) -> AsyncIterator[Running]:
    async with _running(settings_in(tmp_path), *peer, "battery_01") as found:
        await eventually(lambda: bool(found.peer.of("PowerMeasurement")))
        yield found


@pytest.fixture
async def vehicle(tmp_path: Path, peer: tuple[CemPeer, str]) -> AsyncIterator[Running]:
    async with _running(settings_in(tmp_path), *peer, "ev_01") as found:
        await eventually(lambda: bool(found.peer.of("PowerMeasurement")))
        yield found


async def test_session__begin__describes_before_it_reports(battery: Running) -> None:
    kinds = [
        item["message_type"] for item in battery.peer.messages if item["message_type"] != "ReceptionStatus"
    ]

    assert kinds[:7] == [
        "Handshake",
        "ResourceManagerDetails",
        "FRBC.SystemDescription",
        "FRBC.LeakageBehaviour",
        "FRBC.StorageStatus",
        "FRBC.ActuatorStatus",
        "PowerMeasurement",
    ]


async def test_description__modes__carry_exact_efficiencies_by_sign(battery: Running) -> None:
    charge = battery.peer.mode("charge")["elements"][0]
    discharge = battery.peer.mode("discharge")["elements"][0]

    assert charge["power_ranges"][0]["end_of_range"] == 50_000
    assert charge["fill_rate"]["end_of_range"] == pytest.approx(50_000 * 0.95 / 3.6e6)
    assert discharge["power_ranges"][0]["start_of_range"] == -50_000
    assert discharge["fill_rate"]["start_of_range"] == pytest.approx(-50_000 / (0.95 * 3.6e6))
    assert discharge["fill_rate"]["end_of_range"] == 0


async def test_instruction__obeyed__power_and_fill_level_follow_the_physics(battery: Running) -> None:
    device = battery.manager.device
    before_kwh = device.fill_kwh
    instruction = await battery.peer.instruct("charge", 0.4, battery.clock())
    await eventually(lambda: "STARTED" in battery.peer.statuses(instruction))

    battery.clock.forward(minutes=5)
    battery.fleet.advance(battery.clock())

    assert battery.peer.statuses(instruction) == ["ACCEPTED", "STARTED"]
    assert device.power_kw == pytest.approx(20.0)
    gained_kwh = 20 * 0.95 / 12 - before_kwh * 0.0001 / 12
    assert device.fill_kwh - before_kwh == pytest.approx(gained_kwh, rel=1e-4)


async def test_instruction__replaced__the_first_has_succeeded(battery: Running) -> None:
    first = await battery.peer.instruct("charge", 0.4, battery.clock())
    await eventually(lambda: "STARTED" in battery.peer.statuses(first))

    second = await battery.peer.instruct("discharge", 0.0, battery.clock())
    await eventually(lambda: "STARTED" in battery.peer.statuses(second))

    assert battery.peer.statuses(first)[-1] == "SUCCEEDED"
    assert battery.manager.device.wanted_kw() == -50


async def test_instruction__in_future__starts_when_it_is_due(battery: Running) -> None:
    due = battery.clock() + timedelta(minutes=2)
    instruction = await battery.peer.instruct("charge", 0.1, due)
    await eventually(lambda: "ACCEPTED" in battery.peer.statuses(instruction))
    assert battery.manager.device.active is None

    battery.clock.forward(minutes=2)

    await eventually(lambda: "STARTED" in battery.peer.statuses(instruction))
    assert battery.manager.device.wanted_kw() == pytest.approx(5)


async def test_instruction__delivered_twice__counts_once(battery: Running) -> None:
    instruction = await battery.peer.instruct("charge", 0.4, battery.clock())
    await eventually(lambda: "STARTED" in battery.peer.statuses(instruction))

    await battery.peer.instruct("charge", 0.4, battery.clock(), instruction)

    await eventually(lambda: battery.peer.statuses(instruction).count("ACCEPTED") == 2)
    assert battery.peer.statuses(instruction).count("STARTED") == 1
    assert battery.manager.device.pending == []


@pytest.mark.parametrize(
    "changes",
    [
        {"operation_mode_factor": 7.5},
        {"operation_mode": "5f6e1a6c-0000-4000-8000-00000000000f"},
        {"actuator_id": "5f6e1a6c-0000-4000-8000-00000000000f"},
    ],
)
async def test_instruction__senseless__is_rejected_and_the_session_lives_on(
    battery: Running, changes: Message
) -> None:
    refused = await battery.peer.instruct("charge", 0.4, battery.clock(), **changes)
    await eventually(lambda: battery.peer.statuses(refused) == ["REJECTED"])

    good = await battery.peer.instruct("charge", 0.2, battery.clock())

    await eventually(lambda: "STARTED" in battery.peer.statuses(good))
    assert battery.peer.sessions == 1


async def test_revoke__active_instruction__plain_behaviour_returns(battery: Running) -> None:
    instruction = await battery.peer.instruct("discharge", 0.0, battery.clock())
    await eventually(lambda: "STARTED" in battery.peer.statuses(instruction))

    await battery.peer.send("RevokeObject", object_type="FRBC.Instruction", object_id=instruction)

    await eventually(lambda: "REVOKED" in battery.peer.statuses(instruction))
    assert battery.manager.device.wanted_kw() == 50


async def test_session__cem_goes_away__instruction_holds_then_ends(battery: Running) -> None:
    instruction = await battery.peer.instruct("charge", 0.4, battery.clock())
    await eventually(lambda: "STARTED" in battery.peer.statuses(instruction))
    assert battery.peer.socket is not None
    battery.peer.silent = True

    await battery.peer.socket.close()
    await eventually(lambda: not battery.manager.connected)
    battery.clock.forward(minutes=14)
    battery.manager.expire_hold()
    held_kw = battery.manager.device.wanted_kw()
    battery.clock.forward(minutes=2)
    battery.manager.expire_hold()

    assert held_kw == pytest.approx(20)
    assert battery.manager.device.active is None


async def test_session__lost__comes_back_and_tells_what_it_does(battery: Running) -> None:
    instruction = await battery.peer.instruct("charge", 0.4, battery.clock())
    await eventually(lambda: "STARTED" in battery.peer.statuses(instruction))
    assert battery.peer.socket is not None
    battery.peer.messages.clear()

    await battery.peer.socket.close()

    await eventually(lambda: bool(battery.peer.of("FRBC.ActuatorStatus")))
    status = battery.peer.of("FRBC.ActuatorStatus")[0]
    assert battery.peer.sessions == 2
    assert status["active_operation_mode_id"] == battery.peer.mode("charge")["id"]
    assert status["operation_mode_factor"] == pytest.approx(0.4)


async def test_session__wrong_token__is_no_session(tmp_path: Path, peer: tuple[CemPeer, str]) -> None:
    async with _running(settings_in(tmp_path), *peer, "battery_01", token="guessed") as found:
        await eventually(lambda: found.peer.strangers > 0)

        assert not found.manager.connected
        assert found.peer.messages == []


async def test_vehicle__away_at_noon__can_only_be_idle(vehicle: Running) -> None:
    actuator = vehicle.peer.of("FRBC.SystemDescription")[-1]["actuators"][0]

    assert [mode["diagnostic_label"] for mode in actuator["operation_modes"]] == ["idle"]


async def test_vehicle__comes_home__describes_itself_anew_with_its_next_departure(vehicle: Running) -> None:
    trips = vehicle.manager.device.trips
    assert trips is not None
    trip = trips.at(NOON)
    assert trip is not None

    vehicle.clock.now = trip.arrival + timedelta(seconds=1)
    vehicle.fleet.advance(vehicle.clock())

    await eventually(lambda: len(vehicle.peer.of("FRBC.FillLevelTargetProfile")) == 2)
    profile = vehicle.peer.of("FRBC.FillLevelTargetProfile")[-1]
    following = trips.next_after(vehicle.clock())
    assert following is not None
    ready = datetime.fromisoformat(profile["start_time"]) + timedelta(
        milliseconds=profile["elements"][0]["duration"]
    )
    assert ready.astimezone(UTC) == following.departure - timedelta(minutes=15)
    assert profile["elements"][1]["fill_level_range"]["start_of_range"] >= 6 + following.energy_kwh
    actuator = vehicle.peer.of("FRBC.SystemDescription")[-1]["actuators"][0]
    assert {mode["diagnostic_label"] for mode in actuator["operation_modes"]} == {
        "idle",
        "charge",
        "discharge",
    }
