"""Every panel's SQL on a real database with known data, against values computed in Python without SQL.

Macros are expanded as Grafana does it, in pkg/tsdb/grafana-postgresql-datasource/macros.go.
"""

import json
import re
import zlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg2
import pytest

pytestmark = pytest.mark.container
ROOT = Path(__file__).resolve().parents[3]
MIGRATIONS = ROOT / "files/openadr/src/cariflex_openadr/storage/migrations"
START = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
END = START + timedelta(hours=6)
INTERVAL_S = 900
PV, BATTERY, EV = range(41, 51), range(51, 61), range(61, 71)
LOAD, SCHEDULES = range(1001, 1021), range(1021, 1041)
SINGLES = {
    "Irradiance": 81,
    "Temperature": 82,
    "Wind speed": 83,
    "Consumption price": 84,
    "Production price": 85,
    "Load-control signal": 86,
    "Demand-response signal": 87,
}
_MACRO = re.compile(r"\$([_a-zA-Z0-9]+)\(([^)]*)\)")


@dataclass(frozen=True)
class Belief:
    start: datetime
    horizon_s: int
    probability: float
    value: float
    sensor: int
    source: int


def expand(sql):
    sql = sql.replace("$__interval", f"{INTERVAL_S // 60}m")

    def evaluate(match):
        name, arguments = match[1], [argument.strip() for argument in match[2].split(",")]
        if name == "__timeFilter":
            times = [time.strftime("%Y-%m-%dT%H:%M:%SZ") for time in (START, END)]
            return f"{arguments[0]} BETWEEN '{times[0]}' AND '{times[1]}'"
        assert name == "__timeGroup", f"unknown macro {name}"
        # Directly before a comma, Grafana would add AS "time".
        assert sql[match.end()] != ","
        seconds = int(arguments[1][:-1]) * {"m": 60, "h": 3600}[arguments[1][-1]]
        return f"floor(extract(epoch from {arguments[0]})/{seconds})*{seconds}"

    return _MACRO.sub(evaluate, sql)


def _panels(language="en"):
    path = ROOT / f"roles/grafana/files/{language}/dashboards/ems.json"
    return {panel["title"]: panel for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]}


def _pick(choices, *seed):
    """One of the choices: always the same for the same seed."""
    return choices[zlib.crc32(repr(seed).encode()) % len(choices)]


def _beliefs():
    """Beliefs of one event differ in age, probability and source; some are schedules, some out of range."""
    found = {}
    for sensor in (*PV, *BATTERY, *EV, *SINGLES.values(), *LOAD, *SCHEDULES):
        for step in range(-4, 30):
            offset = _pick([0, 5, 10], "offset", sensor, step)
            start = START + timedelta(minutes=15 * step + offset)
            for number in range(_pick([1, 2, 3, 4], "count", sensor, step)):
                seed = (sensor, step, number)
                horizon = _pick([-600, -60, 0, 3600], "horizon", *seed)
                source = _pick([101, 102, 103], "source", *seed)
                probability = _pick([0.5, 0.5, 0.5, 0.9], "probability", *seed)
                value = _pick(range(-50_000, 50_000), "value", *seed) / 1000
                key = (start, horizon, probability, sensor, source)
                found[key] = Belief(start, horizon, probability, value, *key[3:])
    return list(found.values())


def _newest(beliefs, sensors, *, scheduled=False):
    """(start, sensor) -> value: smallest horizon, then highest source id. Source 103 is a scheduler."""
    best = {}
    for b in beliefs:
        if b.sensor in sensors and START <= b.start <= END and b.probability == 0.5:
            if (b.source == 103) != scheduled:
                continue
            key = (b.start, b.sensor)
            if key not in best or (b.horizon_s, -b.source) < (best[key].horizon_s, -best[key].source):
                best[key] = b
    return {key: b.value for key, b in best.items()}


