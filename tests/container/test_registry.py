"""Role `images` in registry mode, against a registry of this test's own on the loopback address."""

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

pytestmark = pytest.mark.container
ROOT = Path(__file__).resolve().parents[2]
START_TIMEOUT_S = 20
PLAYBOOK = """
- name: Have the images
  hosts: localhost
  gather_facts: false
  roles: [images]
  tasks:
    - name: Show the answer
      ansible.builtin.debug:
        msg:
          images: "{{ cariflex_images }}"
          source: "{{ cariflex_images_source }}"
          missing: "{{ cariflex_images_missing }}"
"""
CONFIGURATION = """
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {folder}/store}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def _output(*words: str, feed: bytes | None = None) -> str:
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
    _output("dpkg", "-x", str(package), str(folder / "root"))
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
        """Put a new, empty image `name` (repository:tag) into the registry only; give its digest."""
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w").close()
        ref = self.prefix + name
        changes = ["--change", f"LABEL {self.label} fr.cariflex.test.name={name}"]
        _output("docker", "import", *changes, "-", ref, feed=empty.getvalue())
        _output("docker", "push", "--quiet", ref)
        digest = _output("docker", "image", "inspect", "--format", "{{index .RepoDigests 0}}", ref)
        self.remove_images()
        return digest.partition("@")[2]

    def images(self) -> set[str]:
        """IDs of this test's images in the engine."""
        listed = _output(
            "docker", "image", "ls", "--all", "--quiet", "--no-trunc", "--filter", f"label={self.label}"
        )
        return set(listed.split())

    def remove_images(self) -> None:
        """Take this test's images, and no other ones, from the engine."""
        if ids := self.images():
            _output("docker", "image", "rm", "--force", *ids)


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
        "images_build_dir": str(tmp_path / "build"),
        "images_architecture": "x86_64",
    }


def _run(folder: Path, settings: dict[str, Any], *, check: bool = False, **changes: Any) -> Run:
    playbook = folder / "images.yml"
    playbook.write_text(PLAYBOOK, encoding="utf-8")
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local", str(playbook)]
    # The system's Python, as on a real host: only that one has apt's module.
    command += ["-e", "ansible_python_interpreter=/usr/bin/python3"]
    command += ["-e", json.dumps({**settings, **changes}), *(["--check"] if check else [])]
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
    return Run(done.returncode, changed, answers[0]["msg"] if answers else {}, done.stdout)


def test__registry__check_pulls_nothing_then_pulls_once(
    registry: Registry, settings: dict[str, Any], tmp_path: Path
) -> None:
    checked = _run(tmp_path, settings, check=True)
    assert checked.code == 0, checked.output
    assert checked.changed == 1
    assert registry.images() == set()

    # Our own image is looked for under the name that build mode gives it.
    own = checked.facts["images"]["openadr_vtn"]["ref"]
    assert own.startswith(f"{registry.prefix}flexmeasures-openadr-vtn:")
    registry.push(own.removeprefix(registry.prefix))
    pulled = _run(tmp_path, settings)
    assert pulled.code == 0, pulled.output
    assert pulled.changed == 1
    assert pulled.facts == checked.facts
    refs = {name: registry.prefix + ref for name, ref in settings["images_registry_refs"].items()}
    refs["openadr_vtn"] = own
    expected = {name: {"ref": ref, "source": "registry"} for name, ref in refs.items()}
    assert pulled.facts == {"images": expected, "source": "registry", "missing": {}}
    # By the very references that the other roles get, the one with a digest included.
    names = {}
    for name, ref in refs.items():
        label = '{{index .Config.Labels "fr.cariflex.test.name"}}'
        names[name] = _output("docker", "image", "inspect", "--format", label, ref).partition(":")[0]
    assert names == {
        "postgres": "mirror/postgres",
        "traefik": "mirror/traefik",
        "grafana": "mirror/grafana",
        "openadr_vtn": "flexmeasures-openadr-vtn",
    }
    assert len(registry.images()) == 4

    # What is there is not asked for again: the second run needs no registry.
    registry.stop()
    again = _run(tmp_path, settings)
    assert again.code == 0, again.output
    assert again.changed == 0
    assert again.facts == pulled.facts


def test__auto__takes_the_registry_while_it_answers(
    registry: Registry, settings: dict[str, Any], tmp_path: Path
) -> None:
    answered = _run(tmp_path, settings, check=True, images_source="auto")
    assert answered.code == 0, answered.output
    assert answered.facts["source"] == "registry"
    assert {image["source"] for image in answered.facts["images"].values()} == {"registry"}

    registry.stop()
    silent = _run(tmp_path, settings, check=True, images_source="auto")
    assert silent.code == 0, silent.output
    assert silent.facts["source"] == "build"
    assert {image["source"] for image in silent.facts["images"].values()} == {"build"}
    assert [*silent.facts["missing"]] == ["grafana"]
    assert registry.images() == set()


def test__missing_tag__fails_and_names_the_reference(
    registry: Registry, settings: dict[str, Any], tmp_path: Path
) -> None:
    refs = {**settings["images_registry_refs"], "postgres": "mirror/postgres:none"}
    failed = _run(tmp_path, settings, images_wanted=["postgres"], images_registry_refs=refs)
    assert failed.code == 2
    assert failed.facts == {}
    assert f"manifest for {registry.prefix}mirror/postgres:none not found" in failed.output
