"""A registry of a test's own on the loopback address, and role `images` run against it."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.cariflex.images.build import RECIPE_LABEL

ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 20
PLAYBOOK = """
- name: Have the images
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Run the role
      ansible.builtin.include_role:
        name: images
        tasks_from: {tasks_from}
    - name: Show the answer
      ansible.builtin.debug:
        msg:
          images: "{{{{ cariflex_images }}}}"
          missing: "{{{{ cariflex_images_missing }}}}"
      when: cariflex_images is defined
"""
CONFIGURATION = """
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {folder}/store}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def output(*words: str, feed: bytes | None = None) -> str:
    done = subprocess.run(words, check=False, capture_output=True, input=feed)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.decode()}"
    return done.stdout.decode().strip()


@pytest.fixture(scope="session")
def registry_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Debian's registry. Installing the package would start a service, so it is only unpacked."""
    if found := shutil.which("docker-registry"):
        return Path(found)
    folder = tmp_path_factory.mktemp("registry-program")
    # Lists of our own: those of the host may be empty, and refreshing them would take root.
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    apt = ["apt-get", "-qq"]
    own = ["-o", f"Dir::State::Lists={folder / 'lists'}", "-o", f"Dir::Cache={folder / 'cache'}"]
    attempt = [*apt, "download", "docker-registry"]
    if subprocess.run(attempt, cwd=folder, check=False, capture_output=True).returncode:
        for words in (["update"], ["download", "docker-registry"]):
            subprocess.run([*apt, *own, *words], cwd=folder, check=True)
    [package] = folder.glob("docker-registry_*.deb")
    output("dpkg", "-x", str(package), str(folder / "root"))
    return folder / "root/usr/bin/docker-registry"


class Registry:
    """A running registry and the images of one test; `prefix` is what the role gets."""

    def __init__(self, program: Path, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.prefix = f"127.0.0.1:{self.port}/"
        self.label = f"fr.cariflex.test=registry-{uuid.uuid4().hex}"
        configuration = folder / "registry.yml"
        configuration.write_text(CONFIGURATION.format(folder=folder, port=self.port), encoding="utf-8")
        self._log = folder / "registry.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(program), "serve", str(configuration)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Return when the port answers."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        pytest.fail(f"no registry on {self.prefix}: {self._log.read_text(encoding='utf-8')}")

    def stop(self) -> None:
        """End the registry; a second call does nothing."""
        self._process.terminate()
        self._process.wait(timeout=10)

    def push(self, name: str) -> str:
        """Put a new, empty image `name` (repository:tag) into the registry only; give its digest.

        It is labelled as one that we built.
        """
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w").close()
        ref = self.prefix + name
        changes = ["--change", f"LABEL {self.label} fr.cariflex.test.name={name} {RECIPE_LABEL}={name}"]
        output("docker", "import", *changes, "-", ref, feed=empty.getvalue())
        output("docker", "push", "--quiet", ref)
        digest = output("docker", "image", "inspect", "--format", "{{index .RepoDigests 0}}", ref)
        self.remove_images()
        return digest.partition("@")[2]

    def images(self) -> set[str]:
        """IDs of this test's images in the engine."""
        listed = output(
            "docker", "image", "ls", "--all", "--quiet", "--no-trunc", "--filter", f"label={self.label}"
        )
        return set(listed.split())

    def remove_images(self) -> None:
        """Take this test's images, and no other ones, from the engine."""
        if ids := self.images():
            output("docker", "image", "rm", "--force", *ids)


@pytest.fixture
def registry(registry_program: Path, tmp_path: Path) -> Iterator[Registry]:
    running = Registry(registry_program, tmp_path)
    try:
        running.wait()
        yield running
    finally:
        running.stop()
        running.remove_images()


@dataclass
class Run:
    """What a run of the role did: tasks that changed, the facts ({} after a failure), all output."""

    code: int
    changed: int
    facts: dict[str, Any]
    output: str


@pytest.fixture
def settings(registry: Registry, tmp_path: Path) -> dict[str, Any]:
    """The role's variables; the public references are in the registry, traefik's pinned by its digest."""
    digests = {name: registry.push(f"mirror/{name}:1") for name in ("postgres", "traefik", "grafana")}
    return {
        "images_source": "registry",
        "images_wanted": ["postgres", "traefik", "openadr_vtn"],
        "images_registry_prefix": registry.prefix,
        "images_registry_insecure": True,
        "images_registry_refs": {
            "postgres": "mirror/postgres:1",
            "traefik": f"mirror/traefik:1@{digests['traefik']}",
            "grafana": "mirror/grafana:1",
        },
        # A hash that no other run has: what this host has built before must not play a part.
        "images_refresh_date": f"test-{registry.label}",
        # One that is stopped refuses at once; one that is there may be slow on a busy machine.
        "images_probe_timeout_s": 120,
        "images_build_dir": str(tmp_path / "build"),
        "images_architecture": "x86_64",
    }


def run_role(
    folder: Path,
    settings: dict[str, Any],
    *,
    check: bool = False,
    tasks_from: str = "main",
    **changes: Any,
) -> Run:
    """Run the role's tasks with ``settings`` and ``changes`` as its variables."""
    playbook = folder / "images.yml"
    playbook.write_text(PLAYBOOK.format(tasks_from=tasks_from), encoding="utf-8")
    # Variables of the inventory, as in an environment: what a task file gives its own tasks wins over them.
    inventory = folder / "hosts.yml"
    # The system's Python, as on a real host: only that one has apt's module.
    host = {"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"}
    inventory.write_text(
        json.dumps({"all": {"hosts": {"localhost": {**host, **settings, **changes}}}}), encoding="utf-8"
    )
    command = [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), str(playbook)]
    command += ["--check", "--diff"] if check else []
    env = {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    try:
        # Other callbacks may print before and after the result.
        output, _ = json.JSONDecoder().raw_decode(done.stdout[done.stdout.index("{\n") :])
        tasks = output["plays"][0]["tasks"]
        changed: int = output["stats"]["localhost"]["changed"]
    except (ValueError, LookupError):
        pytest.fail(f"no result: {done.stdout} {done.stderr}")
    answers = [task["hosts"]["localhost"] for task in tasks if task["task"]["name"] == "Show the answer"]
    facts = answers[0].get("msg") if answers else None
    return Run(done.returncode, changed, facts if isinstance(facts, dict) else {}, done.stdout)
