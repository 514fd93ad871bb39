"""playbooks/ipam.yml by itself: mistakes of the table, phpIPAM without an answer, known allocations."""

import json
import subprocess
import sys

import pytest
from tests.doubles.phpipam import App, Phpipam

pytestmark = pytest.mark.container
CODE = "code-that-never-appears"
TABLE = {"flexmeasures-redis": {"traefik-public": "any", "cariflex-backend": "192.168.241.13"}}


class Allocation:
    """Runs of the playbook with a host directory of their own."""

    def __init__(self, root, folder):
        self._root, self._folder = root, folder
        self.state = folder / "state/ipam/allocations.json"

    def run(self, url, **variables):
        server = {"url": url, "app_id": "ansible", "app_code": CODE, "timeout_s": 5}
        given = {
            "cariflex_root": str(self._folder),
            "cariflex_ipam_backend": "phpipam",
            "cariflex_ipam_server": server,
            "cariflex_addresses": TABLE,
            **variables,
        }
        extra = self._folder / "extra.json"
        extra.write_text(json.dumps(given), encoding="utf-8")
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "inventories/dev", "playbooks/ipam.yml"]
        done = subprocess.run(
            [*command, "-e", f"@{extra}"], cwd=self._root, capture_output=True, text=True, check=False
        )
        assert CODE not in done.stdout + done.stderr
        return done.returncode, " ".join(done.stdout.split())


@pytest.fixture
def allocation(project_root, tmp_path):
    return Allocation(project_root, tmp_path)


def test_static_table__all_mistakes_at_once(allocation):
    table = {
        "a": {"openadr-internal": "192.168.240.200", "nowhere": "10.0.0.1"},
        "b": {"openadr-internal": "any"},
        "c": {"openadr-internal": "192.168.240.1"},
        "d": {"openadr-internal": "192.168.240.5"},
        "e": {"openadr-internal": "192.168.240.5"},
    }
    code, output = allocation.run("", cariflex_ipam_backend="static", cariflex_addresses=table)
    assert code != 0
    for text in (
        "a in openadr-internal: is 192.168.240.200, expected one inside static_range 192.168.240.0/25",
        "a in nowhere: is 10.0.0.1, no such network, expected one of traefik-public",
        "b in openadr-internal: is any, expected an address, because ipam_backend is static",
        "c in openadr-internal: is 192.168.240.1, expected another one than the gateway",
        "e in openadr-internal: is 192.168.240.5, expected another one than d has",
    ):
        assert text in output
    assert not allocation.state.exists()


def test_phpipam_that_does_not_answer__stops_or_goes_on_as_told(allocation):
    with Phpipam({"ansible": App(code=CODE)}) as double:
        url = double.url
        code, output = allocation.run(url)
        assert code == 0, output
    known = {"flexmeasures-redis": {"traefik-public": "172.29.0.2", "cariflex-backend": "192.168.241.13"}}
    assert json.loads(allocation.state.read_text(encoding="utf-8")) == known

    code, output = allocation.run(url)
    assert code != 0
    assert "no answer" in output
    assert "Nothing was changed on the host. To go on with the last known allocations, set" in output

    code, output = allocation.run(url, cariflex_ipam_use_last_known=True)
    assert code == 0, output
    assert "WARNING: phpIPAM GET" in output
    assert "Going on with the last known allocations" in output

    more = {**TABLE, "newcomer": {"openadr-internal": "any"}}
    code, output = allocation.run(url, cariflex_ipam_use_last_known=True, cariflex_addresses=more)
    assert code != 0
    assert "knows no address of newcomer in openadr-internal" in output


def test_conflict__is_never_answered_with_the_last_known_allocations(allocation):
    with Phpipam({"ansible": App(code=CODE)}) as double:
        subnet = double.add_subnet(double.add_section("Cariflex"), "192.168.241.0/24")
        double.add_address(subnet, "192.168.241.13", hostname="printer")
        code, output = allocation.run(double.url, cariflex_ipam_use_last_known=True)
        assert code != 0
        assert "taken by printer (owner nobody)" in output
        assert double.writes() == []
