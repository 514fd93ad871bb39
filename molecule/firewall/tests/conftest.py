"""Two clients of the guarded machine, in networks of these tests: one outside, one the operator's own."""

import json
import os
import subprocess

import pytest

SUFFIX = os.environ.get("CARIFLEX_TEST_SUFFIX", "")
PLATFORM = f"cariflex-test-firewall{SUFFIX}"
LABEL = f"fr.cariflex.test=cariflex-test{SUFFIX}"
REGISTRY = "registry:5000/"
# TEST-NET-2 and the documentation prefix stand for the world; the other is in 10.0.0.0/8.
NETWORKS = {
    "outside": ["--subnet=198.51.100.0/24", "--ipv6", "--subnet=2001:db8:77::/64"],
    "inside": ["--subnet=10.202.90.0/24"],
}


def docker(*words):
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout.strip()


class Client:
    """A container in one of the networks. ``machine`` and ``machine6`` are the platform's addresses in it."""

    def __init__(self, name, network):
        self.name = name
        found = json.loads(docker("inspect", PLATFORM))[0]["NetworkSettings"]["Networks"][network]
        self.machine, self.machine6 = found["IPAddress"], found["GlobalIPv6Address"]

    def reaches(self, address, port):
        """Ask the Redis behind the port, so that a listening proxy without an answer does not count."""
        asked = subprocess.run(
            [
                "docker",
                "exec",
                self.name,
                "timeout",
                "2",
                "redis-cli",
                "-h",
                address,
                "-p",
                str(port),
                "PING",
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        return asked.stdout.strip() == "PONG"

    def route(self, network):
        """Route ``network`` through the machine, as a neighbour on the same wire could."""
        tools = json.loads(docker("inspect", PLATFORM))[0]["Config"]["Image"]
        docker(
            "run",
            "--rm",
            f"--network=container:{self.name}",
            "--cap-add=NET_ADMIN",
            "--entrypoint=ip",
            tools,
            "route",
            "replace",
            network,
            "via",
            self.machine,
        )

    def connects(self, address, port):
        """Whether a TCP connection opens at all."""
        script = f"exec 3<>/dev/tcp/{address}/{port}"
        asked = subprocess.run(
            ["docker", "exec", self.name, "timeout", "2", "bash", "-c", script],
            check=False,
            capture_output=True,
        )
        return asked.returncode == 0


@pytest.fixture(scope="module")
def image(host):
    return host.check_output(
        f"docker image ls --format '{{{{.Repository}}}}:{{{{.Tag}}}}' {REGISTRY}cariflex/redis"
    )


@pytest.fixture(scope="module")
def clients(image):
    """Both clients by network name."""
    made = {}
    try:
        for network, options in NETWORKS.items():
            name = f"{PLATFORM}-{network}"
            docker("network", "create", f"--label={LABEL}", *options, name)
            docker("network", "connect", name, PLATFORM)
            docker(
                "run",
                "--detach",
                f"--name={name}",
                f"--label={LABEL}",
                f"--network={name}",
                # The host has it under the name that it was built as.
                image.removeprefix(REGISTRY),
                "sleep",
                "infinity",
            )
            made[network] = Client(name, name)
        yield made
    finally:
        for network in NETWORKS:
            name = f"{PLATFORM}-{network}"
            subprocess.run(["docker", "rm", "--force", name], check=False, capture_output=True)
            subprocess.run(
                ["docker", "network", "disconnect", "--force", name, PLATFORM],
                check=False,
                capture_output=True,
            )
            subprocess.run(["docker", "network", "rm", name], check=False, capture_output=True)


@pytest.fixture(scope="module")
def published(host, image):
    """Two Redis in the machine's engine: one published on 443 and 8088, one on 9000 for the operator."""
    host.check_output("docker rm --force web admin")
    start = "docker run --detach --restart=always --entrypoint redis-server"
    host.check_output(f"{start} --name web -p 443:6379 -p 8088:6379 {image} --protected-mode no --save ''")
    host.check_output(f"{start} --name admin -p 9000:6380 {image} --port 6380 --protected-mode no --save ''")
    address = host.check_output("docker inspect --format '{{.NetworkSettings.IPAddress}}' web")
    yield address
    host.check_output("docker rm --force web admin")
