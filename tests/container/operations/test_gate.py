"""A deployment begins when the restore that runs, perhaps left behind by a killed run, has ended."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.container


def test_deployment__restore_runs__begins_when_it_has_ended(tmp_path, wait_until):
    lock = tmp_path / ".lock"
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "inventories/dev", "playbooks/gate.yml"]
    command += ["-e", f"backup_directory={tmp_path}"]

    with lock.open("w") as restore:
        fcntl.flock(restore, fcntl.LOCK_EX)
        deployment = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        wait_until(
            lambda: _waited_for(lock) or deployment.poll() is not None, "the deployment asks for the lock"
        )
        waits = deployment.poll() is None

    assert waits
    assert deployment.wait(timeout=60) == 0


def _waited_for(lock):
    """Whether a process waits for the lock: the kernel lists it with an arrow, and by the file's inode."""
    inode = lock.stat().st_ino
    return any("->" in row and f":{inode} " in row for row in Path("/proc/locks").read_text().splitlines())
