"""A world around the machine: devices, each a container, with what make vpn-peers wrote for them."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SUFFIX = os.environ.get("CARIFLEX_TEST_SUFFIX", "")
MACHINE = f"cariflex-test-wireguard{SUFFIX}"
LABEL = f"fr.cariflex.test=cariflex-test{SUFFIX}"
NETWORK = f"{MACHINE}-world"
PROGRAMS = "wireguard-tools wireguard-go iputils-ping librsvg2-bin zbar-tools"


def docker(*words, check=True):
    return subprocess.run(["docker", *words], check=check, capture_output=True, text=True)


@pytest.fixture(scope="session", name="eventually")
def _eventually():
    """Ask until the answer is true, or patience ends."""
    return eventually


def eventually(question, patience_s=30):
    deadline = time.monotonic() + patience_s
    while not (found := question()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return found


@pytest.fixture(scope="session", name="play")
def _play():
    """Run one of our playbooks."""
    return play


def play(playbook, *options):
    """Run one of our playbooks on the machine, as Molecule does."""
    inventory = f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/inventory"
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, f"playbooks/{playbook}", *options],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "0"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Device:
    """A container in the world; ``machine`` is the platform's address there."""

    def __init__(self, name):
        self.name = f"{MACHINE}-{name}"
        networks = json.loads(docker("inspect", MACHINE).stdout)[0]["NetworkSettings"]["Networks"]
        self.machine = networks[NETWORK]["IPAddress"]

    def run(self, command):
        return docker("exec", self.name, "bash", "-c", command, check=False)

    def receive(self, path):
        """Copy a file to /tmp."""
        docker("cp", str(path), f"{self.name}:/tmp/{path.name}")

    def join(self, configuration):
        """Bring the tunnel up with a configuration file; a former one goes."""
        docker("cp", str(configuration), f"{self.name}:/etc/wireguard/tunnel.conf")
        done = self.run("wg-quick down tunnel; wg-quick up tunnel")
        assert done.returncode == 0, done.stderr

    def pings(self, address="10.98.0.1"):
        return self.run(f"ping -c 1 -W 1 {address}").returncode == 0

    def web(self, address, path, *headers):
        """The status of a request to FlexMeasures' name: 502 got through to where no FlexMeasures is."""
        words = " ".join(f"-H '{header}'" for header in headers)
        return self.run(
            f"curl -sk -m 3 -o /dev/null -w '%{{http_code}}' --path-as-is {words} "
            f"--connect-to ::{address}:443 'https://localhost{path}'"
        ).stdout

    def operators(self, *headers):
        """The status of a request to the VTN's operators' interface; 000 without an answer."""
        words = " ".join(f"-H '{header}'" for header in headers)
        url = "http://192.168.240.10:8081/events"
        return self.run(f"curl -s -m 2 -o /dev/null -w '%{{http_code}}' {words} {url}").stdout

    def connects(self, address, port):
        return self.run(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}'").returncode == 0


@pytest.fixture(scope="session")
def world():
    """Alice's and Bob's devices and a stranger, by name, without tunnels yet."""
    image = json.loads(docker("inspect", MACHINE).stdout)[0]["Config"]["Image"]
    names = ["alice", "bob", "stranger"]
    docker("rm", "--force", *(f"{MACHINE}-{name}" for name in names), check=False)
    if docker("network", "inspect", NETWORK, check=False).returncode:
        # Addresses for measurements stand for the world.
        docker("network", "create", f"--label={LABEL}", "--subnet=198.18.77.0/24", NETWORK)
        docker("network", "connect", NETWORK, MACHINE)
    devices = {}
    try:
        for name in names:
            docker(
                "run",
                "--detach",
                f"--name={MACHINE}-{name}",
                f"--label={LABEL}",
                f"--network={NETWORK}",
                "--cap-add=NET_ADMIN",
                "--device=/dev/net/tun",
                "--entrypoint=sleep",
                image,
                "infinity",
            )
            devices[name] = Device(name)
        for name in ("alice", "bob"):
            install = f"apt-get update -qq && apt-get install -qqy --no-install-recommends {PROGRAMS}"
            done = devices[name].run(install)
            assert done.returncode == 0, done.stderr
        yield devices
    finally:
        docker("rm", "--force", *(f"{MACHINE}-{name}" for name in names), check=False)
        docker("network", "disconnect", "--force", NETWORK, MACHINE, check=False)
        docker("network", "rm", NETWORK, check=False)


@pytest.fixture(scope="session")
def write_configurations(world):
    """Write every device's configuration into a directory, for the machine's address in the world."""
    endpoint = f"cariflex_wireguard_endpoint={world['alice'].machine}"
    return lambda directory: play(
        "operations/vpn_peers.yml", "-e", endpoint, "-e", f"vpn_directory={directory}"
    )


@pytest.fixture(scope="session")
def configurations(write_configurations, tmp_path_factory):
    """Directory of what make vpn-peers writes."""
    directory = tmp_path_factory.mktemp("vpn")
    write_configurations(directory)
    return directory


@pytest.fixture(scope="session")
def joined(world, configurations):
    """The devices: Alice and Bob in the tunnel; the stranger routes to the VTN by the open way."""
    for name in ("alice", "bob"):
        world[name].join(configurations / f"{name}.conf")
    world["stranger"].run(f"ip route replace 192.168.240.0/24 via {world['stranger'].machine}")
    return world


@pytest.fixture(scope="session")
def token():
    """The operators' token, as the VTN's own container has it."""
    return docker("exec", MACHINE, "cat", "/opt/cariflex/secrets/openadr/openadr_admin_token").stdout.strip()


@pytest.fixture
def restart():
    """Boot the machine anew."""
    return lambda: docker("restart", MACHINE)


@pytest.fixture(scope="session")
def secrets_dir():
    """Where this platform's secrets lie, as .secrets/dev does."""
    return ROOT / "build/test-secrets" / MACHINE
