"""Role ipam on a machine of its own: phpIPAM is a double, the containers are real."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.doubles.phpipam import App, Phpipam

pytestmark = pytest.mark.container
CODE = "code-of-the-test"


@pytest.fixture
def phpipam():
    with Phpipam({"ansible": App(code=CODE)}) as double:
        yield double


def test_allocations_and_what_the_engine_uses(phpipam, project_root, no_platforms):
    section = phpipam.add_section("Cariflex")
    public = phpipam.add_subnet(section, "172.29.0.0/16")
    for number in range(2, 12):
        phpipam.add_address(public, f"172.29.0.{number}", hostname=f"theirs-{number}")
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "default",
        "NO_COLOR": "1",
        "PHPIPAM_URL": phpipam.url,
        "PHPIPAM_APP_CODE": CODE,
    }
    molecule = shutil.which("molecule", path=programs)
    assert molecule, f"no molecule beside {sys.executable}; expected what `make venv-dev` prepares"
    # Converges, runs again without a change, checks without a change, compares all four, destroys.
    command = [molecule, "test", "--scenario-name", "ipam"]
    done = subprocess.run(
        command, cwd=project_root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr

    ours = [row for row in phpipam.store.addresses.values() if row["owner"] == "cariflex-dev"]
    redis = {row["ip"]: row for row in ours if row["hostname"] == "flexmeasures-redis"}
    # .2 to .11 were taken; the engine then really used what had been allocated, and its MAC came back.
    assert set(redis) == {"172.29.0.12", "192.168.241.13"}
    assert {row["mac"] for row in redis.values()} == {"02:42:ac:1d:00:0c", "02:42:c0:a8:f1:0d"}
    assert all(row["lastSeen"] > "2026" for row in redis.values())
    assert all(row["tag"] == 2 for row in ours)
    reserved = {f"{s['subnet']}/{s['mask']}" for s in phpipam.store.subnets.values() if s["tag"] == 3}
    assert reserved == {"172.29.128.0/17", "192.168.240.128/25", "192.168.241.128/25"}
    # Twice each of Redis's two records: its MAC at first, then when it was seen. Later runs wrote nothing.
    patches = [entry for entry in phpipam.log if entry.startswith("PATCH") and "/addresses/" in entry]
    assert len(patches) == 4
    names = [row["hostname"] for row in phpipam.store.addresses.values()]
    assert [f"theirs-{number}" for number in range(2, 12)] == [
        name for name in names if name and "theirs" in name
    ]
