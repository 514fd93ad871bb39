"""Gathers what goes into an archive, as files of a staging directory."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from cariflex_backup import engine as engines
from cariflex_backup.errors import BackupError
from cariflex_backup.manifest import Database
from cariflex_backup.settings import Settings

# A shorter text is no secret but a word that any file may hold.
_SECRET_BYTES = 12
_REDIS_MAGIC = b"REDIS"
_SQLITE_MAGIC = b"SQLite format 3\0"
# A key itself, not a program that speaks of one.
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64}")
# Into a file first: to standard output, redis-cli leaves the transfer's end mark behind the data.
_REDIS_DUMP = """set -eu
if [ -s "$1" ]; then REDISCLI_AUTH="$(cat "$1")"; export REDISCLI_AUTH; fi
file="$(redis-cli config get dir | tail -n 1)/.backup.rdb"
trap 'rm -f "$file"' EXIT
redis-cli --rdb "$file" >&2
redis-check-rdb "$file" >&2
cat "$file"
"""
# One that may not log in, as monitoring's where it is switched off, has rights in the databases all the same.
_ROLES = "SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_' ORDER BY 1"


class Collector:
    """Fills `staging`; what is absent or may not go in lands in `left_out` (name -> why)."""

    def __init__(self, settings: Settings, staging: Path) -> None:
        self._settings = settings
        self._staging = staging
        self._engine = engines.Engine()
        self._postgres = engines.Postgres(settings.database_container, settings.database_user)
        self.left_out: dict[str, str] = {}

    def databases(self) -> list[Database]:
        """Dump each database; rows and revision are read in the snapshot that the dump sees."""
        found = []
        for name in self._settings.databases:
            with self._postgres.snapshot(name) as snapshot:
                target = self._staging / f"databases/{name}.dump"
                adopted_owner = self._settings.adopted_owner
                self._postgres.dump(name, snapshot.name, target, foreign=bool(adopted_owner))
                owner = adopted_owner or self._postgres.owner(name)
                found.append(Database(name, owner, self._postgres.revision(name), snapshot.rows()))
        return found

    def redis(self) -> None:
        """Have Redis send its data set, as to a replica."""
        target = self._staging / "redis/dump.rdb"
        words = ["docker", "exec", self._settings.redis_container, "sh", "-c", _REDIS_DUMP, "sh"]
        engines.run_into([*words, self._settings.redis_password_file], target)
        with target.open("rb") as stream:
            start = stream.read(len(_REDIS_MAGIC))
        if start != _REDIS_MAGIC:
            raise BackupError(
                f"container {self._settings.redis_container}: sent {start!r} instead of an RDB file; "
                "does its password match? `make doctor` tells"
            )

    def volumes(self) -> None:
        """Copy the volumes: SQLite files by SQLite's own backup, which writers do not disturb."""
        for volume in self._settings.volumes:
            path = self._engine.volume_path(volume.name)
            if path is None:
                self.left_out[f"volume {volume.name}"] = "there is no such volume"
                continue
            if volume.secret and not self._settings.encrypted:
                self.left_out[f"volume {volume.name}"] = "secret, and the archive is not encrypted"
                continue
            target = self._staging / "volumes" / volume.name
            for source in _files(path):
                copy = target / source.relative_to(path)
                copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                if volume.kind == "sqlite" and is_sqlite(source):
                    copy_sqlite(source, copy)
                elif not source.name.endswith(("-wal", "-shm", "-journal")):
                    shutil.copyfile(source, copy)

    def files(self) -> None:
        """Copy files of the host. Secrets stay out of an archive that is not encrypted."""
        values = () if self._settings.encrypted else tuple(secret_values(self._settings.secrets_directory))
        for source in self._settings.files:
            if not source.path.exists():
                self.left_out[source.name] = f"{source.path} does not exist"
            elif source.secret and not self._settings.encrypted:
                self.left_out[source.name] = "secret, and the archive is not encrypted"
            else:
                for path in _files(source.path):
                    self._copy(source.name, path, source.path, values)

    def _copy(self, name: str, path: Path, base: Path, values: tuple[bytes, ...]) -> None:
        below = path.relative_to(base) if base.is_dir() else Path(path.name)
        content = path.read_bytes()
        if not self._settings.encrypted and (
            _PRIVATE_KEY.search(content) or any(v in content for v in values)
        ):
            self.left_out[f"{name}/{below}"] = "holds a secret, and the archive is not encrypted"
            return
        self._write(f"files/{name}/{below}", content)

    def state(self) -> dict[str, str]:
        """Describe containers, images and networks; return image reference -> id or digest."""
        names = self._settings.containers or self._engine.containers(self._settings.label)
        containers = self._engine.inspect("container", *names)
        used = sorted({str(container["Config"]["Image"]) for container in containers})
        images = {ref: _image_id(self._engine.inspect("image", ref)[0]) for ref in used}
        found = engines.run(["docker", "network", "ls", "--format", "{{.Name}}"]).split()
        networks = self._engine.inspect("network", *(n for n in self._settings.networks if n in found))
        self._write_state("containers.json", containers)
        self._write_state("images.json", images)
        self._write_state("networks.json", networks)
        for name, words in {"addresses.txt": ["ip", "-o", "addr"], "routes.txt": ["ip", "route"]}.items():
            self._write(f"state/{name}", engines.run(words).encode())
        return images

    def roles(self) -> list[str]:
        """Return the roles that own or read the databases."""
        return self._postgres.ask("postgres", _ROLES).split()

    def versions(self) -> dict[str, str]:
        """Return what wrote the data: postgres, redis and, from its container, FlexMeasures."""
        redis = engines.run(["docker", "exec", self._settings.redis_container, "redis-server", "--version"])
        found = {
            "postgres": self._postgres.version(),
            "redis": redis.partition("v=")[2].split()[0],
            "flexmeasures": flexmeasures_version(self._engine, self._settings.flexmeasures_container),
        }
        return {**self._settings.known_versions, **{name: text for name, text in found.items() if text}}

    def _write_state(self, name: str, content: Any) -> None:
        text = json.dumps(content, indent=1, sort_keys=True).encode()
        values = secret_values(self._settings.secrets_directory)
        if not self._settings.encrypted and any(value in text for value in values):
            self.left_out[f"state/{name}"] = "holds a secret, and the archive is not encrypted"
        else:
            self._write(f"state/{name}", text)

    def _write(self, name: str, content: bytes) -> None:
        target = self._staging / name
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target.write_bytes(content)


