"""Asks the engine whether the settings reached it."""

import json


def test_the_engine_runs_with_the_settings(host):
    info = json.loads(host.check_output("docker info --format '{{json .}}'"))
    assert info["LiveRestoreEnabled"] is False
    assert info["DockerRootDir"] == "/var/lib/docker/elsewhere"
    assert info["DefaultAddressPools"] == [{"Base": "10.210.0.0/16", "Size": 26}]


def test_a_new_network_comes_from_the_pool(host):
    host.check_output("docker network create pooled")
    subnet = host.check_output("docker network inspect --format '{{(index .IPAM.Config 0).Subnet}}' pooled")
    host.check_output("docker network rm pooled")
    assert subnet.startswith("10.210.")
    assert subnet.endswith("/26")


def test_a_containers_log_gets_the_rotation(host):
    host.check_output("tar --create --files-from /dev/null | docker import - empty")
    container = host.check_output("docker create empty /none")
    options = json.loads(
        host.check_output(f"docker inspect --format '{{{{json .HostConfig.LogConfig}}}}' {container}")
    )
    host.check_output(f"docker rm {container} && docker image rm empty")
    assert options == {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "7"}}
