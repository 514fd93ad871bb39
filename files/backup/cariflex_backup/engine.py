"""Programs of the host: the Docker engine, and PostgreSQL and Redis inside their containers."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cariflex_backup.errors import BackupError

_STDERR_LIMIT = 600
# Where a service keeps its schema revision: Alembic's table, or the one of our own services.
_REVISION_TABLES = {"alembic_version": "version_num", "schema_version": "version"}
# Writes the statements that count every table's rows.
_COUNTING = """
SELECT format('SELECT %L, count(*) FROM %I.%I;', n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY 1;
"""


def run(words: Sequence[str], *, stdin: IO[bytes] | None = None, feed: bytes | None = None) -> str:
    """Run a program, return what it printed; raise BackupError with what it complained about."""
    try:
        if feed is None:
            done = subprocess.run(words, stdin=stdin or subprocess.DEVNULL, capture_output=True, check=False)
        else:
            done = subprocess.run(words, input=feed, capture_output=True, check=False)
    except OSError as error:
        raise BackupError(
            f"{words[0]}: {error.strerror}; install it, or deploy with --tags backup"
        ) from error
    if done.returncode != 0:
        raise _failure(words, done.returncode, done.stderr)
    return done.stdout.decode().strip()


def run_into(words: Sequence[str], target: Path) -> None:
    """Run a program with its output written to the new file `target` (0600).

    The output passes through this process: a full disk is then an error here, whatever the program says.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target.touch(mode=0o600)
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as program,
        target.open("wb") as stream,
    ):
        try:
            if program.stdout:
                shutil.copyfileobj(program.stdout, stream, 1 << 20)
            stderr = program.stderr.read() if program.stderr else b""
        except BaseException:
            program.kill()
            raise
    if program.returncode != 0:
        raise _failure(words, program.returncode, stderr)


def _failure(words: Sequence[str], status: int, stderr: bytes) -> BackupError:
    shown = " ".join(words[:6]) + (" ..." if len(words) > 6 else "")
    return BackupError(
        f"{shown}: exit status {status}: {stderr.decode(errors='replace').strip()[-_STDERR_LIMIT:]}"
    )


class Engine:
    """The Docker engine of this host."""

    def inspect(self, kind: str, *names: str) -> list[dict[str, Any]]:
        """Return the engine's description of objects; `kind` is container, network, image or volume."""
        if not names:
            return []
        found: list[dict[str, Any]] = json.loads(run(["docker", kind, "inspect", *names]))
        return found

    def containers(self, label: str, *, running: bool = False) -> list[str]:
        """Return the names of the containers that carry `label`, sorted."""
        words = ["docker", "ps", "--format", "{{.Names}}", "--filter", f"label={label}"]
        return sorted(run([*words, *([] if running else ["--all"])]).split())

    def is_running(self, container: str) -> bool:
        """Tell whether a container of that name runs; on a host without an engine yet, none does."""
        if shutil.which("docker") is None:
            return False
        words = ["docker", "ps", "--quiet", "--filter", f"name=^/?{container}$"]
        return bool(run(words))

    def volume_path(self, volume: str) -> Path | None:
        """Return where a local volume lies on the host, None when there is none of that name."""
        if volume not in run(["docker", "volume", "ls", "--quiet"]).split():
            return None
        return Path(self.inspect("volume", volume)[0]["Mountpoint"])

    def stop(self, *containers: str) -> None:
        """Stop containers and wait until they have ended."""
        if containers:
            run(["docker", "stop", *containers])

    def start(self, *containers: str) -> None:
        """Start existing containers."""
        if containers:
            run(["docker", "start", *containers])


