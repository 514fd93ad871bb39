"""Runs the molecule scenarios: roles and the whole site on machines of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.container

ROLES = ["docker_engine", "networks", "firewall", "postgres", "redis"]


def _molecule_test(scenario, project_root):
    # molecule starts ansible-playbook and pytest through PATH: they must come from this environment too.
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "default",
    }
    molecule = shutil.which("molecule", path=programs)
    assert molecule, (
        f"no molecule beside {sys.executable}; expected the environment that `make venv-dev` prepares"
    )
    command = [molecule, "test", "--scenario-name", scenario]
    return subprocess.run(
        command, cwd=project_root, env=environment, stdin=subprocess.DEVNULL, check=False
    ).returncode


@pytest.mark.parametrize("role", ROLES)
def test_role_on_a_machine_of_its_own(role, project_root, no_platforms, capfd):
    with capfd.disabled():
        assert _molecule_test(role, project_root) == 0


def test_site_deploys_again_unchanged_and_uninstalls(project_root, no_platforms, capfd):
    with capfd.disabled():
        assert _molecule_test("site", project_root) == 0
