"""Makes an archive for the test environment out of a production one, on the production host.

The raw data live in a scratch database on a closed network, for as long as this runs. What leaves holds the
anonymised databases only: no Redis with its jobs, no volumes, files or certificates. The rules stand in
sql/rules_*.sql; a table or column without a rule ends the run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cariflex_backup import archive as archives
from cariflex_backup.drill import scratch
from cariflex_backup.engine import Postgres
from cariflex_backup.errors import BackupError
from cariflex_backup.manifest import Database, describe
from cariflex_backup.restore import load
from cariflex_backup.settings import Settings
from cariflex_backup.store import store_of

_SQL = Path(__file__).parent / "sql"
# It stands in a statement, so no quotes.
_KEY = re.compile(r"[A-Za-z0-9_-]{32,}")
_LEFT_OUT = dict.fromkeys(("redis", "volumes", "files", "state"), "not in an anonymised archive")


def script(database: str, key: str) -> str:
    """Return the statements that anonymise `database`; BackupError when there are no rules for it."""
    if not _KEY.fullmatch(key):
        raise BackupError(
            f"key: has {len(key)} characters, expected 32 or more letters, digits, - or _; the same key "
            "always gives the same names and sizes"
        )
    rules = _SQL / f"rules_{database}.sql"
    if not rules.is_file():
        raise BackupError(f"database {database}: has no rules, expected {rules}; nothing was made")
    parts = [_SQL / "anonymise.sql", rules, _SQL / "anonymise_apply.sql", _SQL / f"after_{database}.sql"]
    texts = [part.read_text(encoding="utf-8") for part in parts if part.is_file()]
    # In a statement, not an argument: those are seen by everybody on the host.
    return "\n".join([f"SET cariflex.key = '{key}';", "BEGIN;", *texts, "COMMIT;"])


def anonymise(
    settings: Settings, path: Path, identity: bytes, key: str, target: Path, say: Callable[[str], None]
) -> None:
    """Write the anonymised databases of the archive `path` into the new archive `target` (0600)."""
    scripts = {name: script(name, key) for name in settings.databases}
    with store_of(settings).exclusive() as staging:
        content, result = staging / "content", staging / "result"
        manifest = archives.verify(path, identity, extract_to=content)
        missing = sorted({database.name for database in manifest.databases} - set(scripts))
        if missing:
            raise BackupError(
                f"archive {path}: holds {', '.join(missing)}, expected {', '.join(sorted(scripts))}"
            )
        result.mkdir(mode=0o700)
        made: list[Database] = []
        # Without the server: nothing of ours but SQL ever reads the raw data.
        closed = replace(settings, flexmeasures_container="")
        with scratch(closed, manifest, content, staging / "secrets") as (container, _):
            postgres = Postgres(container, settings.database_user)
            for dumped in manifest.databases:
                load(postgres, dumped, content / f"databases/{dumped.name}.dump", dumped.name)
                postgres.ask(dumped.name, scripts[dumped.name])
                made.append(_dumped(postgres, dumped, result))
                say(f"anonymised: database {dumped.name}, {sum(made[-1].rows.values())} rows left")
        anonymised = replace(
            manifest,
            databases=made,
            members=[describe(result, f"databases/{database.name}.dump") for database in made],
            images={},
            left_out=dict(_LEFT_OUT),
            needs_secrets=[],
            anonymised=True,
        )
        staged = staging / "archive"
        archives.pack(result, anonymised, staged)
        archives.verify(staged)
        staged.replace(target)
        archives.synchronise(target)
    say(f"archive: {target}, {target.stat().st_size} bytes, read back")


def _dumped(postgres: Postgres, dumped: Database, result: Path) -> Database:
    with postgres.snapshot(dumped.name) as snapshot:
        postgres.dump(dumped.name, snapshot.name, result / f"databases/{dumped.name}.dump")
        return replace(dumped, rows=snapshot.rows())