def _means(newest):
    """(bucket epoch, sensor) -> mean."""
    values = defaultdict(list)
    for (start, sensor), value in newest.items():
        values[int(start.timestamp()) // INTERVAL_S * INTERVAL_S, sensor].append(value)
    return {key: sum(found) / len(found) for key, found in values.items()}


def _sums(means, sensors):
    sums = defaultdict(float)
    for (bucket, sensor), value in means.items():
        if sensor in sensors:
            sums[bucket] += value
    return sums


@pytest.fixture(scope="module")
def beliefs():
    return _beliefs()


@pytest.fixture
def filled(database, beliefs):
    database.run()
    database.sql(
        "INSERT INTO data_source (id, name, type) VALUES (101, 'Old', 'user'), (102, 'New', NULL), "
        "(103, 'FlexMeasures', 'scheduler')"
    )
    rows = [
        (b.start, timedelta(seconds=b.horizon_s), b.probability, b.value, b.sensor, b.source) for b in beliefs
    ]
    connection = _connect(database)
    with connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO timed_belief VALUES (%s, %s, %s, %s, %s, %s)", rows)
        cursor.execute("DROP ROLE IF EXISTS test_dashboards; CREATE ROLE test_dashboards")
        for table in _opened("flexmeasures"):
            cursor.execute(f"GRANT SELECT ON {table} TO test_dashboards")
    yield database
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP OWNED BY test_dashboards; DROP ROLE test_dashboards")
    connection.close()


def _opened(name):
    """The tables that role postgres opens to the dashboards' role, and no others."""
    script = (ROOT / "roles/postgres/templates/10-roles.sh.j2").read_text(encoding="utf-8")
    return re.search(rf'^open_tables {name} "([^"]+)"', script, re.MULTILINE)[1].split()


def _connect(database):
    return psycopg2.connect(
        host="127.0.0.1",
        port=database.port,
        user="postgres",
        password=database.arguments["login_password"],
        dbname="flexmeasures",
    )


def _ask(database, panel, number=0):
    """Rows of a panel's target as the read-only role sees them: dicts by column."""
    connection = _connect(database)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET ROLE test_dashboards; SET TRANSACTION READ ONLY")
            cursor.execute(expand(panel["targets"][number]["rawSql"]).replace("%", "%%") % ())
            columns = [column.name for column in cursor.description]
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    finally:
        connection.close()


def _series(rows):
    return {(int(row["time"]), row["metric"]): pytest.approx(row["value"]) for row in rows}


def test_series_panels__newest_belief_per_event_without_schedules(filled, beliefs):
    panels = _panels()
    groups = {"PV production": PV, "Battery stored energy": BATTERY, "EV stored energy": EV}
    groups |= {title: [sensor] for title, sensor in SINGLES.items()}
    names = dict(filled.sql("SELECT id, name FROM sensor"))
    for title, sensors in groups.items():
        means = _means(_newest(beliefs, sensors))
        expected = {(bucket, names[sensor]): value for (bucket, sensor), value in means.items()}

        assert len(expected) > 10, title
        assert _series(_ask(filled, panels[title])) == expected, title


def test_net_power_panel__load_less_production_and_the_share_used_on_the_spot(filled, beliefs):
    means = _means(_newest(beliefs, [*PV, *LOAD]))
    production, load = _sums(means, PV), _sums(means, LOAD)

    rows = _ask(filled, _panels()["Net power and self-consumption"])

    assert [int(row["time"]) for row in rows] == sorted({bucket for bucket, _ in means})
    shares = 0
    for row in rows:
        made, used = production[int(row["time"])], load[int(row["time"])]
        assert row["Net power (kW)"] == pytest.approx(used - made)
        if made > 0:
            shares += 1
            assert row["Self-consumption (%)"] == pytest.approx(100 * min(max(used, 0), made) / made)
        else:
            assert row["Self-consumption (%)"] is None
    assert 0 < shares < len(rows)


def test_schedule_panel__schedules_apart_from_what_was_measured(filled, beliefs):
    panel = _panels()["Schedule against actual"]
    for number, (column, sensors, scheduled) in enumerate(
        [("Schedule", SCHEDULES, True), ("Actual", LOAD, False)]
    ):
        expected = _sums(_means(_newest(beliefs, sensors, scheduled=scheduled)), sensors)

        rows = _ask(filled, panel, number)

        assert {int(row["time"]): pytest.approx(row[column]) for row in rows} == expected


def test_freshness_panel__age_of_each_source_and_its_stale_sensors(filled, beliefs):
    now = datetime.now(UTC)
    filled.sql("TRUNCATE timed_belief")
    values = [
        # Two 5-minute sensors, 10 minutes and an hour late; tomorrow's price; a schedule.
        (now - timedelta(minutes=15), 41, 101),
        (now - timedelta(minutes=65), 42, 101),
        (now + timedelta(hours=20), 84, 102),
        (now + timedelta(hours=1), 1021, 103),
    ]
    for start, sensor, source in values:
        filled.sql(
            "INSERT INTO timed_belief VALUES (%s, '0', 0.5, 1, %s, %s)", parameters=[start, sensor, source]
        )

    rows = {row["Source"]: row for row in _ask(filled, _panels()["Data freshness per source"])}

    assert set(rows) == {"Old", "New"}
    assert rows["Old"]["Sensors"] == 2
    assert rows["Old"]["Stale sensors"] == 1
    assert float(rows["Old"]["Age"]) == pytest.approx(600, abs=60)
    assert rows["New"]["Age"] == 0
    assert rows["New"]["Stale sensors"] == 0
    assert rows["New"]["Values up to"] == now + timedelta(hours=21)


def test_events_panel__newest_modification_with_the_vens_answers(filled):
    for path in sorted(MIGRATIONS.glob("*.sql")):
        filled.sql(path.read_text(encoding="utf-8"))
    filled.sql(f"GRANT SELECT ON {', '.join(_opened('openadr'))} TO test_dashboards")
    for ven in ("ven-a", "ven-b"):
        filled.sql(
            "INSERT INTO ven (ven_id, ven_name, registration_id, origin) VALUES (%s, %s, %s, 'operator')",
            parameters=[ven, ven, f"reg-{ven}"],
        )
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    for event, modification, start, cancelled, test in [
        ("active", 0, now - hour, False, False),
        ("active", 1, now - hour, False, False),
        ("coming", 0, now + hour, False, True),
        ("withdrawn", 0, now + 2 * hour, True, False),
        ("past", 0, now - 5 * hour, False, False),
    ]:
        filled.sql(
            "INSERT INTO event VALUES (%s, %s, now(), 'http://x/openadr/price', 0, %s, %s, "
            "'{}', '{}', '[]', %s, %s)",
            parameters=[event, modification, cancelled, test, start, start + 2 * hour],
        )
    for ven, modification, opt in [("ven-a", 0, "optOut"), ("ven-a", 1, "optIn"), ("ven-b", 1, "optOut")]:
        filled.sql(
            "INSERT INTO opt VALUES (%s, 'active', %s, %s, 200, '', now())",
            parameters=[ven, modification, opt],
        )

    rows = _ask(filled, _panels()["Active and coming events"])

    assert [(row["Event"], row["Kind"], row["State"], row["Answers"]) for row in rows] == [
        ("active", "price", "active", "ven-a: optIn, ven-b: optOut"),
        ("coming", "price", "coming (test)", "-"),
        ("withdrawn", "price", "cancelled", "-"),
    ]
