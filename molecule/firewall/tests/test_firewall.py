"""Probes the machine from two networks, before and after what usually breaks such rules."""

import os
import subprocess
import time

import pytest

MACHINE = "cariflex-test-firewall" + os.environ.get("CARIFLEX_TEST_SUFFIX", "")


def _reboot(host):
    subprocess.run(["docker", "restart", MACHINE], check=True, capture_output=True)
    # Just after its start systemd does not answer yet.
    assert _eventually(lambda: host.run("systemctl is-system-running --wait").rc == 0)


EVENTS = {
    "as deployed": lambda host: host.check_output("ufw status"),
    "after ufw reload": lambda host: host.check_output("ufw reload"),
    "after an engine restart": lambda host: host.check_output("systemctl restart docker"),
    "after a reboot": _reboot,
}


def _eventually(question, patience_s=30):
    deadline = time.monotonic() + patience_s
    while not question():
        if time.monotonic() > deadline:
            return False
    return True


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("event", EVENTS)
def test_who_reaches_what(host, clients, event):
    outside, inside = clients["outside"], clients["inside"]

    EVENTS[event](host)

    assert _eventually(lambda: outside.reaches(outside.machine, 443)), "the public port, IPv4"
    assert _eventually(lambda: outside.reaches(outside.machine6, 443)), "the public port, IPv6"
    assert not outside.reaches(outside.machine, 8088), "a published port that is not public, IPv4"
    assert not outside.reaches(outside.machine6, 8088), "a published port that is not public, IPv6"
    assert not outside.reaches(outside.machine, 9000), "the operator's port from outside"
    assert inside.reaches(inside.machine, 443)
    assert not inside.reaches(inside.machine, 8088), "private addresses get no blanket trust"
    assert inside.reaches(inside.machine, 9000), "the operator's port from the operator's network"


def test_a_packet_routed_to_a_container_itself_is_dropped(clients, published):
    outside = clients["outside"]
    outside.route(f"{published}/32")

    assert not outside.reaches(published, 6379)


def test_the_host_itself_answers_on_no_other_port(host, clients):
    serve = "systemd-run --unit=listener --collect python3 -m http.server --bind :: 2222"
    host.check_output(f"systemctl is-active --quiet listener || {serve}")
    outside, inside = clients["outside"], clients["inside"]

    assert _eventually(lambda: host.run("curl -s http://127.0.0.1:2222/").rc == 0)
    assert not outside.connects(outside.machine, 2222)
    assert not outside.connects(outside.machine6, 2222)
    assert not inside.connects(inside.machine, 2222)


@pytest.mark.usefixtures("published")
def test_containers_still_get_out(host, clients):
    gateway = clients["outside"].machine.rsplit(".", 1)[0] + ".1"

    assert (
        host.run(f"docker exec web bash -c 'timeout 3 bash -c \"exec 3<>/dev/tcp/{gateway}/9\"'").rc != 124
    ), "a refusal shows that the packet got there and its answer back; a time-out that it was dropped"


def test_no_rule_stands_twice(host):
    for program in ("iptables", "ip6tables"):
        rules = host.check_output(f"{program} -S").splitlines()
        appended = [
            rule for rule in rules if rule.startswith(("-A DOCKER-USER", "-A cariflex", "-A ufw-user"))
        ]
        assert len(appended) == len(set(appended)), program
