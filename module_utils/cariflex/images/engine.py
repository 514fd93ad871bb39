"""The Docker command line: which client can build, and commands whose output goes to a log file."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

TAIL_LINES = 30


class BuildError(RuntimeError):
    """A build that cannot go on; the text says what failed, with the end of the log."""


class Log:
    """A log file of one build; `run` sends a command's output there and fails with its last lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")

    def say(self, text: str) -> None:
        """Write one line."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def tail(self) -> str:
        """Give the last lines."""
        return "\n".join(self.path.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])

    def run(self, command: list[str], env: Mapping[str, str] | None = None) -> None:
        """Run a command. Raises BuildError when it cannot be started or exits with another code than 0."""
        self.say("+ " + " ".join(command))
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                done = subprocess.run(
                    command,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    check=False,
                    # The lock's descriptor must reach the children (see build._lock).
                    close_fds=False,
                )
        except OSError as error:
            raise BuildError(f"{command[0]}: cannot be started: {error}") from error
        if done.returncode:
            raise BuildError(
                f"{command[0]} exited {done.returncode}; log {self.path} ends with:\n{self.tail()}"
            )


def output_of(command: list[str]) -> str | None:
    """Give a command's standard output, stripped; None when it fails or does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _candidates() -> Iterator[str]:
    folders = os.environ.get("PATH", "").split(os.pathsep)
    seen = set()
    for folder in [*folders, "/usr/bin"]:
        client = shutil.which("docker", path=folder)
        if client and (real := os.path.realpath(client)) not in seen:
            seen.add(real)
            yield client


def find_client() -> str:
    """Find a Docker client that builds with BuildKit: one with the buildx plugin, or older than 23.

    Raises BuildError, naming what was looked at.
    """
    looked_at = []
    for client in _candidates():
        version = output_of([client, "version", "--format", "{{.Client.Version}}"]) or ""
        looked_at.append(f"{client} ({version or 'no answer from the engine'})")
        major = version.split(".")[0]
        if not major.isdigit():
            continue
        if int(major) < 23 or output_of([client, "buildx", "version"]) is not None:
            return client
    raise BuildError(
        f"no Docker client with BuildKit; looked at: {', '.join(looked_at) or 'none found'}. "
        "Fix: install the package docker-buildx (Debian 13, Ubuntu), and start the engine"
    )


def image_exists(client: str, ref: str) -> bool:
    """Say whether the engine has `ref`."""
    return output_of([client, "image", "inspect", "--format", "{{.Id}}", ref]) is not None


def check_disk(client: str, build_dir: Path, needed_mb: int) -> None:
    """Raise BuildError when the engine's folder or the build folder has less than `needed_mb` MB free."""
    engine_dir = output_of([client, "info", "--format", "{{.DockerRootDir}}"]) or "/var/lib/docker"
    for folder in (Path(engine_dir), build_dir):
        if folder.exists():
            free_mb = shutil.disk_usage(folder).free // 1_000_000
            if free_mb < needed_mb:
                raise BuildError(
                    f"{folder}: {free_mb} MB free; this image needs {needed_mb} MB. "
                    "Fix: free space there (docker image prune, docker builder prune), then run again"
                )
