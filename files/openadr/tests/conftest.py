"""A database server for the whole run; VTNs and VENs that use it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cariflex_openadr.settings.vtn import DatabaseSettings, VtnSettings
from cariflex_openadr.ven import Ven
from cariflex_openadr.vtn import Vtn
from support import TurnableClock
from support.postgres import Cluster, running_cluster
from support.ven import FlexMeasuresDouble, ven_config
from support.vtn import vtn_config


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real PostgreSQL server of our own."""
    with running_cluster() as server:
        yield server


@pytest.fixture
def database(cluster: Cluster) -> Iterator[DatabaseSettings]:
    """An empty database."""
    made = cluster.database()
    yield made
    cluster.drop(made)


@pytest.fixture
def vtn_settings(tmp_path: Path, database: DatabaseSettings) -> VtnSettings:
    """Settings of a VTN on an empty database."""
    return vtn_config(tmp_path, database)


@pytest.fixture
async def vtn(vtn_settings: VtnSettings) -> AsyncIterator[Vtn]:
    """Our VTN, started."""
    service = Vtn(vtn_settings)
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
def clock() -> TurnableClock:
    """Noon in Martinique."""
    return TurnableClock()


@pytest.fixture
async def noon_vtn(vtn_settings: VtnSettings, clock: TurnableClock) -> AsyncIterator[Vtn]:
    """Our VTN with ``clock``."""
    service = Vtn(vtn_settings, clock=clock)
    await service.start()
    yield service
    await service.stop()


@pytest.fixture
async def flexmeasures() -> FlexMeasuresDouble:
    """A FlexMeasures that keeps what is posted."""
    return FlexMeasuresDouble()


@pytest.fixture
async def ven(vtn: Vtn, flexmeasures: FlexMeasuresDouble) -> AsyncIterator[Ven]:
    """Our VEN, polling our VTN."""
    service = Ven(ven_config(vtn.openadr_port), flexmeasures)
    await service.start()
    yield service
    await service.stop()
