"""A PostgreSQL server of the tests' own, on a Unix socket, with a fresh database for each that asks."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from cariflex_openadr.settings.vtn import DatabaseSettings

PORT = 5432
_NUMBERS = count()


@dataclass(frozen=True)
class Cluster:
    """A server in ``home``; programs run as a user that PostgreSQL accepts."""

    home: Path
    programs: Path
    user: tuple[str, ...]
    fsync: bool = False

    def control(self, *words: str) -> None:
        """pg_ctl."""
        self._run(str(self.programs / "pg_ctl"), "-D", str(self.home / "data"), "-w", *words)

    def start(self) -> None:
        """Start, and return when it accepts connections."""
        fsync = "on" if self.fsync else "off"
        options = f"-k {self.home} -c listen_addresses='' -c fsync={fsync} -c max_connections=60"
        self.control("-l", str(self.home / "log"), "-o", options, "start")

    def kill(self) -> None:
        """kill -9 for the whole server, if it runs."""
        record = self.home / "data" / "postmaster.pid"
        if not record.exists():
            return
        pid = int(record.read_text().split()[0])
        # pg_ctl gives the server a session of its own, so that its group is all its processes and no other.
        os.killpg(pid, signal.SIGKILL)
        # A new server refuses to start while a process of the old one still holds its shared memory.
        while _living(pid):
            time.sleep(0.02)
        # As after a restart of the machine: a zombie that nobody has reaped would pass for the old server.
        for lock in (self.home / "data" / "postmaster.pid", self.home / f".s.PGSQL.{PORT}.lock"):
            lock.unlink(missing_ok=True)

    def database(self) -> DatabaseSettings:
        """A new, empty database."""
        name = f"openadr_{next(_NUMBERS)}"
        with self.connect("postgres") as connection:
            # Half the time of the default, which writes each page of the template to the log.
            statement = sql.SQL("CREATE DATABASE {} STRATEGY FILE_COPY").format(sql.Identifier(name))
            connection.execute(statement)
        return DatabaseSettings(str(self.home), PORT, name, "postgres", "unused")

    def drop(self, database: DatabaseSettings) -> None:
        """Remove a database, whoever is connected: hundreds of them take a minute to delete in the end."""
        with self.connect("postgres") as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database.name)))

    def connect(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        """A connection, in autocommit mode."""
        return psycopg.connect(host=str(self.home), port=PORT, dbname=name, user="postgres", autocommit=True)

    def _run(self, *words: str) -> None:
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        subprocess.run(
            [*self.user, *words], check=True, cwd=self.home, env=environment, stdout=subprocess.DEVNULL
        )


def _living(group: int) -> bool:
    """True while a process of the group is there that is not a zombie."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, of_group = entry.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state != "Z":
                return True
    return False


def server_programs() -> Path:
    """PostgreSQL's server programs, which Debian keeps out of PATH."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path))
    if not found:
        raise RuntimeError("no PostgreSQL server programs: apt-get install postgresql")
    return found[-1].parent


@contextmanager
def running_cluster(*, fsync: bool = False) -> Iterator[Cluster]:
    """A server for as long as the context lasts. initdb refuses root, so root hands over to postgres."""
    user = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if os.geteuid() == 0 else ()
    home = Path(tempfile.mkdtemp(prefix="cariflex-openadr-pg-"))
    cluster = Cluster(home, server_programs(), user, fsync)
    try:
        if user:
            shutil.chown(home, "postgres", "postgres")
        cluster._run(
            str(cluster.programs / "initdb"), "-D", str(home / "data"), "-U", "postgres", "-A", "trust", "-N"
        )
        cluster.start()
        try:
            yield cluster
        finally:
            # Nothing of it is kept, and pg_ctl may wait long for a server that nobody has reaped.
            cluster.kill()
    finally:
        shutil.rmtree(home)