def flexmeasures_version(engine: engines.Engine, container: str) -> str:
    """Return FlexMeasures' version as its container's Python knows it, '' when it does not run."""
    if not engine.is_running(container):
        return ""
    script = "from importlib.metadata import version; print(version('flexmeasures'))"
    return engines.run(["docker", "exec", container, "python3", "-c", script])


def is_sqlite(path: Path) -> bool:
    """Tell a SQLite database by its first bytes, whatever its name."""
    with path.open("rb") as stream:
        return stream.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database that others may be writing; the copy passes SQLite's own check."""
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(target)) as copy:
        origin.backup(copy)
        answer = copy.execute("PRAGMA quick_check").fetchone()[0]
        # One file, without a log beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
    if answer != "ok":
        raise BackupError(f"SQLite file {source}: {answer}; restore it from an archive")


def secret_values(directory: Path) -> Iterator[bytes]:
    """Yield the content of every secret file that is long enough to be told from ordinary text."""
    for path in _files(directory) if directory.is_dir() else ():
        value = path.read_bytes().strip()
        if len(value) >= _SECRET_BYTES:
            yield value


def _files(path: Path) -> Iterator[Path]:
    """Yield the regular files at or below `path`, in order; links are not followed."""
    if path.is_file() and not path.is_symlink():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            found = Path(folder) / name
            if found.is_file() and not found.is_symlink():
                yield found


def _image_id(image: dict[str, Any]) -> str:
    digests: list[str] = image.get("RepoDigests") or []
    return digests[0] if digests else str(image["Id"])