class Postgres:
    """PostgreSQL inside its container, asked through the container's own socket, which wants no password."""

    def __init__(self, container: str, user: str) -> None:
        self._container = container
        self._exec = ["docker", "exec", "-i", container]
        self._user = user

    def psql(self, database: str) -> list[str]:
        """Return the words that start psql, reading statements from standard input."""
        return [*self._exec, "psql", "-X", "-qtA", "-v", "ON_ERROR_STOP=1", "-U", self._user, "-d", database]

    def ask(self, database: str, statement: str, **variables: str) -> str:
        """Run statements, with psql's variables; return the rows, one a line, fields separated by '|'."""
        words = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        # When input ends while an exec is being made, the engine may lose that end (containerd issue 4489):
        # nothing that we run there may wait for it.
        return run([*self.psql(database), *words], feed=f"{statement}\n;\n\\q\n".encode())

    def version(self) -> str:
        """Return the server's version, such as '17.6'."""
        return self.ask("postgres", "SHOW server_version").split()[0]

    def databases(self) -> list[str]:
        """Return the names of all databases."""
        return self.ask("postgres", "SELECT datname FROM pg_database ORDER BY 1").splitlines()

    def owner(self, database: str) -> str:
        """Return the role that owns `database`."""
        return self.ask(
            database, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        )

    def rows(self, database: str) -> dict[str, int]:
        """Return schema.table -> number of rows."""
        return _counts(self.ask(database, self.ask(database, _COUNTING)).splitlines())

    def revision(self, database: str) -> str:
        """Return the schema revision, '' where the database keeps none."""
        for table, column in _REVISION_TABLES.items():
            if self.ask(database, "SELECT to_regclass(:'table')", table=table):
                return self.ask(
                    database, 'SELECT max(:"column") FROM public.:"table"', table=table, column=column
                )
        return ""

    @contextmanager
    def snapshot(self, database: str) -> Iterator[Snapshot]:
        """Hold a transaction whose view of the data pg_dump can share."""
        with subprocess.Popen(
            self.psql(database),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as session:
            try:
                yield Snapshot(session, f"container {self._container}, database {database}")
            finally:
                # The end of its input ends psql, and with it the transaction.
                session.terminate()

    def dump(self, database: str, snapshot: str, target: Path, *, foreign: bool = False) -> None:
        """Dump `database`, as seen in `snapshot`, in pg_dump's custom format.

        :param foreign: leave rights behind, whose roles do not exist elsewhere, and use what a pg_dump older
            than 16 knows. Owners stay in such a dump whatever it is told: `restore` passes over them.
        """
        words = [
            "pg_dump",
            "-U",
            self._user,
            "-d",
            database,
            "-Fc",
            *(["--no-privileges"] if foreign else ["--compress=zstd:3"]),
            f"--snapshot={snapshot}",
        ]
        run_into([*self._exec, *words], target)

    def restore(self, database: str, dump: IO[bytes]) -> None:
        """Load a dump into the empty `database`, all of it the user's own; the first error ends it."""
        words = ["pg_restore", "-U", self._user, "-d", database, "--no-owner", "--exit-on-error"]
        run([*self._exec, *words], stdin=dump)


class Snapshot:
    """A repeatable-read transaction that other sessions can join."""

    def __init__(self, session: subprocess.Popen[str], name: str) -> None:
        self._session = session
        self._where = name
        self._send("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\nSELECT pg_export_snapshot();\n")
        self.name = self._receive()

    def rows(self) -> dict[str, int]:
        """Return schema.table -> number of rows, as the snapshot sees them."""
        counting = self._ask(_COUNTING)
        return _counts(self._ask("\n".join(counting)))

    def _ask(self, statements: str) -> list[str]:
        self._send(f"{statements}\nSELECT '.';\n")
        return list(iter(self._receive, "."))

    def _send(self, statement: str) -> None:
        stream = self._session.stdin
        if stream is None:
            raise BackupError(f"{self._where}: psql has no standard input")
        try:
            stream.write(statement)
            stream.flush()
        except OSError as error:
            raise self._ended() from error

    def _receive(self) -> str:
        line = self._session.stdout.readline() if self._session.stdout else ""
        if not line:
            raise self._ended()
        return line.rstrip("\n")

    def _ended(self) -> BackupError:
        said = self._session.stderr.read().strip() if self._session.stderr else ""
        return BackupError(f"{self._where}: the session ended: {said}; see make doctor")


def _counts(rows: list[str]) -> dict[str, int]:
    return {table: int(count) for table, _, count in (row.rpartition("|") for row in rows)}
