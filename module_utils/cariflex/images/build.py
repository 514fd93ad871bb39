"""Builds one planned image under a lock, with a log, leaving no half-made image and no temporary file."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.cariflex.images import context, debootstrap, engine

RECIPE_LABEL = "fr.cariflex.recipe"
# BuildKit takes these from the client's environment and keeps them out of the image and its history.
PROXY_ARGUMENTS = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class BuildRequest:
    """One image to build; `ca_bundle` is PEM text or '', `context_archive` is what `context.pack` made."""

    name: str
    kind: str
    ref: str
    recipe_hash: str
    build_dir: Path
    suite: str = ""
    base_ref: str = ""
    target: str = ""
    context_archive: str = ""
    ca_bundle: str = ""
    disk_mb: int = 1000

    @property
    def log_path(self) -> Path:
        """The log of the newest build of this image."""
        return self.build_dir / self.name / "build.log"


@dataclass(frozen=True)
class BuildResult:
    """What was done: `built` is false when the image was there already."""

    built: bool
    seconds: float
    client: str


@contextmanager
def _work_folder(request: BuildRequest, log: engine.Log) -> Iterator[Path]:
    work = request.build_dir / request.name / "work"

    def remove() -> None:
        debootstrap.unmount_below(work, log)
        shutil.rmtree(work, ignore_errors=True)

    remove()  # what a killed build left
    work.mkdir(parents=True, mode=0o700)
    try:
        yield work
    finally:
        remove()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="ascii") as stream:
        # Children inherit it: the debootstrap of a killed run still holds the lock until it has ended.
        os.set_inheritable(stream.fileno(), True)
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def docker_command(client: str, request: BuildRequest, folder: Path, ca_file: Path | None) -> list[str]:
    """Give the build command of a dockerfile image."""
    command = [client, "build", "--progress=plain", "--tag", request.ref]
    command += ["--label", f"{RECIPE_LABEL}={request.recipe_hash}"]
    if request.base_ref:
        command += ["--build-arg", f"BASE={request.base_ref}"]
    if request.target:
        command += ["--target", request.target]
    for name in PROXY_ARGUMENTS:
        if os.environ.get(name):
            command += ["--build-arg", name]
    if ca_file:
        command += ["--secret", f"id=ca,src={ca_file}"]
    return [*command, str(folder)]


def build_image(request: BuildRequest) -> BuildResult:
    """Build the image unless the engine has it. Raises BuildError, with the end of a failed command's log."""
    started = time.monotonic()
    client = engine.find_client()
    with _lock(request.build_dir / request.name / "lock"):
        if engine.image_exists(client, request.ref):
            return BuildResult(False, 0.0, client)
        engine.check_disk(client, request.build_dir, request.disk_mb)
        log = engine.Log(request.log_path)
        with _work_folder(request, log) as work:
            ca_file = None
            if request.ca_bundle:
                ca_file = work / "ca.pem"
                ca_file.write_text(request.ca_bundle, encoding="utf-8")
            if request.kind == "debootstrap":
                label = f"{RECIPE_LABEL}={request.recipe_hash}"
                debootstrap.build(client, request.suite, request.ref, label, work, ca_file, log)
            else:
                folder = work / "context"
                folder.mkdir()
                context.unpack(request.context_archive, folder)
                command = docker_command(client, request, folder, ca_file)
                log.run(command, env={**os.environ, "DOCKER_BUILDKIT": "1"})
        return BuildResult(True, round(time.monotonic() - started, 1), client)
