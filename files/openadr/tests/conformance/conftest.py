"""Running services on loopback."""

from collections.abc import AsyncIterator

import pytest

from cariflex_openadr.ven import Ven
from cariflex_openadr.vtn import Vtn
from support.ven import FlexMeasuresDouble, ven_config
from support.vtn import vtn_config


@pytest.fixture
async def vtn() -> AsyncIterator[Vtn]:
    """Our VTN, started."""
    service = Vtn(vtn_config())
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
