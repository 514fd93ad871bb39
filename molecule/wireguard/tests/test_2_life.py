"""What changes while devices are in the tunnel: peers, keys, the host."""

import json

import pytest


@pytest.fixture
def bob_only(secrets_dir):
    """Ansible's option for a tunnel without Alice."""
    secret = (secrets_dir / "wireguard_bob").read_text(encoding="utf-8").split()[0]
    bob = {"name": "bob", "address": "10.98.0.3", "secret": secret}
    return ["-e", json.dumps({"cariflex_wireguard_peers": [bob]})]


def test_a_removed_device_is_out_and_the_others_stay_in(joined, play, eventually, bob_only):
    assert eventually(joined["alice"].pings)
    assert eventually(joined["bob"].pings)
    shaken = joined["bob"].run("wg show tunnel latest-handshakes").stdout

    done = play("wireguard.yml", *bob_only)

    assert "changed=0" not in done
    assert not joined["alice"].pings()
    assert joined["bob"].pings()
    assert joined["bob"].run("wg show tunnel latest-handshakes").stdout == shaken, (
        "no new handshake was needed"
    )
    assert "changed=0" in play("wireguard.yml", *bob_only)
    play("wireguard.yml")
    assert eventually(joined["alice"].pings)


def test_a_hand_that_took_a_peer_away_is_corrected(host, play):
    peer = host.check_output("wg show wg-cariflex peers").split()[0]
    host.check_output(f"wg set wg-cariflex peer {peer} remove")

    assert "changed=1" in play("wireguard.yml", "--check")
    play("wireguard.yml")

    assert peer in host.check_output("wg show wg-cariflex peers")


def test_a_rotated_key_is_dead_and_the_new_one_works(
    joined, play, eventually, write_configurations, secrets_dir, tmp_path
):
    """What make rotate does, with this platform's secrets."""
    old = (secrets_dir / "wireguard_alice").read_text(encoding="utf-8").split()[0]
    (secrets_dir / "wireguard_alice").unlink()
    play("wireguard.yml")

    proof = play("operations/prove_rotated.yml", "-e", f"rotated_name=wireguard_alice rotated_old={old}")

    assert "the old key is dead, the new one works" in proof
    assert not joined["alice"].pings()
    write_configurations(tmp_path)
    joined["alice"].join(tmp_path / "alice.conf")
    assert eventually(joined["alice"].pings)


def test_the_tunnel_comes_back_with_the_host(host, joined, eventually, restart):
    restart()

    assert eventually(lambda: host.run("systemctl is-system-running --wait").rc == 0, 60)
    assert eventually(joined["alice"].pings)
    assert eventually(lambda: joined["alice"].operators() == "401", 60)


def test_another_address_starts_the_tunnel_anew_and_back(host, joined, play, eventually):
    play("wireguard.yml", "-e", "cariflex_wireguard_address=10.98.0.9/24")
    assert "10.98.0.9/24" in host.check_output("ip -o -4 address show dev wg-cariflex")

    play("wireguard.yml")

    assert eventually(joined["alice"].pings)
