"""The phpIPAM modules and plugins run by Ansible itself, against the double."""

import os
import subprocess
import sys

import pytest
from tests.doubles.phpipam import App, Phpipam

pytestmark = pytest.mark.container
CODE = "code-that-never-appears"


@pytest.fixture
def phpipam():
    with Phpipam({"ansible": App(code=CODE)}) as double:
        yield double


def ansible(program, *arguments, url, root):
    """Run one of Ansible's programs; the connection comes from the environment, as in CI."""
    env = {**os.environ, "PHPIPAM_URL": url, "PHPIPAM_APP_ID": "ansible", "PHPIPAM_APP_CODE": CODE}
    command = [sys.executable, "-m", "ansible", program, *arguments]
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    assert CODE not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize("module", ["address", "subnet", "sync"])
def test_module__create_repeat_update_delete(module, phpipam, project_root):
    playbook = f"tests/integration/phpipam/{module}.yml"
    here = ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
    done = ansible("playbook", *here, playbook, url=phpipam.url, root=project_root)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert all(not row["owner"] or row["owner"] == "tests" for row in phpipam.store.addresses.values())
