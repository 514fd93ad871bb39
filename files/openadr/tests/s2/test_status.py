"""What operators see: health, metrics, sessions, instructions, and s2ctl."""

import asyncio
import json

import pytest

from cariflex_s2 import s2ctl
from cariflex_s2.service import Service
from s2.raw_peer import RawPeer
from s2.support import token_of


async def control(service: Service, *words: str) -> int:
    """Run s2ctl against the service, which answers meanwhile."""
    arguments = ["--url", f"127.0.0.1:{service.status_port}", *words]
    return await asyncio.to_thread(s2ctl.run, arguments)


async def test__s2ctl__shows_every_resource(
    service: Service, battery: RawPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    await battery.tell(battery.measurement(1_000))
    assert await control(service, "sessions", "--json") == 0
    rows = {row["resource_id"]: row for row in json.loads(capsys.readouterr().out)["sessions"]}
    assert (rows["battery_01"]["phase"], rows["battery_02"]["phase"]) == ("control", "absent")
    assert (rows["battery_01"]["fill_level_kwh"], rows["battery_01"]["power_w"]) == (50.0, 1_000.0)
    assert await control(service, "sessions") == 0
    assert "battery_01  control" in capsys.readouterr().out


async def test__s2ctl__shows_instructions(
    service: Service, battery: RawPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await control(service, "instructions", "--resource", "battery_01", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["instructions"]
    assert [(row["event_id"], row["revision"], row["power_w"]) for row in rows] == [("baseline", 0, 0.0)]
    assert rows[0]["instruction_id"] == battery.instructions[0]["id"]
    assert await control(service, "instructions", "--resource", "unknown") == 1
    assert "expected one of battery_01" in capsys.readouterr().err


async def test__s2ctl__shows_schedules(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    assert await control(service, "schedules", "--json") == 0
    assert json.loads(capsys.readouterr().out)["problem"] == "scheduling is off"


async def test__health__fails_without_the_vens_database(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await control(service, "health") == 0
    service.promises.ven_file.close()
    service.settings.ven_database.unlink()
    service.settings.ven_database.mkdir()
    service.promises.read()
    assert await control(service, "health") == 1
    assert "VEN database" in capsys.readouterr().err


async def test__metrics__count_instructions_without_secrets(service: Service, battery: RawPeer) -> None:
    text = service.metrics.text()
    assert 'cariflex_s2_instructions_total{cause="baseline"} 1.0' in text
    assert token_of("battery_01") not in text
    assert battery.instructions
