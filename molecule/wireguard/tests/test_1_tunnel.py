"""Real devices come in, reach what the operator opened to them, and nothing else."""

import re

import pytest


def test_nobody_comes_in_before(world):
    assert not world["alice"].pings()


def test_a_device_shakes_hands_and_reaches_the_host(joined, eventually):
    assert eventually(joined["alice"].pings)
    shaken = joined["alice"].run("wg show tunnel latest-handshakes").stdout.split()
    assert int(shaken[1]) > 0


def test_the_qr_code_is_the_configuration(joined, configurations):
    alice = joined["alice"]
    alice.receive(configurations / "alice.svg")

    read = alice.run("rsvg-convert /tmp/alice.svg -o /tmp/alice.png && zbarimg -q --raw /tmp/alice.png")

    assert read.stdout.strip() == (configurations / "alice.conf").read_text(encoding="utf-8").strip()


def test_configurations_are_closed_and_the_host_never_sees_a_devices_key(host, configurations):
    assert {path.stat().st_mode & 0o777 for path in configurations.iterdir()} == {0o600}
    key = re.search(r"PrivateKey = (\S+)", (configurations / "alice.conf").read_text(encoding="utf-8"))[1]
    no_files = "--exclude-dir=systemd --exclude-dir=netns"
    found = host.run(f"grep -rF '{key}' /etc /opt/cariflex /root /run {no_files}")
    assert found.rc == 1, found.stdout
    assert host.file("/etc/wireguard/wg-cariflex.conf").mode == 0o600


@pytest.mark.parametrize("path", ["/users", "/users/1", "/api/v3_0/users?account_id=1"])
def test_the_administrators_paths_answer_in_the_tunnel_only(joined, path):
    stranger, alice = joined["stranger"], joined["alice"]

    assert alice.web("10.98.0.1", path) == "502"
    assert stranger.web(stranger.machine, path) == "403"
    assert alice.web(alice.machine, path) == "403", "the device by the open way"


@pytest.mark.parametrize(
    "path",
    [
        "//users",
        "/./users",
        "/x/../users",
        "/%75sers",
        "/api%2Fv3_0%2Fusers",
        "/api%252Fv3_0%252Fusers",
        "/api/v3_0%5Cusers",
        "/x%2F..%2Fusers",
        "/users%2F1",
    ],
)
def test_no_spelling_of_a_path_gets_past(joined, path):
    """FlexMeasures' server decodes paths: what it could take for /users must not get to it."""
    stranger = joined["stranger"]

    assert stranger.web(stranger.machine, path) in ("400", "403", "404"), path


def test_the_other_paths_stay_open_to_everybody(joined):
    stranger = joined["stranger"]

    assert stranger.web(stranger.machine, "/") == "502"
    assert stranger.web(stranger.machine, "/api/v3_0/sensors") == "502"


def test_a_header_opens_nothing(joined):
    stranger = joined["stranger"]
    told = ["X-Forwarded-For: 10.98.0.2", "X-Real-Ip: 10.98.0.2", "Forwarded: for=10.98.0.2"]

    assert stranger.web(stranger.machine, "/users", *told) == "403"


def test_the_vtns_operators_come_through_the_tunnel_only(joined, token):
    bearer = f"Authorization: Bearer {token}"

    assert joined["alice"].operators(bearer) == "200"
    assert joined["alice"].operators() == "401"
    assert joined["stranger"].operators(bearer) == "000"


def test_the_tunnel_leads_nowhere_else(joined):
    """A device that routes more into the tunnel than it was told to."""
    alice = joined["alice"]
    peer = alice.run("wg show tunnel peers").stdout.strip()
    more = "10.98.0.1/32,192.168.240.10/32,192.168.241.0/24,172.29.0.0/16,10.98.0.3/32"
    alice.run(f"wg set tunnel peer {peer} allowed-ips {more}")
    for network in ("192.168.241.0/24", "172.29.0.0/16", "10.98.0.3/32"):
        alice.run(f"ip route replace {network} dev tunnel")

    assert alice.operators() == "401", "the tunnel itself still works"
    assert not alice.connects("192.168.240.10", 8080)
    assert not alice.connects("192.168.241.12", 5432)
    assert not alice.connects("172.29.0.2", 8082)
    assert not alice.pings("10.98.0.3"), "from device to device"
    assert not alice.connects("10.98.0.1", 8088)
