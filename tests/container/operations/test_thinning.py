"""Old beliefs thinned on a real PostgreSQL with FlexMeasures' schema: queries of steps answer as before."""

import json

import pytest

pytestmark = pytest.mark.container
STEP_S = 900
RULE = {"sensors": ["pv_{nn}_power"], "keep_days": 2, "resolution_s": STEP_S, "delete_after_days": 0}
LEVEL = {**RULE, "sensors": ["bat_{nn}_power"]}
OTHERS = """
INSERT INTO sensor (id, name, unit, timezone, event_resolution, knowledge_horizon_fnc, knowledge_horizon_par,
                    generic_asset_id, attributes)
VALUES (51, 'bat_01_power', 'kWh', 'UTC', '0', 'ex_post', '{}', 90, '{}');
INSERT INTO data_source (id, name, type) VALUES (2, 'Other', 'user'), (3, 'Seita', 'scheduler');
"""
INSERT = """
INSERT INTO timed_belief
  (event_start, belief_horizon, cumulative_probability, event_value, sensor_id, source_id)
SELECT date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + make_interval(secs => start_s),
       make_interval(secs => horizon_s), p, value, sensor, source
FROM jsonb_to_recordset(:'rows')
  AS r(start_s int, horizon_s int, p float, value float, sensor int, source int)
"""
# What dashboards and FlexMeasures ask for in steps: the newest belief of each event, schedules apart; the
# mean of a power, the level at the step's beginning.
IN_STEPS = """
WITH belief AS (
  SELECT b.*, d.type = 'scheduler' AS planned, date_bin('15 min', event_start, '2000-01-01Z') AS step
  FROM timed_belief b JOIN data_source d ON d.id = b.source_id WHERE cumulative_probability = 0.5
), newest AS (
  SELECT DISTINCT ON (sensor_id, planned, event_start) * FROM belief
  ORDER BY sensor_id, planned, event_start, belief_horizon, source_id DESC
)
SELECT sensor_id, planned, extract(epoch FROM step)::bigint, avg(event_value) FROM newest WHERE sensor_id = 41
GROUP BY 1, 2, 3
UNION ALL
SELECT sensor_id, planned, extract(epoch FROM step)::bigint, event_value FROM newest
WHERE sensor_id = 51 AND event_start = step
"""
# From midnight on, as the rule keeps them: a bound that moves between two queries would drop a belief.
RECENT = """
SELECT * FROM timed_belief
WHERE event_start >= date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' - interval '2 days'
ORDER BY 1, 2, 3, 5, 6
"""
EACH = """
SELECT event_start - date_trunc('day', event_start AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', belief_horizon,
       event_value, source_id FROM timed_belief ORDER BY event_start
"""
DAYS = """
SELECT count(DISTINCT date_trunc('day', event_start AT TIME ZONE 'UTC')) FROM timed_belief
GROUP BY sensor_id ORDER BY sensor_id
"""
COUNT = "SELECT sensor_id, count(*) FROM timed_belief GROUP BY 1 ORDER BY 1"


def _draws(seed):
    """Numbers in [0, 1), the same in every run."""
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield seed / 2**31


def _belief(start_s, horizon_s, value, sensor, source, p=0.5):
    named = {"start_s": start_s, "horizon_s": horizon_s, "value": value, "p": p}
    return {**named, "sensor": sensor, "source": source}


def _rows():
    """Five days of two sensors: gaps, corrections, a second source, schedules, quantiles."""
    draw = _draws(7).__next__
    for sensor, every_s in ((41, 300), (51, 60)):
        for start_s in range(-5 * 86400, 0, every_s):
            if draw() < 0.1:
                continue
            source = 2 if draw() < 0.02 else 1
            for horizon_s in {int(draw() * 86400) - 900 for _ in range(3 if draw() < 0.25 else 1)}:
                for p in (0.1, 0.5, 0.9) if draw() < 0.01 else (0.5,):
                    yield _belief(start_s, horizon_s, draw() * 100 - 50, sensor, source, p)
    for start_s in range(-5 * 86400, 0, 300):
        for horizon_s in (3600, 7200):
            yield _belief(start_s, horizon_s, draw() * 100, 41, 3)


