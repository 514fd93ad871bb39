"""Fixtures of the S2 service's tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cariflex_s2.service import Service
from s2.raw_peer import RawPeer
from s2.support import VenSide, running, service_settings, token_of


@pytest.fixture
def ven(tmp_path: Path) -> Iterator[VenSide]:
    side = VenSide(tmp_path / "ven.sqlite3")
    yield side
    side.close()


@pytest.fixture
async def service(tmp_path: Path, ven: VenSide) -> AsyncIterator[Service]:
    """A running service for battery_01 to battery_03; ``ven`` shares its database."""
    del ven
    async with running(service_settings(tmp_path)) as found:
        yield found


@pytest.fixture
async def battery(service: Service) -> AsyncIterator[RawPeer]:
    """battery_01, connected and instructed once."""
    async with RawPeer(service.port, "battery_01", token_of("battery_01")) as peer:
        await peer.join()
        yield peer
