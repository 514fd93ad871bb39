"""The command line; see docs/how-to/back-up-and-restore.md."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from cariflex_backup import anonymise, backup, beliefs, drill, metrics, release, restore, settings
from cariflex_backup.errors import BackupError
from cariflex_backup.settings import Settings
from cariflex_backup.store import store_of


def say(line: str) -> None:
    """Print a line at once: a restore takes minutes and somebody is watching."""
    print(line, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cariflex-backup", description=__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="JSON file that role backup writes")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("backup", help="make one archive")
    command.add_argument("--keep-identity", type=Path, help="new file for a key to this archive alone")
    command = commands.add_parser("release", help="record what runs here; says so when that is new")
    mode = command.add_mutually_exclusive_group()
    mode.add_argument("--dry-run", action="store_true", help="write nothing")
    mode.add_argument("--show", action="store_true", help="print it as JSON, write nothing")
    commands.add_parser("list", help="name the archives, oldest first")
    thin = commands.add_parser("thin", help="thin and delete old beliefs as the rules say")
    thin.add_argument("--dry-run", action="store_true", help="only tell what would go")
    for name, text in {
        "check": "verify an archive and compare it with this host",
        "restore": "put an archive's data back",
        "drill": "restore an archive into a scratch stack and measure it",
        "anonymise": "make an anonymised archive for the test environment",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("archive", help="file, name in the backup directory, or latest")
        command.add_argument("--identity", type=Path, help="age identity file, for an encrypted archive")
        if name == "restore":
            command.add_argument(
                "--confirm", default="", help="the environment's name: data there are replaced"
            )
        if name == "anonymise":
            command.add_argument("--key", type=Path, required=True, help="file with the key of all names")
            command.add_argument("--output", type=Path, required=True, help="file of the new archive")
    return parser.parse_args()


def _terminated(signum: int, _frame: FrameType | None) -> None:
    # An exception, so that staging directories and child processes go the usual way.
    raise SystemExit(128 + signum)


def _archive(known: Settings, name: str) -> Path:
    if name == "latest":
        return store_of(known).newest()
    return Path(name) if "/" in name else known.directory / name


def _identity(known: Settings, given: Path | None) -> bytes:
    path = given or (Path(known.age_identity_file) if known.age_identity_file else None)
    try:
        return path.read_bytes() if path else b""
    except OSError as error:
        raise BackupError(f"identity {path}: {error.strerror}; expected an age identity file") from error


def _measured(known: Settings, name: str, started: float, failed: bool) -> None:
    """Record how a backup or drill ended; a failure keeps the time of the last success."""
    values = {f"cariflex_{name}_last_run_failed": float(failed)}
    values[f"cariflex_{name}_last_run_timestamp_seconds"] = started
    try:
        metrics.update(known.metrics_file, values)
    except OSError as error:
        print(f"cariflex-backup: metrics {known.metrics_file}: {error}; make it writable", file=sys.stderr)


def _run(known: Settings, arguments: argparse.Namespace) -> None:
    if arguments.command == "list":
        for path, archive in store_of(known).archives().items():
            say(f"{path.name} {path.stat().st_size} {'good' if archive.good else 'not an archive'}")
    elif arguments.command == "release" and arguments.show:
        say(json.dumps(release.describe(known), indent=1, sort_keys=True))
    elif arguments.command == "release":
        if release.record(known, dry_run=arguments.dry_run):
            say(f"changed: {known.release_file}")
    elif arguments.command == "backup":
        _archive_path, values = backup.create(known, say, arguments.keep_identity)
        metrics.update(known.metrics_file, values)
    elif arguments.command == "thin":
        metrics.update(known.metrics_file, beliefs.thin(known, say, dry_run=arguments.dry_run))
    else:
        path = _archive(known, arguments.archive)
        identity = _identity(known, arguments.identity)
        if arguments.command == "check":
            summary = asdict(restore.check(known, path, identity))
            summary["members"] = len(summary["members"])
            say(json.dumps({"archive": str(path), **summary}, indent=1))
        elif arguments.command == "restore":
            if arguments.confirm != known.environment:
                raise BackupError(
                    f"restore: --confirm is '{arguments.confirm}', expected '{known.environment}': "
                    "it replaces that environment's data; nothing was changed"
                )
            restore.restore(known, path, identity, say)
        elif arguments.command == "anonymise":
            key = arguments.key.read_text(encoding="utf-8").strip()
            anonymise.anonymise(known, path, identity, key, arguments.output, say)
        else:
            metrics.update(known.metrics_file, drill.run_drill(known, path, identity, say))


def main() -> int:
    """Run one command; 0 when it did all it should."""
    signal.signal(signal.SIGTERM, _terminated)
    arguments = _arguments()
    measured = {"backup": "backup", "drill": "restore_drill", "thin": "retention"}.get(arguments.command)
    if getattr(arguments, "dry_run", False):
        measured = None
    started = time.time()
    known, status = None, 1
    try:
        known = settings.load(arguments.settings)
        _run(known, arguments)
        status = 0
    except (BackupError, OSError) as error:
        print(f"cariflex-backup: {error}", file=sys.stderr)
    finally:
        # Also when a signal ends it: a run that did not finish has failed.
        if known and measured:
            _measured(known, measured, started, bool(status))
    return status


if __name__ == "__main__":
    sys.exit(main())
