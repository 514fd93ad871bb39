"""The platform's generated secrets."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def secrets(host):
    """Folder with a file for each secret of this platform."""
    return Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "build/test-secrets" / host.backend.get_hostname()
