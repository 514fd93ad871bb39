"""Asks the engine that the role installed."""

import json


def test_the_engine_answers_and_starts_with_the_machine(host):
    assert host.check_output("docker version --format '{{.Server.Version}}'")
    assert host.check_output("systemctl is-enabled docker") == "enabled"
    assert host.check_output("systemctl is-active docker") == "active"


def test_compose_v2_is_there(host):
    # The one from PyPI, for Debian 12, counts on from 2 to 5.
    assert int(host.check_output("docker compose version --short").lstrip("v").split(".")[0]) >= 2


def test_the_engine_gives_no_addresses_of_ours_away(host):
    info = json.loads(host.check_output("docker info --format '{{json .}}'"))
    assert [pool["Base"] for pool in info["DefaultAddressPools"]] == ["10.201.0.0/16"]
    assert info["LiveRestoreEnabled"] is True


def test_each_containers_log_is_rotated(host):
    options = json.loads(host.check_output("cat /etc/docker/daemon.json"))["log-opts"]
    assert options == {"max-size": "10m", "max-file": "3"}
