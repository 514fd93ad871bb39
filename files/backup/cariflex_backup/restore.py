"""Puts an archive's data back: into databases beside the live ones first, then by one swap."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from cariflex_backup import archive as archives
from cariflex_backup import manifest as manifests
from cariflex_backup.collect import flexmeasures_version
from cariflex_backup.engine import Engine, Postgres, run
from cariflex_backup.errors import BackupError
from cariflex_backup.manifest import Database, Manifest
from cariflex_backup.settings import FileSource, Settings
from cariflex_backup.store import store_of

_NEW = "_restoring"
_OLD = "_before_restore"
# Sequences follow the rows: fixed ids stand far above what a sequence has handed out.
_SEQUENCES = """
SELECT format('SELECT setval(%L, greatest((SELECT coalesce(max(%I), 0) FROM %s),
                                          (SELECT last_value FROM %s)));',
              s.oid::regclass, a.attname, t.oid::regclass, s.oid::regclass)
FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
  AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S'
"""
# All that was loaded belongs to who loaded it. Extensions stay with the superuser.
_OWNERS = """
SELECT format('ALTER TABLE %s OWNER TO %I;', c.oid::regclass, :'owner') FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relowner = current_user::regrole
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                  AND (d.deptype IN ('e', 'i') OR (d.deptype = 'a' AND c.relkind = 'S')))
UNION ALL
SELECT format('ALTER TYPE %s OWNER TO %I;', t.oid::regtype, :'owner') FROM pg_type t
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd') AND t.typowner = current_user::regrole
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid
                  AND d.deptype = 'e')
