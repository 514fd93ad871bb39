"""The run's generated secrets."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def secrets():
    """Folder with a file for each secret of this run."""
    return Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "secrets"
