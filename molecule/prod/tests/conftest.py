"""Somebody outside the deployed machine, who knows its address and the names that lead to it."""

import os
import subprocess
import time

import pytest
import testinfra

PLATFORM = "cariflex-test-prod" + os.environ.get("CARIFLEX_TEST_SUFFIX", "")
ADDRESS = "198.18.78.2"
NAME = "cariflex.digitribe.fr"


def _eventually(question, patience_s, otherwise):
    """Ask until the answer is true, and return it."""
    deadline = time.monotonic() + patience_s
    while not (answer := question()):
        assert time.monotonic() < deadline, otherwise
        time.sleep(1)
    return answer


class Outsider:
    """Runs programs in the container that stands for the world. ``machine``: the address that it knows."""

    container = f"{PLATFORM}-outside"
    machine = ADDRESS

    def run(self, *words, feed=None):
        """Run a program; its exit code is for the caller to look at."""
        return subprocess.run(
            ["docker", "exec", "--interactive", self.container, *words],
            check=False,
            capture_output=True,
            text=True,
            input=feed,
        )

    def open_ports(self, *options):
        """Every TCP port that answers."""
        scan = self.run(
            "nmap", "-Pn", "-n", "-p-", "--min-rate=2000", "--max-retries=2", "-oG", "-", *options
        )
        assert scan.returncode == 0, scan.stderr
        ports = [word for line in scan.stdout.splitlines() for word in line.split() if "/open/" in word]
        return {int(port.split("/")[0]) for port in ports}

    def http(self, path, *options, name=NAME, feed=None):
        """Return (exit code of curl, HTTP status) of a request to a public name."""
        asked = self.run(
            *("curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}"),
            *("--resolve", f"{name}:443:{ADDRESS}", "--max-time", "60", *options, f"https://{name}{path}"),
            feed=feed,
        )
        return asked.returncode, asked.stdout

    def certificate(self, field):
        """Return one field of the certificate that the machine shows."""
        script = f"openssl s_client -connect {ADDRESS}:443 -servername {NAME} </dev/null 2>/dev/null"
        return self.run("sh", "-c", f"{script} | openssl x509 -noout {field}").stdout.strip()


@pytest.fixture(scope="session")
def outsider():
    return Outsider()


@pytest.fixture(scope="session")
def eventually():
    return _eventually


class Machine:
    """The deployed machine, from inside."""

    name = PLATFORM

    def __init__(self):
        self.host = testinfra.get_host(f"docker://{PLATFORM}")

    def states(self):
        """Return container -> Docker's status text; empty while the engine does not answer."""
        listed = self.host.run("docker ps --format '{{.Names}}|{{.Status}}'")
        return dict(line.split("|", 1) for line in listed.stdout.splitlines())

    def unhealthy(self):
        """Name the containers that are not healthy."""
        return [name for name, state in self.states().items() if "(healthy)" not in state]

    def restart(self):
        """Switch it off and on."""
        subprocess.run(["docker", "restart", PLATFORM], check=True, capture_output=True)


@pytest.fixture(scope="session")
def machine():
    return Machine()
