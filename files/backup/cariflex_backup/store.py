"""The directory of archives: one run at a time, nothing half-made under an archive's name."""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cariflex_backup import archive as archives
from cariflex_backup.engine import run
from cariflex_backup.errors import BackupError
from cariflex_backup.retention import Archive, Rules, kept
from cariflex_backup.settings import Settings

_FORMAT = "%Y%m%d_%H%M%S"
_NAME = re.compile(r"(\d{8}_\d{6})\.tar\.gz(\.age)?")
_STAGING = ".staging"


def archive_name(taken: datetime, *, encrypted: bool) -> str:
    """Return YYYYMMDD_HHMMSS.tar.gz in UTC, with .age behind it when encrypted."""
    return taken.strftime(_FORMAT) + ".tar.gz" + (".age" if encrypted else "")


def taken_at(name: str) -> datetime | None:
    """Return the time (aware UTC) in an archive's file name, None for any other name."""
    match = _NAME.fullmatch(name)
    try:
        return datetime.strptime(match[1], _FORMAT).replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


class Store:
    """Archives in one directory of the host, and their copies at an rclone remote."""

    def __init__(self, directory: Path, rules: Rules, remote: str = "", rclone_config: str = "") -> None:
        self.directory = directory
        self._rules = rules
        self._remote = remote.rstrip("/")
        self._rclone = ["rclone", *(["--config", rclone_config] if rclone_config else [])]

    @contextmanager
    def exclusive(self) -> Iterator[Path]:
        """Hold the directory for one run; yield an empty staging directory, gone afterwards."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.directory / ".lock").open("w")
        except OSError as error:
            raise BackupError(
                f"backup directory {self.directory}: {error.strerror}; make it writable"
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BackupError(
                    f"backup directory {self.directory}: another backup or restore runs; wait for its end"
                ) from error
            # A killed run could not clean up; as the lock is ours, nobody uses what it left.
            staging = self.directory / _STAGING
            shutil.rmtree(staging, ignore_errors=True)
            try:
                staging.mkdir(mode=0o700)
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    def archives(self) -> dict[Path, Archive]:
        """Return the archives found, oldest first; a file that is neither gzip nor age data is not good."""
        found = {}
        for path in sorted(self.directory.iterdir()) if self.directory.is_dir() else ():
            taken = taken_at(path.name)
            if taken:
                try:
                    archives.is_encrypted(path)
                except BackupError:
                    found[path] = Archive(taken, good=False)
                else:
                    found[path] = Archive(taken)
        return found

    def newest(self) -> Path:
        """Return the newest good archive."""
        good = [path for path, archive in self.archives().items() if archive.good]
        if not good:
            raise BackupError(f"backup directory {self.directory}: holds no archive; run a backup first")
        return good[-1]

    def publish(self, staged: Path, name: str) -> Path:
        """Give a verified file its final name, which must be new."""
        final = self.directory / name
        if final.exists():
            raise BackupError(f"archive {final}: exists already; wait a second and run again")
        staged.rename(final)
        archives.synchronise(final)
        return final

    def prune(self, now: datetime) -> list[str]:
        """Remove the archives that the rules no longer keep; return their names."""
        found = self.archives()
        keep = kept(found.values(), now, self._rules)
        gone = [path for path, archive in found.items() if archive not in keep]
        for path in gone:
            path.unlink()
        return [path.name for path in gone]

    def copy_offsite(self, path: Path, now: datetime) -> list[str]:
        """Copy an archive to the remote, compare the copy, and remove there what the rules no longer keep."""
        if not self._remote:
            return []
        target = f"{self._remote}/{path.name}"
        run([*self._rclone, "copyto", str(path), target])
        run([*self._rclone, "check", "--one-way", "--include", path.name, str(path.parent), self._remote])
        names = run([*self._rclone, "lsf", "--files-only", self._remote]).splitlines()
        found = {name: Archive(taken) for name in names if (taken := taken_at(name))}
        keep = kept(found.values(), now, self._rules)
        gone = [name for name, archive in found.items() if archive not in keep]
        for name in gone:
            run([*self._rclone, "deletefile", f"{self._remote}/{name}"])
        return gone


def store_of(settings: Settings) -> Store:
    """Return the store that the settings describe."""
    return Store(settings.directory, settings.rules, settings.rclone_remote, settings.rclone_config)