UNION ALL
SELECT format('ALTER ROUTINE %s OWNER TO %I;', p.oid::regprocedure, :'owner') FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.proowner = current_user::regrole AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                  AND d.deptype = 'e')
"""
# Rights in a dump need their roles: dev lacks prod's monitoring. The deployment decides who may log in.
_ROLE = """
SELECT format('CREATE ROLE %I NOLOGIN;', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role')
"""
_RENAME_LIVE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'live#';
ALTER DATABASE :"live#" RENAME TO :"old#";
"""
_DROP = 'DROP DATABASE IF EXISTS :"name" WITH (FORCE)'


def check(settings: Settings, path: Path, identity: bytes) -> Manifest:
    """Verify the archive and compare it with this host; raise BackupError before anything is changed."""
    manifest = archives.verify(path, identity)
    if reason := manifests.misplaced(manifest, settings.environment):
        raise BackupError(f"archive {path}: {reason}. Nothing was changed")
    engine = Engine()
    versions = {"flexmeasures": flexmeasures_version(engine, settings.flexmeasures_container)}
    if engine.is_running(settings.database_container):
        postgres = Postgres(settings.database_container, settings.database_user)
        versions["postgres"] = postgres.version()
    if engine.is_running(settings.redis_container):
        text = run(["docker", "exec", settings.redis_container, "redis-server", "--version"])
        versions["redis"] = text.partition("v=")[2].split()[0]
    # Before a stack runs, there is nothing to compare with; a restore asks again when it does.
    revision = settings.schema_revision if "postgres" in versions else ""
    problems = manifests.incompatibilities(manifest, versions, revision)
    if problems:
        raise BackupError(f"archive {path}: this host cannot take it:\n" + "\n".join(problems))
    return manifest


def restore(settings: Settings, path: Path, identity: bytes, say: Callable[[str], None]) -> Manifest:
    """Put everything back. Who uses it is stopped, and stays so until the next deployment."""
    manifest = check(settings, path, identity)
    engine = Engine()
    for container in (settings.database_container, settings.redis_container):
        if not engine.is_running(container):
            raise BackupError(
                f"container {container}: does not run, expected a deployed stack; run make deploy first"
            )
    postgres = Postgres(settings.database_container, settings.database_user)
    with store_of(settings).exclusive() as staging:
        content = staging / "content"
        archives.verify(path, identity, extract_to=content)
        for role in manifest.roles:
            postgres.ask("postgres", postgres.ask("postgres", _ROLE, role=role))
        # Everything that can fail on the data itself fails here, with the live databases untouched.
        for database in manifest.databases:
            load(postgres, database, content / f"databases/{database.name}.dump", database.name + _NEW)
            say(f"loaded: database {database.name}, {sum(database.rows.values())} rows as in the manifest")
        clients = [
            name
            for name in engine.containers(settings.label, running=True)
            if name != settings.database_container
        ]
        engine.stop(*clients)
        say(f"stopped: {', '.join(clients)}")
        names = [database.name for database in manifest.databases]
        _swap(postgres, names)
        _redis(settings, engine, content / "redis/dump.rdb")
        for volume in settings.volumes:
            _volume(engine, volume.name, content / "volumes" / volume.name)
        for source in settings.files:
            put_back(source, content / "files" / source.name)
        for name in names:
            postgres.ask("postgres", _DROP, name=name + _OLD)
        say(f"restored: the state of {manifest.taken} ({age_s(manifest):.0f} s ago)")
    return manifest


def load(postgres: Postgres, database: Database, dump: Path, target: str) -> None:
    """Load a dump into the new database `target`, put its sequences right, compare its rows."""
    postgres.ask("postgres", _DROP, name=target)
    postgres.ask("postgres", 'CREATE DATABASE :"name" OWNER :"owner"', name=target, owner=database.owner)
    postgres.ask("postgres", 'REVOKE ALL ON DATABASE :"name" FROM PUBLIC', name=target)
    with dump.open("rb") as stream:
        postgres.restore(target, stream)
    postgres.ask(target, postgres.ask(target, _OWNERS, owner=database.owner))
    postgres.ask(target, postgres.ask(target, _SEQUENCES))
    rows = postgres.rows(target)
    if rows != database.rows:
        wrong = sorted(name for name in {*rows, *database.rows} if rows.get(name) != database.rows.get(name))
        raise BackupError(
            f"database {database.name}: tables {', '.join(wrong)} have not the rows that the manifest says; "
            "nothing was changed: use another archive"
        )
    postgres.ask(target, "ANALYZE")


def _swap(postgres: Postgres, names: Iterable[str]) -> None:
    """Let the loaded databases take the place of the live ones, all in one transaction."""
    existing = postgres.databases()
    statements = ["BEGIN;"]
    variables: dict[str, str] = {}
    for number, name in enumerate(names):
        postgres.ask("postgres", _DROP, name=name + _OLD)
        variables |= {f"live{number}": name, f"new{number}": name + _NEW, f"old{number}": name + _OLD}
        if name in existing:
            statements.append(_RENAME_LIVE.replace("#", str(number)))
        statements.append('ALTER DATABASE :"new#" RENAME TO :"live#";'.replace("#", str(number)))
    postgres.ask("postgres", "\n".join([*statements, "COMMIT;"]), **variables)


def _redis(settings: Settings, engine: Engine, dump: Path) -> None:
    """Give the stopped Redis the dump as the base of its append-only file, the one it reads at start.

    Without a dump, as in an anonymised archive, it starts empty: its jobs belong to data that are gone.
    """
    path = engine.volume_path(settings.redis_volume)
    if path is None:
        raise BackupError(f"volume {settings.redis_volume}: does not exist; run make deploy first")
    owner = path.stat()
    folder = path / "appendonlydir"
    shutil.rmtree(folder, ignore_errors=True)
    (path / "dump.rdb").unlink(missing_ok=True)
    if not dump.is_file():
        return
    folder.mkdir(mode=0o755)
    shutil.copyfile(dump, folder / "appendonly.aof.1.base.rdb")
    (folder / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.1.base.rdb seq 1 type b\n", encoding="ascii"
    )
    for entry in (folder, *folder.iterdir()):
        os.chown(entry, owner.st_uid, owner.st_gid)


def _volume(engine: Engine, name: str, source: Path) -> None:
    """Replace the content of a volume that the archive holds; owners and modes follow the volume's own."""
    path = engine.volume_path(name)
    if path is None or not source.is_dir():
        return
    owner = path.stat()
    for entry in path.iterdir():
        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    shutil.copytree(source, path, dirs_exist_ok=True, copy_function=shutil.copyfile)
    path.chmod(owner.st_mode & 0o7777)
    for entry in path.rglob("*"):
        os.chown(entry, owner.st_uid, owner.st_gid)
        entry.chmod(0o750 if entry.is_dir() else 0o600)


def put_back(source: FileSource, content: Path) -> None:
    """Put a file or directory of the host back, each file atomically; other files stay."""
    if not source.restore or not content.is_dir():
        return
    for path in sorted(content.rglob("*")):
        if not path.is_file():
            continue
        below = path.relative_to(content)
        # A single file was stored under its own name, a directory with all that is below it.
        target = (
            source.path
            if str(below) == source.path.name and not source.path.is_dir()
            else source.path / below
        )
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        before = target if target.exists() else target.parent
        owner = before.stat()
        staged = target.with_name(f".{target.name}.restoring")
        shutil.copyfile(path, staged)
        os.chown(staged, owner.st_uid, owner.st_gid)
        staged.chmod(owner.st_mode & 0o777 if before == target else 0o600)
        staged.rename(target)


def age_s(manifest: Manifest) -> float:
    """Return how long ago the archive was taken: what a restore from it loses, in seconds."""
    return (datetime.now(UTC) - datetime.fromisoformat(manifest.taken)).total_seconds()
