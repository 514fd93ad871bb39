"""Series as a psql script: COPY into staging, checks, then one INSERT that leaves what is there alone."""

from collections.abc import Iterable, Iterator

from cariflex_simulator.history.series import Series

DECIMALS = 3

_BEGIN = r"""\set ON_ERROR_STOP on
BEGIN;
CREATE TEMPORARY TABLE history_sensor
  (sensor_id integer, name text, unit text, source text, horizon interval) ON COMMIT DROP;
CREATE TEMPORARY TABLE history_value
  (sensor_id integer, event_start timestamptz, event_value double precision) ON COMMIT DROP;
"""

# The data source of a posting user carries his name; others of that name (schedulers, scripts) are not meant.
_FINISH = r"""DO $$
DECLARE problem text;
BEGIN
  SELECT string_agg(format('sensor %s %s in %s', wanted.sensor_id, wanted.name, wanted.unit), ', ')
  INTO problem
  FROM history_sensor AS wanted LEFT JOIN sensor ON sensor.id = wanted.sensor_id
    AND sensor.name = wanted.name AND sensor.unit = wanted.unit
  WHERE sensor.id IS NULL;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION 'history: no %; expected the sensors of the sensor table: deploy them first', problem;
  END IF;
  SELECT string_agg(DISTINCT wanted.source, ', ') INTO problem
  FROM history_sensor AS wanted LEFT JOIN data_source AS known
    ON known.name = wanted.source AND known.user_id IS NOT NULL
  WHERE known.id IS NULL;
  IF problem IS NOT NULL THEN
    RAISE EXCEPTION 'history: no data source %; expected one for each posting user', problem;
  END IF;
END $$;
INSERT INTO timed_belief
  (event_start, belief_horizon, cumulative_probability, event_value, sensor_id, source_id)
SELECT event_start, horizon, 0.5, event_value, sensor_id, source_id
FROM history_value
JOIN (SELECT wanted.sensor_id, wanted.horizon, min(known.id) AS source_id
      FROM history_sensor AS wanted JOIN data_source AS known
        ON known.name = wanted.source AND known.user_id IS NOT NULL
      GROUP BY wanted.sensor_id, wanted.horizon) AS meant USING (sensor_id)
ON CONFLICT DO NOTHING;
COMMIT;
"""


def script(series: Iterable[Series]) -> Iterator[str]:
    """The script in pieces. Executed twice it inserts nothing the second time; it fails as a whole."""
    found = list(series)
    yield _BEGIN
    yield "COPY history_sensor FROM STDIN;\n"
    for item in found:
        sensor, horizon_s = item.sensor, item.horizon.total_seconds()
        yield f"{sensor.id}\t{sensor.name}\t{sensor.unit}\t{item.source}\t{horizon_s:.0f} seconds\n"
    yield "\\.\nCOPY history_value FROM STDIN;\n"
    for item in found:
        yield "".join(
            f"{item.sensor.id}\t{start.isoformat()}\t{round(value, DECIMALS)}\n"
            for start, value in item.values
        )
    yield "\\.\n"
    yield _FINISH
