"""Fixtures of the container tier: no run finds or leaves what another one made."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.container.flexmeasures_database import database, postgres_cluster
from tests.container.registries import registry, registry_program, settings

__all__ = [
    "database",
    "no_platforms",
    "postgres_cluster",
    "project_root",
    "registry",
    "registry_program",
    "settings",
]
# Another value keeps a second run on the same machine apart.
SUFFIX = os.environ.get("CARIFLEX_TEST_SUFFIX", "")
LABEL = f"label=fr.cariflex.test=cariflex-test{SUFFIX}"
ROOT = Path(__file__).resolve().parents[2]


def _docker(*words):
    done = subprocess.run(["docker", *words], check=True, capture_output=True, text=True)
    return done.stdout.split()


def _remove_platforms():
    # Containers first: a network in use cannot be removed. `--volumes` takes the inner engines' stores along.
    if containers := _docker("ps", "--all", "--quiet", "--filter", LABEL):
        _docker("rm", "--force", "--volumes", *containers)
    if networks := _docker("network", "ls", "--quiet", "--filter", LABEL):
        _docker("network", "rm", *networks)


@pytest.fixture(scope="session")
def no_platforms():
    """No test platform exists before the tests that use them, and none after."""
    _remove_platforms()
    yield
    _remove_platforms()


@pytest.fixture(scope="session")
def project_root():
    """The repository's folder."""
    return ROOT
