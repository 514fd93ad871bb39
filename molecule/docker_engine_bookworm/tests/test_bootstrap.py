"""Debian 12 has Python 3.11: what `make` says when no newer one can be had, and what it leaves behind."""

import os
import subprocess
from pathlib import Path

ROOT = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"])
SOURCES = "/srv/sources"


def test_no_python_is_told_with_the_remedy(host):
    host.check_output(f"install -d {SOURCES}")
    for name in ("scripts", "requirements"):
        subprocess.run(["docker", "cp", ROOT / name, f"{host.backend.get_hostname()}:{SOURCES}"], check=True)
    host.check_output("touch /run/before")

    # uv looks for a Python where nothing listens, as on a machine that reaches package registries only.
    nowhere = "env UV_PYTHON_INSTALL_MIRROR=http://127.0.0.1:9"
    asked = host.run(f"{nowhere} {SOURCES}/scripts/bootstrap.sh controller root")

    assert asked.rc == 1
    assert "no Python >= 3.12 was found (PATH, pyenv) and uv could not download one." in asked.stderr
    assert "Remedy: install Python 3.12 or newer" in asked.stderr
    assert host.check_output("find /etc /opt /usr /var/lib/dpkg -xdev -newer /run/before -type f") == ""
