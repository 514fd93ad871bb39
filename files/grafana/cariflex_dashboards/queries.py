"""SQL of the panels, with Grafana's macros.

FlexMeasures stores beliefs: several values for one event, of several sources and times. Shown is the newest
belief per event (smallest horizon, then the newer source); schedules are beliefs too, and stand apart.
"""

from __future__ import annotations

from collections.abc import Iterable

MEASURED = "d.type IS DISTINCT FROM 'scheduler'"
SCHEDULED = "d.type = 'scheduler'"


def _list(ids: Iterable[int]) -> str:
    return ", ".join(str(number) for number in ids)


def newest(ids: Iterable[int], sources: str = MEASURED) -> str:
    """Newest belief per event of sensors `ids` in the dashboard's time range."""
    return f"""SELECT DISTINCT ON (b.event_start, b.sensor_id)
    b.event_start, b.sensor_id, s.name, b.event_value
  FROM timed_belief b
  JOIN sensor s ON s.id = b.sensor_id JOIN data_source d ON d.id = b.source_id
  WHERE b.sensor_id IN ({_list(ids)}) AND $__timeFilter(b.event_start)
    AND b.cumulative_probability = 0.5 AND {sources}
  ORDER BY b.event_start, b.sensor_id, b.belief_horizon, b.source_id DESC"""


def series(ids: Iterable[int]) -> str:
    """One line a sensor: columns time, metric, value (mean of the screen's interval)."""
    return f"""SELECT $__timeGroup(event_start, $__interval) AS "time", name AS metric,
  avg(event_value) AS value
FROM (
  {newest(ids)}
) AS newest
GROUP BY 1, 2 ORDER BY 1, 2"""


def net_power(production: list[int], load: list[int], net: str, self_consumption: str) -> str:
    """Net power of the site in kW (positive: drawn from the grid); percent of production used on the spot."""
    return f"""WITH newest AS (
  {newest([*production, *load])}
), mean AS (
  SELECT $__timeGroup(event_start, $__interval) AS "time", sensor_id, avg(event_value) AS power_kw
  FROM newest GROUP BY 1, 2
), site AS (
  SELECT "time",
    coalesce(sum(power_kw) FILTER (WHERE sensor_id IN ({_list(production)})), 0)
      AS production_kw,
    coalesce(sum(power_kw) FILTER (WHERE sensor_id IN ({_list(load)})), 0) AS load_kw
  FROM mean GROUP BY 1
)
SELECT "time", load_kw - production_kw AS "{net}",
  CASE WHEN production_kw > 0 THEN 100 * least(greatest(load_kw, 0), production_kw) / production_kw END
    AS "{self_consumption}"
FROM site ORDER BY 1"""


def total(ids: list[int], sources: str, title: str) -> str:
    """Sum over sensors of their means, in the sensors' unit."""
    return f"""WITH newest AS (
  {newest(ids, sources)}
), mean AS (
  SELECT $__timeGroup(event_start, $__interval) AS "time", sensor_id, avg(event_value) AS power_kw
  FROM newest GROUP BY 1, 2
)
SELECT "time", sum(power_kw) AS "{title}" FROM mean GROUP BY 1 ORDER BY 1"""


def events(columns: dict[str, str]) -> str:
    """Active and coming events with the answers; `columns` names event, kind, start, end, state, answers."""
    return f"""SELECT e.event_id AS "{columns["event"]}",
  regexp_replace(e.market_context, '^.*/', '') AS "{columns["kind"]}",
  e.starts_at AS "{columns["start"]}", e.ends_at AS "{columns["end"]}",
  CASE WHEN e.cancelled THEN '{columns["cancelled"]}' WHEN e.starts_at <= now() THEN '{columns["active"]}'
    ELSE '{columns["coming"]}' END || CASE WHEN e.test THEN ' (test)' ELSE '' END AS "{columns["state"]}",
  coalesce(string_agg(o.ven_id || ': ' || o.opt, ', ' ORDER BY o.ven_id), '-') AS "{columns["answers"]}"
FROM newest_event e
LEFT JOIN opt o ON o.event_id = e.event_id AND o.modification = e.modification
WHERE e.ends_at > now()
GROUP BY e.event_id, e.market_context, e.starts_at, e.ends_at, e.cancelled, e.test
ORDER BY e.starts_at, e.event_id"""


# A value reaches to the end of its event: forecasts and prices of tomorrow are fresh until the day after. A
# sensor is stale when it is silent for three of its resolutions, an instantaneous one for 15 minutes.
_FRESHNESS = """WITH newest AS (
  SELECT s.id, d.name AS source, b.event_start + s.event_resolution AS reaches_to,
    3 * greatest(s.event_resolution, interval '5 min') AS patience
  FROM sensor s CROSS JOIN LATERAL (
    SELECT event_start, source_id FROM timed_belief
    WHERE sensor_id = s.id ORDER BY event_start DESC, belief_horizon LIMIT 1
  ) b JOIN data_source d ON d.id = b.source_id
  WHERE d.type IS DISTINCT FROM 'scheduler'
)
"""


def freshness(columns: dict[str, str]) -> str:
    """Each source's sensors, how far its newest value reaches, its age in seconds, its stale sensors."""
    return f"""{_FRESHNESS}SELECT source AS "{columns["source"]}", count(*) AS "{columns["sensors"]}",
  max(reaches_to) AS "{columns["newest"]}",
  round(extract(epoch FROM greatest(now() - max(reaches_to), interval '0'))) AS "{columns["age"]}",
  count(*) FILTER (WHERE now() - reaches_to > patience) AS "{columns["stale"]}"
FROM newest GROUP BY source ORDER BY 5 DESC, 4 DESC, 1"""


STALE_SENSORS = f"""{_FRESHNESS}SELECT source, count(*) FILTER (WHERE now() - reaches_to > patience) AS stale
FROM newest GROUP BY source"""

SILENT_VENS = "SELECT ven_id, extract(epoch FROM now() - last_poll) AS silent_s FROM ven_contact"

UNANSWERED_EVENTS = """SELECT count(*) AS unanswered FROM newest_event e
WHERE NOT e.cancelled AND e.ends_at > now() AND e.created_at < now() - interval '1 min'
  AND NOT EXISTS (SELECT 1 FROM opt o WHERE o.event_id = e.event_id AND o.modification = e.modification)"""

BELIEFS_PER_HOUR = """SELECT $__timeGroup(event_start, 1h) AS "time", count(*) AS value
FROM timed_belief WHERE $__timeFilter(event_start) GROUP BY 1 ORDER BY 1"""

VEN_POLLS = """SELECT ven_id, last_poll, round(extract(epoch FROM now() - last_poll)) AS age_s
FROM ven_contact ORDER BY 1"""
