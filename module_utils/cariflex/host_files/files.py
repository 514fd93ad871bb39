"""Plan and apply a set of directories and files: what differs, as data, before anything is written.

A deploy that changes nothing spends its time on module calls, so a role hands over all its files at
once instead of one task a file.
"""

from __future__ import annotations

import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

HIDDEN = "(secret, not shown)\n"


@dataclass(frozen=True)
class Entry:
    """A wanted directory (``content`` is None) or file.

    ``mode`` is an octal number, ``uid`` and ``gid`` are numeric ids.
    """

    path: Path
    mode: int
    uid: int
    gid: int
    content: str | None = None
    secret: bool = False


@dataclass(frozen=True)
class Difference:
    """What of an entry is not as wanted; ``before`` and ``after`` are texts for the diff."""

    entry: Entry
    rewrite: bool
    before: str
    after: str


def parse_mode(value: str, path: str) -> int:
    """Octal text to number; ValueError names the path and the value."""
    try:
        mode = int(value, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o7777:
        raise ValueError(f"{path}: mode {value!r} is not octal; write it quoted, such as '0640'")
    return mode


def plan(entries: list[Entry]) -> list[Difference]:
    """Compare the entries with the host, parents first as given; reads only."""
    return [found for found in (_difference(entry) for entry in entries) if found is not None]


def apply(differences: list[Difference]) -> None:
    """Make the host as wanted; a file is replaced whole or not at all."""
    for difference in differences:
        entry = difference.entry
        if entry.content is None:
            entry.path.mkdir(parents=True, exist_ok=True)
        elif difference.rewrite:
            _write(entry)
        os.chown(entry.path, entry.uid, entry.gid)
        entry.path.chmod(entry.mode)


def _difference(entry: Entry) -> Difference | None:
    wanted = _describe(entry.mode, entry.uid, entry.gid)
    try:
        found_stat = entry.path.lstat()
    except FileNotFoundError:
        return Difference(entry, True, "", wanted + _shown(entry, entry.content))
    is_directory = stat.S_ISDIR(found_stat.st_mode)
    if is_directory != (entry.content is None):
        raise ValueError(
            f"{entry.path}: a {'directory' if is_directory else 'file'} stands where a "
            f"{'directory' if entry.content is None else 'file'} is wanted; move it away and run again"
        )
    found = _describe(stat.S_IMODE(found_stat.st_mode), found_stat.st_uid, found_stat.st_gid)
    current = None if is_directory else entry.path.read_text(encoding="utf-8", errors="replace")
    rewrite = current != entry.content
    if not rewrite and found == wanted:
        return None
    if not rewrite:
        return Difference(entry, False, found, wanted)
    return Difference(entry, True, found + _shown(entry, current), wanted + _shown(entry, entry.content))


def _describe(mode: int, uid: int, gid: int) -> str:
    return f"mode={mode:04o} uid={uid} gid={gid}\n"


def _shown(entry: Entry, content: str | None) -> str:
    if content is None:
        return ""
    return HIDDEN if entry.secret else content


def _write(entry: Entry) -> None:
    """Write beside the target with the final owner and mode, then rename: readers see old or new."""
    descriptor, name = tempfile.mkstemp(dir=entry.path.parent, prefix=f".{entry.path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(entry.content or "")
        os.chown(name, entry.uid, entry.gid)
        Path(name).chmod(entry.mode)
        Path(name).replace(entry.path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
