"""One backup: gather, pack, read back, publish, copy off-site, remove what is too old."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cariflex_backup import archive as archives
from cariflex_backup.collect import Collector
from cariflex_backup.errors import BackupError
from cariflex_backup.manifest import Manifest, describe
from cariflex_backup.release import known_release
from cariflex_backup.settings import Settings
from cariflex_backup.store import Store, archive_name, store_of


def create(
    settings: Settings, say: Callable[[str], None], keep_identity: Path | None = None
) -> tuple[Path, dict[str, float]]:
    """Make one archive; return its path and the measured metrics. After BackupError no archive is new.

    :param keep_identity: new file (0600) for the one-time identity that opens an encrypted archive, so that
        this host can restore it by itself. Whoever asks for it removes it.
    """
    started = datetime.now(UTC).replace(microsecond=0)
    if settings.environment == "prod" and not settings.encrypted:
        raise BackupError(
            "backup of prod: age_recipient is empty, expected an age public key; set backup_age_recipient"
        )
    store = store_of(settings)
    with store.exclusive() as staging:
        _require_space(store)
        manifest = _gather(settings, staging / "content", started)
        for name, reason in manifest.left_out.items():
            say(f"left out: {name}: {reason}")
        staged = _pack(settings, staging, manifest, keep_identity)
        archive = store.publish(staged, archive_name(started, encrypted=settings.encrypted))
        say(f"archive: {archive}, {archive.stat().st_size} bytes, read back")
    # Only now: the new archive is safe whatever happens to the copy or to old ones.
    now = datetime.now(UTC)
    for name in store.prune(now):
        say(f"removed: {name}")
    for name in store.copy_offsite(archive, now):
        say(f"removed off-site: {name}")
    return archive, {
        "cariflex_backup_last_success_timestamp_seconds": started.timestamp(),
        "cariflex_backup_duration_seconds": (now - started).total_seconds(),
        "cariflex_backup_size_bytes": float(archive.stat().st_size),
    }


def _gather(settings: Settings, content: Path, started: datetime) -> Manifest:
    content.mkdir(mode=0o700)
    collector = Collector(settings, content)
    databases = collector.databases()
    collector.redis()
    collector.volumes()
    collector.files()
    images = collector.state()
    paths = sorted(str(path.relative_to(content)) for path in content.rglob("*") if path.is_file())
    return Manifest(
        environment=settings.environment,
        taken=started.isoformat(),
        release=known_release(settings),
        versions=collector.versions(),
        databases=databases,
        members=[describe(content, path) for path in paths],
        images=images,
        roles=collector.roles(),
        left_out=collector.left_out,
        needs_secrets=[] if settings.encrypted else list(settings.vault_keys),
    )


def _pack(settings: Settings, staging: Path, manifest: Manifest, keep_identity: Path | None) -> Path:
    """Return a staged file that was read back and compared with its manifest, byte for byte."""
    plain = staging / "archive"
    archives.pack(staging / "content", manifest, plain)
    identity = b""
    staged = plain
    if settings.encrypted:
        staged = staging / "archive.age"
        identity = archives.encrypt(plain, settings.age_recipient, staged)
        plain.unlink()
        if keep_identity:
            keep_identity.unlink(missing_ok=True)
            keep_identity.touch(mode=0o600)
            keep_identity.write_bytes(identity)
    archives.verify(staged, identity)
    return staged


def _require_space(store: Store) -> None:
    """Refuse to begin when the disk holds less than what the last backup needed while it was made."""
    good = [path for path, archive in store.archives().items() if archive.good]
    # Content and archive lie side by side for a moment.
    needed = 2 * good[-1].stat().st_size if good else 0
    status = os.statvfs(store.directory)
    free = status.f_bavail * status.f_frsize
    if free < needed:
        raise BackupError(
            f"backup directory {store.directory}: {free} bytes free, expected {needed} "
            "(twice the last archive); free some, or set backup_directory to a larger disk"
        )
