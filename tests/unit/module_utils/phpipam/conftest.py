"""A phpIPAM double with an empty section, and clients of it."""

import pytest
from ansible.module_utils.cariflex.phpipam.client import Client, Connection
from tests.doubles.phpipam import Phpipam


@pytest.fixture
def phpipam():
    with Phpipam() as double:
        yield double


@pytest.fixture
def client(phpipam):
    return Client(Connection(phpipam.url, "ansible", app_code="code-of-the-test"))
