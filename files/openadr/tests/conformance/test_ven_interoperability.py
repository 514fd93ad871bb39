"""Our VEN with openleadr's own VTN: both transports, signed and unsigned, a process each."""

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cariflex_openadr.security.authority import Authority, Credentials, openadr_fingerprint
from cariflex_openadr.settings.ven import SigningSettings, TlsSettings, VenSettings
from cariflex_openadr.storage.ven_database import open_ven_database
from cariflex_openadr.storage.ven_reports import ReportRequests
from cariflex_openadr.ven import Ven
from support import VEN_ID, TurnableClock, eventually
from support.processes import free_port
from support.ven import FlexMeasuresDouble, put_power, ven_config

STOCK_VTN = Path(__file__).parents[1] / "support" / "stock_vtn.py"


def store(directory: Path, name: str, made: Credentials) -> tuple[str, str]:
    """Certificate and key as files."""
    certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
    certificate.write_text(made.certificate_pem)
    key.write_text(made.key_pem)
    return str(certificate), str(key)


@dataclass
class StockVtn:
    """The process, and what it said."""

    process: Process
    said: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self.said.append(json.loads(line))

    def heard(self, key: str) -> list[Any]:
        return [words[key] for words in self.said if key in words]

    def opts(self) -> dict[str, str]:
        return {words["event_id"]: words["opt"] for words in self.said if "opt" in words}


@contextlib.asynccontextmanager
async def stock_vtn(setup: dict[str, Any]) -> AsyncIterator[StockVtn]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(STOCK_VTN),
        json.dumps(setup),
        stdin=PIPE,
        stdout=PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    vtn = StockVtn(process)
    listener = asyncio.create_task(vtn.listen())
    try:
        await eventually(lambda: bool(vtn.heard("port")), 30)
        yield vtn
    finally:
        process.kill()
        await process.wait()
        await listener


def settings_of(
    tmp_path: Path, *, tls: bool, signed: bool, key_type: str
) -> tuple[dict[str, Any], VenSettings]:
    """The stock VTN's setup and our VEN's settings."""
    port = free_port()
    authority = Authority.open(tmp_path, "STOCK_VTN", ["localhost", "127.0.0.1"], key_type)
    own = authority.issue(VEN_ID, key_type)
    ven_certificate, ven_key = store(tmp_path, "ven", own)
    vtn_certificate, vtn_key = str(tmp_path / "vtn.pem"), str(tmp_path / "vtn.key")
    server: dict[str, Any] = {"verify_message_signatures": signed}
    settings = replace(ven_config(port, 1.0, tmp_path / "ven.sqlite3"), resources=frozenset({"battery_01"}))
    if tls:
        ca_file = str(tmp_path / "ca.pem")
        server |= {"http_cert": vtn_certificate, "http_key": vtn_key, "http_ca_file": ca_file}
        settings = replace(
            settings,
            vtn_url=settings.vtn_url.replace("http://127.0.0.1", "https://localhost"),
            tls=TlsSettings(Path(ca_file), Path(ven_certificate), Path(ven_key)),
        )
    if signed:
        server |= {"cert": vtn_certificate, "key": vtn_key}
        fingerprints = frozenset({openadr_fingerprint(authority.vtn.fingerprint)})
        settings = replace(
            settings, signing=SigningSettings(Path(ven_certificate), Path(ven_key), fingerprints)
        )
    setup = {
        "port": port,
        "ven_id": VEN_ID,
        "ven_name": settings.ven_name,
        "fingerprint": openadr_fingerprint(own.fingerprint),
        "server": server,
    }
    return setup, settings


@pytest.mark.parametrize(
    ("tls", "signed", "key_type"),
    [
        (False, False, "ec"),
        (False, True, "rsa"),
        (True, False, "ec"),
        (True, True, "ec"),
        (True, True, "rsa"),
    ],
)
async def test_stock_vtn__events_answered_posted_cancelled(
    tmp_path: Path, tls: bool, signed: bool, key_type: str
) -> None:
    """Registration, reports, events, opts and a cancellation with a VTN that is not ours."""
    setup, settings = settings_of(tmp_path, tls=tls, signed=signed, key_type=key_type)
    flexmeasures = FlexMeasuresDouble()
    async with stock_vtn(setup) as vtn:
        ven = Ven(settings, flexmeasures)
        await ven.start()
        await eventually(lambda: vtn.opts() == {"stock-price": "optIn", "stock-load": "optIn"}, 30)
        await eventually(lambda: {post.sensor_id for post in flexmeasures.posts} == {84, 86}, 30)
        assert list(flexmeasures.latest(84).values()) == [100.0, 200.0]
        assert list(flexmeasures.latest(86).values()) == [40.0] * 5
        assert vtn.heard("registered") == [settings.ven_name]
        await eventually(lambda: vtn.heard("report") == ["battery_01"], 30)
        assert vtn.process.stdin is not None
        vtn.process.stdin.write(b"\n")
        await eventually(lambda: list(flexmeasures.latest(86).values()) == [100.0] * 5, 30)
        await ven.stop()


@pytest.mark.parametrize("tls", [False, True])
async def test_stock_vtn__gets_the_values_it_asked_for(tmp_path: Path, tls: bool) -> None:
    """The usage of a resource comes to another VTN's handler: 12 kW for 5 minutes are 1,000 Wh."""
    setup, settings = settings_of(tmp_path, tls=tls, signed=False, key_type="ec")
    clock = TurnableClock(datetime.now(UTC))
    asked = ReportRequests(open_ven_database(settings.database))
    async with stock_vtn(setup) as vtn:
        ven = Ven(settings, FlexMeasuresDouble(), clock)
        await ven.start()
        await eventually(lambda: len(asked.all()) == 1, 30)
        begun = asked.all()[0].sent_until
        put_power(ven, begun, 5, 12.0)
        clock.forward(minutes=7)
        await eventually(lambda: bool(vtn.heard("values")), 30)
        ((moment, value),) = vtn.heard("values")[0]
        assert (datetime.fromisoformat(moment), value) == (begun, 1000.0)
        await eventually(lambda: asked.all()[0].sent_until == begun + timedelta(minutes=5), 30)
        await ven.stop()


async def test_answer_signed_by_somebody_else__not_believed(tmp_path: Path) -> None:
    """An answer that the configured VTN did not sign is no answer, whatever it says."""
    setup, settings = settings_of(tmp_path, tls=False, signed=True, key_type="ec")
    assert settings.signing is not None
    stranger = replace(settings.signing, vtn_fingerprints=frozenset({":".join(["00"] * 10)}))
    async with stock_vtn(setup):
        ven = Ven(replace(settings, signing=stranger), FlexMeasuresDouble())
        await ven.start()
        await eventually(lambda: "signature" in ven.agent.last_error, 30)
        assert not ven.agent.registered
        await ven.stop()


async def test_unsigned_answer__not_believed_when_signatures_are_configured(tmp_path: Path) -> None:
    """A VTN that does not sign cannot talk to a VEN that demands signatures."""
    setup, settings = settings_of(tmp_path, tls=False, signed=True, key_type="ec")
    setup["server"] = {"verify_message_signatures": False}
    async with stock_vtn(setup):
        ven = Ven(settings, FlexMeasuresDouble())
        await ven.start()
        await eventually(lambda: "expected the VTN's" in ven.agent.last_error, 30)
        await ven.stop()