@pytest.fixture
def filled(stack):
    stack.sql(OTHERS)
    rows = [*_rows()]
    for first in range(0, len(rows), 500):
        stack.sql(INSERT, rows=json.dumps(rows[first : first + 500]))
    return stack


def _in_steps(stack):
    lines = [line.rsplit("|", 1) for line in stack.sql(IN_STEPS).splitlines()]
    return {key: pytest.approx(float(value)) for key, value in lines}


def _counts(stack):
    return dict(line.split("|") for line in stack.sql(COUNT).splitlines())


def test_thin__every_query_of_the_step_answers_as_before(filled):
    filled.backup()
    in_steps, recent, before = _in_steps(filled), filled.sql(RECENT), _counts(filled)
    rules = [RULE, LEVEL]

    told = filled.run("thin", "--dry-run", belief_retention=rules)
    assert told.returncode == 0, told.stderr
    assert _counts(filled) == before
    done = filled.run("thin", belief_retention=rules)

    assert done.returncode == 0, done.stderr
    after = _counts(filled)
    assert _in_steps(filled) == in_steps
    assert filled.sql(RECENT) == recent
    # Two of five days stay as they came; of the others one in fifteen levels, one in three powers and less.
    assert int(after["51"]) < int(before["51"]) * 0.5
    assert int(after["41"]) < int(before["41"]) * 0.7
    fewer = sum(map(int, before.values())) - sum(map(int, after.values()))
    assert f"done: {fewer} beliefs less" in done.stdout
    assert len(told.stdout.splitlines()) == 2
    assert f"cariflex_retention_beliefs_due {fewer}\n" in filled.metrics.read_text()

    again = filled.run("thin", belief_retention=rules)
    assert "done: 0 beliefs less" in again.stdout
    assert _counts(filled) == after


def test_thin__one_belief_for_a_step__is_known_when_its_last_part_was(filled):
    filled.sql("DELETE FROM timed_belief")
    day_s = -4 * 86400
    rows = [
        *(_belief(day_s + 300 * n, -60 * n, n, 41, 1) for n in range(3)),
        _belief(day_s + 900, -60, 5, 41, 1),
        _belief(day_s + 1200, -60, 5, 41, 2),
    ]
    filled.sql(INSERT, rows=json.dumps(rows))
    filled.backup()

    assert filled.run("thin", belief_retention=[RULE]).returncode == 0

    # The step of one source became its mean, believed at :12; the step of two sources stays as it is.
    assert filled.sql(EACH).splitlines() == [
        "00:00:00|-00:12:00|1|1",
        "00:15:00|-00:01:00|5|1",
        "00:20:00|-00:01:00|5|2",
    ]


def test_thin__days_to_delete__go_whole(filled):
    filled.backup()
    assert filled.run("thin", belief_retention=[{**RULE, "delete_after_days": 3}]).returncode == 0

    assert filled.sql(DAYS).split() == ["3", "5"]


@pytest.mark.parametrize("age", ["none", "old"])
def test_thin__without_a_fresh_archive__deletes_nothing(filled, age):
    if age == "old":
        archive = filled.backup()
        archive.rename(archive.with_name("20200101_000000.tar.gz"))
    before = _counts(filled)

    done = filled.run("thin", belief_retention=[RULE])

    assert done.returncode == 1
    assert "backup first" in done.stderr
    assert _counts(filled) == before
    assert "cariflex_retention_last_run_failed 1\n" in filled.metrics.read_text()


def test_thin__without_rules__every_belief_stays(filled):
    before = _counts(filled)
    done = filled.run("thin")
    assert "every belief stays" in done.stdout
    assert _counts(filled) == before
