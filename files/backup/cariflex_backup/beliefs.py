"""Thins FlexMeasures' old beliefs, a day of a sensor at a time, each in a transaction of its own.

Of each event the newest belief stays, schedules apart, as every reader of FlexMeasures asks for it. Then an
instantaneous sensor keeps the first event of each step, which is the one that FlexMeasures takes for it, and
any other sensor one belief with the mean of the step, known since its last part was known. A step whose
events come from several sources, or with quantiles, keeps all its events: no single belief stands for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cariflex_backup.engine import Postgres
from cariflex_backup.errors import BackupError
from cariflex_backup.settings import Settings
from cariflex_backup.store import store_of, taken_at
from cariflex_backup.thinning import Sensor, Window, plan

# What goes must stand in an archive not older than this.
ARCHIVE_AGE = timedelta(days=2)
_DATABASE = "flexmeasures"
_UTC = "SET timezone = 'UTC';"
_SENSORS = """
SELECT s.id, extract(epoch FROM s.event_resolution)::int, extract(epoch FROM b.event_start)::bigint, s.name
FROM sensor s CROSS JOIN LATERAL (
  SELECT event_start FROM timed_belief WHERE sensor_id = s.id ORDER BY event_start LIMIT 1) b
ORDER BY s.id
"""
_SQL = Path(__file__).parent / "sql"
# One snapshot: a belief that comes meanwhile is not in it, and so is never deleted unread.
_BEGIN = """
BEGIN ISOLATION LEVEL REPEATABLE READ;
CREATE TEMPORARY TABLE thinned ON COMMIT DROP AS
"""


def thin(settings: Settings, say: Callable[[str], None], *, dry_run: bool) -> dict[str, float]:
    """Thin and delete as the rules say, or only tell; return the metrics of what was done."""
    if not settings.belief_retention:
        say("backup_belief_retention is empty: every belief stays")
        return {}
    now = datetime.now(UTC)
    postgres = Postgres(settings.database_container, settings.database_user)
    windows = plan(settings.belief_retention, _sensors(postgres), now)
    if dry_run:
        return {
            "cariflex_retention_beliefs_due": float(sum(_thinned(postgres, w, say, "would") for w in windows))
        }
    newest = store_of(settings).newest()
    taken = taken_at(newest.name)
    if taken is None or now - taken > ARCHIVE_AGE:
        raise BackupError(
            f"archive {newest.name}: is the newest, expected one of the last {ARCHIVE_AGE.days} days "
            "that holds what goes; make a backup first. Nothing was deleted"
        )
    # A backup reads one snapshot, so it could run meanwhile; a restore could not.
    with store_of(settings).exclusive():
        gone = sum(_thinned(postgres, window, say, "") for window in windows)
    say(f"done: {gone} beliefs less")
    return {
        "cariflex_retention_beliefs_removed": float(gone),
        "cariflex_retention_last_success_timestamp_seconds": now.timestamp(),
    }


def _sensors(postgres: Postgres) -> list[Sensor]:
    lines = (line.split("|", 3) for line in postgres.ask(_DATABASE, _SENSORS).splitlines())
    return [
        Sensor(int(number), name, int(resolution_s), datetime.fromtimestamp(int(oldest), UTC))
        for number, resolution_s, oldest, name in lines
    ]


def _thinned(postgres: Postgres, window: Window, say: Callable[[str], None], would: str) -> int:
    """Thin the days of a window that need it; return how many beliefs fewer there are."""
    sensor = window.sensor
    variables = {
        "sensor": str(sensor.id),
        "resolution_s": str(sensor.resolution_s),
        "bucket_s": str(window.bucket_s),
    }
    span = {"start": window.start.isoformat(), "end": window.end.isoformat()}
    result, surveyed, thinned = (_sql(name) for name in ("thinned", "survey", "thin"))
    survey = postgres.ask(_DATABASE, f"{_UTC}{result}{surveyed}", **variables, **span).splitlines()
    days = [tuple(int(field or 0) for field in line.split("|")) for line in survey]
    if not days:
        return 0
    kept = f"steps of {window.bucket_s} s" if window.bucket_s else "nothing"
    before, after = (sum(day[column] for day in days) for column in (1, 2))
    first = datetime.fromtimestamp(days[0][0], UTC).date()
    label = f"sensor {sensor.id} {sensor.name}: {len(days)} days from {first} to {kept}"
    if would:
        say(f"{label}: {before} beliefs would become {after}")
        return before - after
    script = [_UTC]
    for epoch_s, _, _ in days:
        start = datetime.fromtimestamp(epoch_s, UTC)
        end = start + timedelta(days=1)
        script += [f"\\set start '{start.isoformat()}'", f"\\set end '{end.isoformat()}'"]
        script += [_BEGIN, result, "SELECT * FROM result;", thinned]
    counted = [
        line.split("|") for line in postgres.ask(_DATABASE, "\n".join(script), **variables).splitlines()
    ]
    gone, made = (sum(int(count) for what, count in counted if what == kind) for kind in ("gone", "made"))
    say(f"{label}: {gone} beliefs went, {made} came in their place")
    return gone - made


def _sql(name: str) -> str:
    return (_SQL / f"{name}.sql").read_text(encoding="utf-8")
