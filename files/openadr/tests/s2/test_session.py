"""Sessions over websockets with the raw peer: order, refusals, tokens, and bad peers that harm nobody."""

import asyncio
import contextlib
import json
from typing import Any

import pytest
from s2python.s2_parser import TYPE_TO_MESSAGE_CLASS
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cariflex_s2.service import Service
from s2.raw_peer import RawPeer, battery_description, new_id, now_text
from s2.support import token_of

NIL = "00000000-0000-0000-0000-000000000000"


def peer_of(service: Service, name: str = "battery_01", token: str = "") -> RawPeer:
    return RawPeer(service.port, name, token or token_of(name))


async def test__session__follows_the_order_of_s2(service: Service) -> None:
    async with peer_of(service) as peer:
        await peer.join()
        kinds = [m["message_type"] for m in peer.received if m["message_type"] != "ReceptionStatus"]
    assert kinds == ["Handshake", "HandshakeResponse", "SelectControlType", "FRBC.Instruction"]
    chosen = next(m for m in peer.received if m["message_type"] == "SelectControlType")
    assert chosen["control_type"] == "FILL_RATE_BASED_CONTROL"
    assert peer.received[0]["message_type"] == "ReceptionStatus", (
        "the reception comes before what follows from it"
    )


@pytest.mark.parametrize(
    ("name", "token"),
    [("battery_01", "wrong"), ("battery_01", token_of("battery_02")), ("stranger", token_of("stranger"))],
)
async def test__server__a_stranger_gets_nothing(service: Service, name: str, token: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with peer_of(service, name, token):
            pass
    assert refused.value.response.status_code == 401
    assert service.server.sessions == {}
    assert service.server.strangers == 1


@pytest.mark.parametrize("kind", sorted(set(TYPE_TO_MESSAGE_CLASS) - {"ReceptionStatus"}))
async def test__session__answers_every_message_type(battery: RawPeer, kind: str) -> None:
    """A type without an answer would end the sender's session after five seconds."""
    answer = await battery.tell(battery.message(kind))
    assert answer["status"] == "PERMANENT_ERROR"
    assert answer["diagnostic_label"]


def _sound_messages(peer: RawPeer) -> list[dict[str, Any]]:
    status = {"instruction_id": peer.instructions[0]["id"], "status_type": "STARTED", "timestamp": now_text()}
    fill = {"start_of_range": 20.0, "end_of_range": 95.0}
    return [
        peer.message("InstructionStatusUpdate", **status),
        peer.message(
            "FRBC.ActuatorStatus",
            actuator_id=peer.instructions[0]["actuator_id"],
            active_operation_mode_id=peer.instructions[0]["operation_mode"],
            operation_mode_factor=0.5,
        ),
        peer.measurement(1_000.0),
        peer.message(
            "FRBC.UsageForecast",
            start_time=now_text(),
            elements=[{"duration": 3_600_000, "usage_rate_expected": -0.001}],
        ),
        peer.message(
            "FRBC.FillLevelTargetProfile",
            start_time=now_text(),
            elements=[{"duration": 3_600_000, "fill_level_range": fill}],
        ),
        peer.message(
            "FRBC.LeakageBehaviour",
            valid_from=now_text(),
            elements=[{"fill_level_range": fill, "leakage_rate": 0.0001}],
        ),
        battery_description(peer.name),
        peer.details(),
        peer.message(
            "RevokeObject", object_type="FRBC.SystemDescription", object_id=new_id()
        ),
    ]  # fmt: skip


async def test__session__accepts_what_resource_managers_say(battery: RawPeer) -> None:
    for message in _sound_messages(battery):
        answer = await battery.tell(message)
        assert answer["status"] == "OK", (message["message_type"], answer)


def _broken_description(peer: RawPeer, change: str) -> dict[str, Any]:
    message = battery_description(peer.name)
    actuator = message["actuators"][0]
    element = actuator["operation_modes"][1]["elements"][0]
    if change == "reversed fill range":
        message["storage"]["fill_level_range"] = {"start_of_range": 95, "end_of_range": 10}
    elif change == "reversed fill rate":
        element["fill_rate"] = {"start_of_range": 1, "end_of_range": 0}
    elif change == "reversed power range":
        element["power_ranges"][0] |= {"start_of_range": 1, "end_of_range": 0}
    elif change == "no room":
        message["storage"]["fill_level_range"] = {"start_of_range": 10, "end_of_range": 10}
    elif change == "two actuators":
        message["actuators"].append({**actuator, "id": new_id()})
    elif change == "only abnormal modes":
        for mode in actuator["operation_modes"]:
            mode["abnormal_condition_only"] = True
    return message


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("reversed fill range", "start_of_range <= end_of_range"),
        ("reversed fill rate", "start_of_range <= end_of_range"),
        ("reversed power range", "start_of_range <= end_of_range"),
        ("no room", "expected room"),
        ("two actuators", "expected one actuator"),
        ("only abnormal modes", "normal conditions"),
    ],
)
async def test__session__refuses_a_description_it_cannot_use(
    battery: RawPeer, change: str, reason: str
) -> None:
    answer = await battery.tell(_broken_description(battery, change))
    assert answer["status"] == "PERMANENT_ERROR"
    assert reason in answer["diagnostic_label"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"present_fill_level": float("nan")}, "finite"),
        ({"present_fill_level": float("inf")}, "finite"),
        ({"present_fill_level": 200.0}, "expected 1.5 to 103.5"),
        ({"present_fill_level": -5.0}, "expected 1.5 to 103.5"),
        ({"present_fill_level": "full"}, "present_fill_level"),
        ({}, "Field required"),
        ({"present_fill_level": 50.0, "extra": 1}, "Extra inputs"),
    ],
)
async def test__session__refuses_a_bad_fill_level(
    battery: RawPeer, fields: dict[str, Any], reason: str
) -> None:
    message = battery.message("FRBC.StorageStatus", **fields)
    await battery.say(json.dumps(message))
    answer = await battery.answer(message["message_id"])
    assert answer["status"] == "PERMANENT_ERROR"
    assert reason in answer["diagnostic_label"]


