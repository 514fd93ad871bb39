"""What dashboards need, and sequences behind the fixed ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .host import Host
from .model import Trouble

_RIGHTS = "/docker-entrypoint-initdb.d/10-roles.sh"
# Writes one statement a sequence; it tells the sequence, the highest id and the statement that mends.
_SEQUENCES = """
SELECT format(
  'SELECT %L, max(%I), (SELECT last_value FROM %s) FROM %s HAVING max(%I) > (SELECT last_value FROM %s);',
  s.oid::regclass, a.attname, s.oid::regclass, t.oid::regclass, a.attname, s.oid::regclass)
FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass
  AND d.deptype IN ('a', 'i')
JOIN pg_class t ON t.oid = d.refobjid
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S'
"""
# How far the newest value of any sensor reaches; an index scan a sensor.
_NEWEST = """
SELECT coalesce(round(extract(epoch FROM now() - max(newest + event_resolution))), -1e9)::bigint FROM (
  SELECT s.event_resolution,
    (SELECT max(b.event_start) FROM timed_belief b WHERE b.sensor_id = s.id) AS newest
  FROM sensor s) AS each
"""
STALE_S = 3600


def sequences(host: Host) -> str | Trouble:
    """No sequence will hand out an id that exists."""
    behind = [
        row.split("|") for row in host.sql("flexmeasures", host.sql("flexmeasures", _SEQUENCES)).splitlines()
    ]
    if not behind:
        return "all stand behind the highest id"
    mend = "".join(f"SELECT setval('{name}', {int(highest)});" for name, highest, _ in behind)
    return Trouble(
        ", ".join(f"{name} stands at {at}, the highest id is {highest}" for name, highest, at in behind),
        "the next sensor, asset or user made through the API collides with one that exists",
        "each sequence was moved to the highest id",
        lambda: host.sql("flexmeasures", mend),
    )


def dashboard_rights(host: Host) -> str | Trouble:
    """Ask the database's script of roles whether the dashboards read what they should, and nothing else."""
    changes = host.run("docker", "exec", "flexmeasures-db", _RIGHTS, "--check")
    if not changes:
        return "the role dashboards has its rights"
    return Trouble(
        "; ".join(line.removeprefix("changed: ") for line in changes.splitlines()),
        "panels show no data or an error of permission: it is not Grafana",
        "the database's script of roles and rights was run",
        lambda: host.run("docker", "exec", "flexmeasures-db", _RIGHTS),
    )


def newest_value(host: Host) -> str | Trouble:
    """Values arrive."""
    age_s = int(host.sql("flexmeasures", _NEWEST))
    if -1e9 < age_s <= STALE_S:
        return (
            f"the newest value reaches to {-age_s} s from now"
            if age_s < 0
            else f"the newest value is {age_s} s old"
        )
    return Trouble(
        "there is no value at all" if age_s == -1e9 else f"the newest value is {age_s} s old",
        "no beliefs: dashboards are empty because nobody posts; it is neither Grafana nor rights",
        "see the checks of the VEN and worker; make logs SERVICE=cariflex-simulator",
    )


def dashboard_sources(config: Path) -> str | Trouble:
    """Every panel's data source uid is one that Grafana was given."""
    if not config.is_dir():
        return "Grafana is not deployed here"
    text = (config / "provisioning/datasources/cariflex.yml").read_text(encoding="utf-8")
    given = {
        line.split("uid:")[1].strip() for line in text.splitlines() if line.strip("- ").startswith("uid:")
    }
    wanted = set()
    for file in sorted((config / "dashboards").glob("*.json")):
        wanted |= set(_uids(json.loads(file.read_text(encoding="utf-8"))))
    # Prometheus belongs to an optional role; without it its panels say so themselves.
    lacking = sorted(wanted - given - {"cariflex-prometheus", "-- Grafana --"})
    if lacking:
        return Trouble(
            f"panels ask the data sources {', '.join(lacking)}, provisioned are {', '.join(sorted(given))}",
            "the uid of a data source was changed: those panels show no data",
            "make deploy ARGS='--tags grafana'",
        )
    return f"panels and data sources agree on {', '.join(sorted(wanted & given))}"


def _uids(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        source = content.get("datasource")
        if isinstance(source, dict) and source.get("uid"):
            yield str(source["uid"])
        for value in content.values():
            yield from _uids(value)
    elif isinstance(content, list):
        for value in content:
            yield from _uids(value)
