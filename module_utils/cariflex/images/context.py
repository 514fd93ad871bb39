"""Build contexts on the controller: which files belong to one, their hash input and their archive."""

from __future__ import annotations

import base64
import fnmatch
import gzip
import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# Never part of an image: tests must not cause a rebuild, and the rest is made by tools as they run.
EXCLUDED = (
    "tests",
    "__pycache__",
    "*.egg-info",
    "*.pyc",
    ".*_cache",
    ".venv",
    ".hypothesis",
    ".git",
    "build",
)


@dataclass(frozen=True)
class ContextFile:
    """One file of a context: `path` inside the context with forward slashes, its exec bit and its bytes."""

    path: str
    executable: bool
    content: bytes


class ContextError(ValueError):
    """A context or extra file of a recipe is missing or unusable; the text says which and the fix."""


def _excluded(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in EXCLUDED)


def _load(source: Path, path: str) -> ContextFile:
    return ContextFile(path, os.access(source, os.X_OK), source.read_bytes())


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give (path inside the folder, file) of every file that may be part of an image."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _excluded(name)]
        for name in names:
            if not _excluded(name):
                source = Path(parent, name)
                yield source.relative_to(folder).as_posix(), source


def read_context(root: Path, context: str, extra: Mapping[str, str]) -> list[ContextFile]:
    """Read a context below `root`, `extra` (path inside the context -> path below root), sorted by path.

    An extra may be a file or a folder. Raises ContextError when the Dockerfile or an extra is missing.
    """
    folder = root / context
    if not (folder / "Dockerfile").is_file():
        raise ContextError(
            f"context {context!r}: no Dockerfile in {folder}; expected the image's source there"
        )
    found = {path: _load(source, path) for path, source in _below(folder)}
    for path, origin in extra.items():
        source = root / origin
        if source.is_dir():
            for inside, file in _below(source):
                found[f"{path}/{inside}"] = _load(file, f"{path}/{inside}")
        elif source.is_file():
            found[path] = _load(source, path)
        else:
            raise ContextError(
                f"context {context!r}: extra {origin!r} not found in {root}; expected a file or a folder"
            )
    return [found[path] for path in sorted(found)]


def pack(files: list[ContextFile]) -> str:
    """Pack files as base64 of a gzipped tar; the same files give the same text, times and owners aside."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for file in files:
            entry = tarfile.TarInfo(file.path)
            entry.size = len(file.content)
            entry.mode = 0o755 if file.executable else 0o644
            archive.addfile(entry, io.BytesIO(file.content))
    return base64.b64encode(gzip.compress(stream.getvalue(), mtime=0)).decode("ascii")


def unpack(packed: str, folder: Path) -> None:
    """Write what `pack` made into `folder`, which must exist."""
    data = gzip.decompress(base64.b64decode(packed))
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for entry in archive.getmembers():
            target = (folder / entry.name).resolve()
            content = archive.extractfile(entry)
            if content is None or folder.resolve() not in target.parents:
                raise ContextError(f"context archive: {entry.name!r} is not a file inside the context")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.read())
            target.chmod(entry.mode)