async def test__session__refuses_a_factor_above_one_and_a_foreign_actuator(battery: RawPeer) -> None:
    known = battery.instructions[0]
    status = {"actuator_id": known["actuator_id"], "active_operation_mode_id": known["operation_mode"]}
    too_much = await battery.tell(battery.message("FRBC.ActuatorStatus", **status, operation_mode_factor=7.5))
    foreign = await battery.tell(
        battery.message(
            "FRBC.ActuatorStatus", **{**status, "actuator_id": new_id()}, operation_mode_factor=0.5
        )
    )
    assert (too_much["status"], foreign["status"]) == ("PERMANENT_ERROR", "PERMANENT_ERROR")
    assert "expected 0 to 1" in too_much["diagnostic_label"]


async def test__session__refuses_a_power_that_no_such_device_has(battery: RawPeer) -> None:
    assert (await battery.tell(battery.measurement(80_000)))["status"] == "PERMANENT_ERROR"
    assert (await battery.tell(battery.measurement(50_500)))["status"] == "OK"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"Handshake"', "{" * 3000, '{"message_type": 7}'])
async def test__session__answers_what_is_no_message(battery: RawPeer, text: str) -> None:
    await battery.say(text)
    answer = await battery.answer(NIL)
    assert answer["status"] == "PERMANENT_ERROR"
    assert (await battery.tell(battery.fill_level(50)))["status"] == "OK", "the session goes on"


async def test__session__refuses_what_comes_out_of_order(service: Service) -> None:
    async with peer_of(service) as peer:
        await peer.introduce()
        for message in (peer.fill_level(50), peer.handshake()):
            answer = await peer.tell(message)
            assert answer["status"] == "PERMANENT_ERROR"
            assert "expected" in answer["diagnostic_label"]
        assert service.server.sessions["battery_01"].state is None
        assert (await peer.tell(battery_description(peer.name)))["status"] == "OK"


async def test__session__refuses_control_before_details(service: Service) -> None:
    async with peer_of(service) as peer:
        await peer.tell(peer.handshake())
        answer = await peer.tell(battery_description(peer.name))
        assert answer["status"] == "PERMANENT_ERROR"
        assert "expected ResourceManagerDetails first" in answer["diagnostic_label"]
        assert service.server.sessions["battery_01"].device is None


@pytest.mark.parametrize("first", ["details", "fill_level", "wrong role", "unknown version", "no versions"])
async def test__session__without_a_handshake_it_ends(service: Service, first: str) -> None:
    async with peer_of(service) as peer:
        message = {
            "details": peer.details(),
            "fill_level": peer.fill_level(50),
            "wrong role": peer.handshake(role="CEM"),
            "unknown version": peer.handshake(supported_protocol_versions=["9.9"]),
            "no versions": peer.message("Handshake", role="RM"),
        }[first]
        answer = await peer.tell(message)
        async with asyncio.timeout(5):
            await peer.closed.wait()
    assert answer["status"] == "PERMANENT_ERROR"


async def test__session__without_frbc_is_refused(service: Service) -> None:
    async with peer_of(service) as peer:
        await peer.tell(peer.handshake())
        answer = await peer.tell(peer.details(available_control_types=["NOT_CONTROLABLE"]))
    assert answer["status"] == "PERMANENT_ERROR"
    assert "FILL_RATE_BASED_CONTROL" in answer["diagnostic_label"]


async def test__session__a_bad_peer_harms_no_other(service: Service, battery: RawPeer) -> None:
    """Garbage until it is thrown out, a flood, and an abrupt end: battery_01 does not notice."""
    async with peer_of(service, "battery_02") as garbage:
        await garbage.introduce()
        for _ in range(20):
            await garbage.say("garbage")
        async with asyncio.timeout(5):
            await garbage.closed.wait()
    async with peer_of(service, "battery_03") as flood:
        await flood.introduce()
        for _ in range(400):
            with contextlib.suppress(ConnectionClosed):
                await flood.say(flood.fill_level(50))
        async with asyncio.timeout(5):
            await flood.closed.wait()
    assert (await battery.tell(battery.fill_level(51)))["status"] == "OK"
    assert set(service.server.sessions) == {"battery_01"}
    assert service.server.sessions["battery_01"].refused == 0


async def test__session__a_new_connection_replaces_the_old(service: Service, battery: RawPeer) -> None:
    async with peer_of(service) as again:
        await again.join()
        async with asyncio.timeout(5):
            await battery.closed.wait()
        assert (await again.tell(again.fill_level(51)))["status"] == "OK"
        assert service.server.sessions["battery_01"].fill_level_kwh == 51
    assert again.instructions[0]["id"] == battery.instructions[0]["id"], "the same instruction, not a new one"


async def test__session__ends_on_request(service: Service, battery: RawPeer) -> None:
    answer = await battery.tell(battery.message("SessionRequest", request="TERMINATE"))
    async with asyncio.timeout(5):
        await battery.closed.wait()
    assert answer["status"] == "OK"
    assert service.server.sessions == {}
