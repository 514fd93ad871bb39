"""No generated secret shows where somebody might look: Docker's records, processes, logs, open files."""

import os
from pathlib import Path

import pytest

# Each place is read whole on the platform, and compared here: no value becomes an argument over there.
PLACES = {
    "docker inspect": "docker ps --all --quiet | xargs docker inspect",
    "image histories": "docker image ls --quiet | sort -u | xargs -n1 docker history --no-trunc",
    "process lists": "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'; true",
    "container logs": "for c in $(docker ps --all --quiet); do docker logs $c 2>&1; done",
    "the journal": "journalctl --no-pager --output=cat",
    "open files": "find /opt/cariflex /etc /var/log -type f -perm -o=r -size -2M -print0 | xargs -0 cat",
}


@pytest.fixture(scope="module")
def secrets(host):
    """Name -> value of each secret that this run generated."""
    folder = (
        Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "build/test-secrets" / host.backend.get_hostname()
    )
    found = {path.name: path.read_text().split()[0] for path in folder.rglob("*") if path.is_file()}
    assert len(found) > 10
    return found


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_shows(host, secrets, place):
    # Binary files among them would not decode; secrets are letters and digits.
    shown = host.run(f"{{ {PLACES[place]}; }} | LC_ALL=C tr -cd '[:alnum:]\\n'")

    assert shown.rc == 0
    assert [name for name, value in secrets.items() if value in shown.stdout + shown.stderr] == []


def test_the_comparison_finds_a_secret_where_it_belongs(host, secrets):
    stored = host.check_output("find /opt/cariflex/secrets -type f -print0 | xargs -0 cat")

    assert [name for name in ("redis", "flexmeasures_db", "openadr_db") if secrets[name] not in stored] == []
