"""A rule set that cuts the controller off takes itself back."""

import os
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MACHINE = "cariflex-test-firewall-lock-out" + os.environ.get("CARIFLEX_TEST_SUFFIX", "")
GUARD_S = 20


@pytest.fixture
def inventory(host, tmp_path):
    """The machine as a controller sees it: by ssh, with a key of this test."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    host.check_output("which sshd || (apt-get update -qq && apt-get install -qqy openssh-server)")
    public = (tmp_path / "key.pub").read_text().strip()
    host.check_output(f"install -m 0700 -d /root/.ssh && echo '{public}' > /root/.ssh/authorized_keys")
    show = f'{{{{(index .NetworkSettings.Networks "{MACHINE}").IPAddress}}}}'
    address = subprocess.run(
        ["docker", "inspect", "--format", show, MACHINE],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    options = f"-i {key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=3"
    path = tmp_path / "hosts.yml"
    path.write_text(
        f"ems:\n  hosts:\n    machine:\n      ansible_host: {address}\n      ansible_user: root\n"
        f"      ansible_ssh_common_args: {options}\n      ansible_python_interpreter: /usr/bin/python3\n"
        "      cariflex_firewall_enabled: true\n      cariflex_firewall_forwards: []\n"
    )
    (tmp_path / "group_vars").symlink_to(ROOT / "inventories" / "dev" / "group_vars")
    host.check_output("systemctl start ssh")
    yield path
    host.check_output("rm -f /root/.ssh/authorized_keys")


def _deploy(inventory, ssh_sources):
    return subprocess.run(
        [
            "ansible-playbook",
            "-i",
            inventory,
            "playbooks/firewall.yml",
            "-e",
            f"firewall_guard_s={GUARD_S}",
            "-e",
            f"{{cariflex_firewall_ssh_sources: [{ssh_sources}]}}",
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        check=False,
        capture_output=True,
        text=True,
    )


def _rules(host):
    return host.check_output("ufw show added").splitlines()


def test_sources_without_the_controller_are_rolled_back(host, inventory):
    before = _rules(host)

    cut_off = _deploy(inventory, "203.0.113.0/24")

    assert cut_off.returncode != 0, cut_off.stdout
    assert "Connect anew" in cut_off.stdout, "it must fail after the change, not before"
    deadline = time.monotonic() + 6 * GUARD_S
    while (
        host.run("systemctl is-active cariflex-firewall-guard.timer cariflex-firewall-guard.service").rc == 0
    ):
        assert time.monotonic() < deadline, "the guard did not end"
    assert _rules(host) == before
    again = _deploy(inventory, "10.0.0.0/8")
    assert again.returncode == 0, again.stdout + again.stderr


def test_a_good_change_is_confirmed_and_stays(host, inventory):
    done = _deploy(inventory, "'10.0.0.0/8', '192.0.2.0/24'")

    assert done.returncode == 0, done.stdout + done.stderr
    assert host.run("systemctl is-active cariflex-firewall-guard.timer").rc != 0
    assert any("192.0.2.0/24" in rule for rule in _rules(host))
    assert _deploy(inventory, "10.0.0.0/8").returncode == 0
