"""The phpIPAM modules and plugins run by Ansible itself, against the double."""

import json
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


@pytest.fixture
def filled(phpipam):
    """Two sections; one host in two subnets, one without a name."""
    ours, other = phpipam.add_section("Cariflex"), phpipam.add_section("Office")
    public = phpipam.add_subnet(ours, "172.29.0.0/24")
    backend = phpipam.add_subnet(ours, "192.168.241.0/24")
    phpipam.add_address(public, "172.29.0.10", hostname="flexmeasures-server", owner="cariflex-prod")
    phpipam.add_address(backend, "192.168.241.10", hostname="flexmeasures-server", owner="cariflex-prod")
    phpipam.add_address(backend, "192.168.241.12", hostname="flexmeasures-db", tag=1)
    phpipam.add_address(backend, "192.168.241.13")
    phpipam.add_address(phpipam.add_subnet(other, "10.0.0.0/24"), "10.0.0.1", hostname="printer")
    phpipam.log.clear()
    return phpipam


def plain(value):
    """A listing without the marks of untrusted texts, which Ansible never takes for templates."""
    if isinstance(value, dict):
        return value.get("__ansible_unsafe") or {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else value


def inventory(filled, tmp_path, root, text):
    source = tmp_path / "site.phpipam.yml"
    source.write_text("plugin: phpipam\n" + text, encoding="utf-8")
    return ansible("inventory", "-i", str(source), "--list", url=filled.url, root=root)


def test_inventory__hosts_groups_and_variables(filled, tmp_path, project_root):
    text = """
sections: [cariflex]
strict: true
keyed_groups: [{key: phpipam_tag, prefix: tag}]
groups: {servers: "'server' in inventory_hostname"}
compose: {site: "phpipam_section | lower"}
"""
    listing = plain(json.loads(inventory(filled, tmp_path, project_root, text).stdout))
    hosts = listing["_meta"]["hostvars"]
    assert set(hosts) == {"flexmeasures-server", "flexmeasures-db"}
    server = hosts["flexmeasures-server"]
    assert server["ansible_host"] == "172.29.0.10"
    assert [a["ip"] for a in server["phpipam_addresses"]] == ["172.29.0.10", "192.168.241.10"]
    assert (server["site"], server["phpipam_owner"]) == ("cariflex", "cariflex-prod")
    assert listing["tag_Offline"]["hosts"] == ["flexmeasures-db"]
    assert listing["servers"]["hosts"] == ["flexmeasures-server"]
    assert len(filled.log) == 4


def test_inventory__filters_and_cache(filled, tmp_path, project_root):
    text = f"""
filters: {{owner: [cariflex-prod, others]}}
cache: true
cache_plugin: jsonfile
cache_connection: {tmp_path}/cache
"""
    for _ in range(2):
        listing = plain(json.loads(inventory(filled, tmp_path, project_root, text).stdout))
        assert set(listing["_meta"]["hostvars"]) == {"flexmeasures-server"}
    assert len(filled.log) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sections: [Nope]", "section nope: does not exist, expected one of Cariflex, Office"),
        ("filters: {colour: red}", "filter colour: no such field"),
        ("app_code: wrong", "401 Unauthorized"),
        ("strict: true\ncompose: {site: phpipam_nothing}", "Could not set site for host"),
    ],
)
def test_inventory__fails_closed(filled, tmp_path, project_root, text, message):
    done = inventory(filled, tmp_path, project_root, text + "\n")
    assert message in done.stderr
    assert "flexmeasures" not in done.stdout


def test_lookups(filled, tmp_path, project_root):
    playbook = tmp_path / "lookups.yml"
    playbook.write_text(LOOKUPS, encoding="utf-8")
    here = ["-i", "localhost,", "-c", "local", str(playbook)]
    done = ansible("playbook", *here, url=filled.url, root=project_root)
    assert "All assertions passed" in done.stdout, done.stdout + done.stderr
    assert "subnet 10.9.0.0/24 in section Office: is missing, expected it in phpIPAM" in done.stdout
    assert done.returncode != 0
    assert filled.writes() == []


LOOKUPS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.assert:
        that:
          - query('phpipam', 'addresses', section='Cariflex') | length == 4
          - query('phpipam', 'addresses', filters=offline) | map(attribute='ip') == ['192.168.241.12']
          - query('phpipam', 'subnets', section='Office') | map(attribute='cidr') == ['10.0.0.0/24']
          - query('phpipam_next_address', '192.168.241.0/24', section='Cariflex', count=11)[9:] == expected
      vars:
        offline: {tag: [offline]}
        expected: [192.168.241.11, 192.168.241.14]
    - ansible.builtin.debug:
        msg: "{{ lookup('phpipam_next_address', '10.9.0.0/24', section='Office') }}"
"""
