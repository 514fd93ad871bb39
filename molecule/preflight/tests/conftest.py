"""Deploys onto the platform as a person would, and compares the platform before and after."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
STAMP = "/run/before"


@dataclass
class Outcome:
    """What a refused deployment said, and what it changed on the platform."""

    code: int
    output: str
    changes: list[str]


@pytest.fixture
def deploy(host):
    """Run the whole playbook; `settings` are extra variables."""

    def run(**settings):
        objects = "docker ps -aq; docker network ls -q; docker volume ls -q; docker image ls -q"
        before = host.check_output(objects)
        host.check_output(f"touch {STAMP}")
        command = ["ansible-playbook", "-i", os.environ["MOLECULE_INVENTORY_FILE"], "playbooks/site.yml"]
        for name, value in settings.items():
            command += ["-e", f"{name}={value}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        changes = host.check_output(f"find /etc /opt /usr /srv /var/lib/dpkg -xdev -newer {STAMP}").split()
        changes += sorted(set(host.check_output(objects).split()) ^ set(before.split()))
        return Outcome(done.returncode, done.stdout + done.stderr, changes)

    return run


@pytest.fixture
def sources(host):
    """A copy of what `make` starts with, writable by everyone."""
    folder = "/srv/sources"
    host.check_output(f"install -d -m 0777 {folder}")
    for name in ("scripts", "requirements"):
        subprocess.run(["docker", "cp", ROOT / name, f"{host.backend.get_hostname()}:{folder}"], check=True)
    yield folder
    host.check_output(f"rm -rf {folder}")
