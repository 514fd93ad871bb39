"""What runs on this host: images, schema revisions, newest archive; see make upgrade."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cariflex_backup.archive import synchronise
from cariflex_backup.engine import Engine, Postgres
from cariflex_backup.errors import BackupError
from cariflex_backup.settings import Settings
from cariflex_backup.store import store_of

# They say when, not what: a deployment that differs in nothing else is none.
_TIMES = ("deployed_at", "archive")


def describe(settings: Settings) -> dict[str, Any]:
    """Return the release manifest of what runs now; a database that does not answer has no revision in it."""
    engine = Engine()
    containers = engine.inspect("container", *engine.containers(settings.label, running=True))
    used = {str(container["Image"]) for container in containers}
    digests = {str(image["Id"]): image.get("RepoDigests") or [""] for image in engine.inspect("image", *used)}
    images = {
        str(container["Name"]).lstrip("/"): {
            "reference": str(container["Config"]["Image"]),
            "id": str(container["Image"]),
            # An image that was built here and never pushed has none; its id stands for its content.
            "digest": str(digests[str(container["Image"])][0]),
        }
        for container in containers
    }
    schema = {}
    if engine.is_running(settings.database_container):
        postgres = Postgres(settings.database_container, settings.database_user)
        try:
            schema = {name: postgres.revision(name) for name in settings.databases}
        except BackupError:
            # It starts, stops, or is ill: whoever compares sees that nothing is known.
            schema = {}
    good = [path.name for path, archive in store_of(settings).archives().items() if archive.good]
    return {
        "release": settings.release,
        "environment": settings.environment,
        "deployed_at": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "images": images,
        "schema": schema,
        "archive": good[-1] if good else "",
    }


def known_release(settings: Settings) -> str:
    """Return the release that was deployed last, else the one that the settings came with."""
    return str(_read(settings.release_file).get("release") or settings.release)


def record(settings: Settings, *, dry_run: bool = False) -> bool:
    """Write the manifest, and a copy for the history, when it says anything new; return whether it does."""
    new = describe(settings)
    if _lasting(new) == _lasting(_read(settings.release_file)):
        return False
    if not dry_run:
        stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
        history = settings.release_file.parent / "releases"
        history.mkdir(mode=0o755, parents=True, exist_ok=True)
        text = json.dumps(new, indent=1, sort_keys=True) + "\n"
        for target in (history / f"{stamp}.json", settings.release_file):
            staged = target.with_name(f".{target.name}.new")
            staged.write_text(text, encoding="utf-8")
            staged.chmod(0o644)
            staged.rename(target)
            synchronise(target)
    return True


def _lasting(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key not in _TIMES}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
