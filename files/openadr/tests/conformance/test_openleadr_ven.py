"""Interoperability: the stock openleadr VEN with our VTN, over HTTP and TLS, unsigned and signed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openleadr import OpenADRClient

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.orders import Order
from cariflex_openadr.settings import Listen
from cariflex_openadr.settings.vtn import VtnSettings
from cariflex_openadr.vtn import Vtn
from cariflex_service.runtime import utc_now
from support import VEN_ID, eventually
from support.certified_ven import Certified
from support.vtn import openadr_url, operator

PROGRAM = {"price", "load-control", "demand-response"}


@asynccontextmanager
async def started(settings: VtnSettings) -> AsyncIterator[Vtn]:
    vtn = Vtn(settings)
    await vtn.start()
    yield vtn
    await vtn.stop()


class Handlers:
    """Takes every event, and remembers it."""

    def __init__(self, client: OpenADRClient) -> None:
        self.client = client
        self.seen: list[tuple[str, int]] = []
        client.add_handler("on_event", self.take)
        client.add_handler("on_update_event", self.take)

    async def take(self, event: dict[str, Any]) -> str:
        descriptor = event["event_descriptor"]
        self.seen.append((descriptor["event_id"], descriptor["modification_number"]))
        return "optIn"


def settled(vtn: Vtn, ven_id: str) -> bool:
    known = vtn.store.mirror.ven(ven_id)
    return known is not None and known.registered and not vtn.store.mirror.news(ven_id, utc_now())


async def follow_program_and_a_change(vtn: Vtn, client: OpenADRClient, ven_id: str) -> None:
    """All events reach the VEN's handlers once, and its answers to a modification are kept too."""
    handlers = Handlers(client)
    await client.run()
    await eventually(lambda: settled(vtn, ven_id), 20)
    assert {name.rsplit("-20", 1)[0] for name, _ in handlers.seen} == PROGRAM
    assert len(handlers.seen) == len(set(handlers.seen)) == 3
    event = await vtn.publisher.republish_price()
    await eventually(lambda: settled(vtn, ven_id), 20)
    assert (event.event_id, 1) in handlers.seen
    _, shown = await operator(vtn, "GET", f"/events/{event.event_id}")
    assert [(opt["ven_id"], opt["modification"], opt["opt"]) for opt in shown["opts"]] == [
        (ven_id, 1, "optIn")
    ]
    await client.stop()


async def test_plain_unsigned(vtn: Vtn) -> None:
    """Plain HTTP, unsigned."""
    client = OpenADRClient(ven_name="cariflex-ven", vtn_url=openadr_url(vtn, "").rstrip("/"), ven_id=VEN_ID)
    await follow_program_and_a_change(vtn, client, VEN_ID)


@pytest.mark.parametrize("key_type", ["ec", "rsa"])
async def test_plain_signed(vtn: Vtn, tmp_path: Path, key_type: str) -> None:
    """Plain HTTP, signed by both sides; each checks the other's fingerprint."""
    ven = await Certified.add(vtn, tmp_path, "site-1", key_type)
    client = OpenADRClient(
        ven_name="site-1",
        ven_id="site-1",
        vtn_url=openadr_url(vtn, "").rstrip("/"),
        cert=str(ven.certificate),
        key=str(ven.key),
        ca_file=str(ven.ca),
        vtn_fingerprint=ven.vtn_fingerprint,
        show_fingerprint=False,
    )
    await follow_program_and_a_change(vtn, client, "site-1")


@pytest.mark.parametrize("signed", [False, True])
async def test_tls(vtn_settings: VtnSettings, tmp_path: Path, signed: bool) -> None:
    """Mutual TLS on the VTN's own port, with and without signatures."""
    security = replace(vtn_settings.security, tls=Listen("127.0.0.1", 0))
    async with started(replace(vtn_settings, security=security)) as vtn:
        ven = await Certified.add(vtn, tmp_path, "site-1")
        client = OpenADRClient(
            ven_name="site-1",
            ven_id="site-1",
            vtn_url=f"https://localhost:{vtn.tls_port}/OpenADR2/Simple/2.0b",
            cert=str(ven.certificate),
            key=str(ven.key),
            ca_file=str(ven.ca),
            vtn_fingerprint=ven.vtn_fingerprint if signed else None,
            disable_signature=not signed,
            show_fingerprint=False,
        )
        await follow_program_and_a_change(vtn, client, "site-1")


async def test_cancellation__reaches_the_ven(vtn: Vtn) -> None:
    """A cancelled event is sent once more, and the VEN's answer to that is kept."""
    client = OpenADRClient(ven_name="cariflex-ven", vtn_url=openadr_url(vtn, "").rstrip("/"), ven_id=VEN_ID)
    handlers = Handlers(client)
    start = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    order = Order(SignalKind.LOAD_CONTROL, ((timedelta(minutes=5), 0.4),), start=start)
    event = await vtn.publisher.dispatch(order)
    await client.run()
    await eventually(lambda: settled(vtn, VEN_ID), 20)
    await vtn.publisher.cancel(event.event_id)
    await eventually(lambda: settled(vtn, VEN_ID), 20)
    assert (event.event_id, 1) in handlers.seen
    await client.stop()


async def test_reports__offered_asked_for_and_stored(vtn_settings: VtnSettings) -> None:
    """The VEN's telemetry is asked for at registration, and its values arrive."""
    second = timedelta(seconds=1)
    settings = replace(
        vtn_settings, reports=replace(vtn_settings.reports, granularity=second, report_back=second)
    )

    async def power() -> float:
        return 12.5

    async with started(settings) as vtn:
        url = openadr_url(vtn, "").rstrip("/")
        client = OpenADRClient(ven_name="cariflex-ven", vtn_url=url, ven_id=VEN_ID)
        Handlers(client)
        client.add_report(
            callback=power,
            resource_id="battery_01",
            measurement="powerReal",
            unit="W",
            sampling_rate=second,
        )
        await client.run()
        await eventually(lambda: vtn.api.counts.get("oadrUpdateReport", 0) > 0, 20)
        status, found = await operator(vtn, "GET", "/reports")
        assert status == 200, found
        await client.stop()
    points = [(row["ven_id"], row["resource_id"], row["value"], row["unit"]) for row in found["reports"]]
    assert points == [(VEN_ID, "battery_01", 12.5, "W")]
