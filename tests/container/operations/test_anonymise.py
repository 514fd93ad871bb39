"""Real data made safe for the test environment: canaries in a copy of prod, and a search of what leaves."""

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.container
ROOT = Path(__file__).resolve().parents[3]
MIGRATIONS = ROOT / "files/openadr/src/cariflex_openadr/storage/migrations"
KEY = "key-of-this-test-" + "k" * 24
# Short enough for every column of text; latitude and longitude of one place, and a value as a number.
CANARY, COORDINATE = "CNRY7F3", 14.641371
# What may stay is vocabulary: columns with the rule `keep` get a word of it in place of the canary.
VOCABULARY = {
    "alembic_version.version_num": "3bc1e29ca1f4",
    "sensor.unit": "kW",
    "sensor.timezone": "UTC",
    "sensor.knowledge_horizon_fnc": "ex_post",
    "sensor.knowledge_horizon_par": {"ex_post_horizon": "P0D"},
    "generic_asset_type.name": "battery",
    "plan.default_rate_limit": "500 per minute",
    "plan.trigger_rate_limit": "10 per 5 minutes",
    "schema_version.name": "0001_initial",
    "timed_belief.cumulative_probability": 0.5,
}
# What a constraint demands.
DEMANDED = {
    "ven.origin": "operator",
    "ven.fingerprint": "ab" * 32,
    "report_request.origin": "plan",
    "opt.opt": "optIn",
    "opt_schedule.opt": "optIn",
    "event.ends_at": "2030-01-02T00:00:00Z",
    "generic_asset.parent_asset_id": None,
    "account.consultancy_account_id": None,
}
COLUMNS = """
SELECT json_agg(json_build_array(c.relname, a.attname, format_type(a.atttypid, NULL), t.typtype,
         (SELECT min(enumlabel) FROM pg_enum e WHERE e.enumtypid = t.oid)) ORDER BY c.relname, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
"""
# Foreign keys hold all the same, because every number is 95 and every text the canary.
PLANT = """
SET session_replication_role = replica;
SELECT set_config('test.rows', :'rows', false);
DO $$
DECLARE
  planted record;
  held bigint;
BEGIN
  FOR planted IN SELECT key, value FROM json_each(current_setting('test.rows')::json) LOOP
    EXECUTE format('INSERT INTO public.%1$I SELECT * FROM json_populate_record(NULL::public.%1$I, $1)
                    ON CONFLICT DO NOTHING', planted.key) USING planted.value;
    EXECUTE format('SELECT count(*) FROM public.%I', planted.key) INTO held;
    ASSERT held > 0, planted.key;
  END LOOP;
END $$;
"""
BY_TYPE = {
    "integer": 95,
    "double precision": COORDINATE,
    "boolean": True,
    "json": {CANARY: CANARY, "deep": [{"x": CANARY}]},
    "jsonb": {CANARY: CANARY, "deep": [{"x": CANARY}]},
    "text[]": [CANARY],
    "bytea": "\\x" + CANARY.encode().hex(),
    "interval": "PT5M",
    "date": "2030-01-01",
    "timestamp with time zone": "2030-01-01T00:00:00Z",
    "timestamp without time zone": "2030-01-01T00:00:00",
    "character varying": CANARY,
    "text": CANARY,
}
# Two sites: their loads, a price, an account each.
LOADS = """
INSERT INTO account (id, name) VALUES (2, 'North');
INSERT INTO generic_asset (id, name, generic_asset_type_id, account_id, attributes, flex_model) VALUES
  (91, 'Bat North', 90, 2, '{"managed-by": "cariflex-sensor-map", "phone": "CNRY7F3"}',
   '{"soc-max": "200 kWh", "roundtrip-efficiency": "90%", "consumption": {"sensor": 42}, "note": "CNRY7F3"}');
INSERT INTO sensor (id, name, unit, timezone, event_resolution, knowledge_horizon_fnc, knowledge_horizon_par,
                    generic_asset_id, attributes) VALUES
  (42, 'north_power', 'kW', 'UTC', 'PT5M', 'ex_post', '{}', 91,
   '{"managed-by": "cariflex-sensor-map", "consumption_is_positive": true, "x": "CNRY7F3"}'),
  (84, 'consumption_price', 'EUR/MWh', 'UTC', 'PT1H', 'ex_post', '{}', 91, '{}');
INSERT INTO timed_belief
  (event_start, belief_horizon, cumulative_probability, event_value, sensor_id, source_id)
SELECT '2026-01-01Z'::timestamptz + n * interval '5 min', '0', 0.5, 100 + n, s, 1
FROM generate_series(0, 9) n, unnest(ARRAY[41, 42, 84]) s;
"""
VALUES = "SELECT event_value FROM timed_belief WHERE sensor_id = :sensor ORDER BY event_start"


def _plant(stack, database):
    columns = json.loads(stack.sql(COLUMNS, database))
    rows = {}
    for table, column, kind, typtype, label in columns:
        name = f"{table}.{column}"
        wanted = VOCABULARY | DEMANDED
        rows.setdefault(table, {})[column] = (
            wanted[name] if name in wanted else label if typtype == "e" else BY_TYPE[kind]
        )
    stack.sql(PLANT, database, rows=json.dumps(rows))


@pytest.fixture
def production(stack):
    """A copy of production: FlexMeasures' and the VTN's schema, a canary in each text of each table."""
    stack.sql("DROP DATABASE IF EXISTS openadr", "postgres")
    stack.sql("CREATE DATABASE openadr OWNER flexmeasures", "postgres")
    stack.sql(
        "CREATE TABLE schema_version (version integer PRIMARY KEY, name text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now());",
        "openadr",
    )
    for migration in sorted(MIGRATIONS.glob("*.sql")):
        stack.sql(migration.read_text(encoding="utf-8"), "openadr")
    stack.sql(LOADS)
    for database in ("flexmeasures", "openadr"):
        _plant(stack, database)
    return stack


DATABASES = ["flexmeasures", "openadr"]


def _anonymise(stack, archive, key=KEY, name="test_data.tar.gz"):
    file = stack.folder / "key"
    file.write_text(key + "\n", encoding="utf-8")
    target = stack.folder / name
    target.unlink(missing_ok=True)
    words = ["anonymise", str(archive), "--key", str(file), "--output", str(target)]
    return stack.run(*words, databases=DATABASES), target


def _everything(stack, archive, folder):
    """All bytes of an archive: itself, its files, and each dump as SQL."""
    folder.mkdir()
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    content = archive.read_bytes()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content += path.read_bytes()
        if path.suffix == ".dump":
            words = ["docker", "exec", "-i", stack.database, "pg_restore", "-f", "-"]
            content += subprocess.run(words, input=path.read_bytes(), capture_output=True, check=True).stdout
    return content


def _leaks(content):
    hex_canary = CANARY.encode().hex().encode()
    return [word for word in (CANARY.encode(), hex_canary, str(COORDINATE).encode()) if word in content]


def test_canaries__none_is_left_in_what_leaves(production, tmp_path):
    raw = production.backup(databases=DATABASES)
    assert len(_leaks(_everything(production, raw, tmp_path / "raw"))) == 3

    done, target = _anonymise(production, raw)

    assert done.returncode == 0, done.stderr
    assert _leaks(_everything(production, target, tmp_path / "anonymised")) == []
    assert _leaks((done.stdout + done.stderr).encode()) == []
    assert target.stat().st_mode & 0o777 == 0o600
    # Neither the raw data nor the key stay anywhere on the way.
    assert [path for path in production.backups.iterdir() if path.name not in (".lock", raw.name)] == []
    words = ["docker", "ps", "--all", "--quiet", "--filter", "label=fr.cariflex.drill=1"]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b""


def _loaded(stack, target):
    """Put an anonymised archive into this stack as the test environment does."""
    done = stack.run("restore", str(target), "--confirm", "test", databases=DATABASES, environment="test")
    assert done.returncode == 0, done.stderr
    subprocess.run(["docker", "start", stack.redis], check=True, capture_output=True)
    stack.await_answers()


def _values(stack, sensor):
    return [float(line) for line in stack.sql(VALUES, sensor=sensor).splitlines()]


def test_shapes_and_ids_stay__sizes_and_names_change_by_account(production):
    before = {sensor: _values(production, sensor) for sensor in (41, 42, 84)}
    done, target = _anonymise(production, production.backup(databases=DATABASES))
    assert done.returncode == 0, done.stderr
    _loaded(production, target)

    factors = {}
    for sensor, values in before.items():
        ratios = {round(new / old, 9) for new, old in zip(_values(production, sensor), values, strict=True)}
        [factors[sensor]] = ratios
    assert factors[84] == 1
    assert len(set(factors.values())) == 3
    assert all(0.5 <= factor < 1.5 for factor in factors.values())
    model = json.loads(production.sql("SELECT flex_model FROM generic_asset WHERE id = 91"))
    assert model.pop("soc-max") == f"{round(200 * factors[42], 3):.3f} kWh"
    assert model == {"roundtrip-efficiency": "90%", "consumption": {"sensor": 42}}
    assert production.sql("SELECT id, name, attributes FROM sensor WHERE id = 42").startswith(
        "42|north_power|"
    )
    assert production.sql("SELECT name FROM generic_asset WHERE id = 91").startswith("asset-")
    assert production.sql("SELECT count(*) FROM account WHERE name ~ '^account-[0-9a-f]{12}$'") == "3"


def test_nothing_can_be_sent(production):
    _, target = _anonymise(production, production.backup(databases=DATABASES))
    _loaded(production, target)

    users = "SELECT count(*) FROM fm_user WHERE active OR password <> '!' OR email !~ '@anonymised.invalid$'"
    assert production.sql(users) == "0"
    for table in ("ven", "event", "delivery", "report_request", "program_day"):
        assert production.sql('SELECT count(*) FROM :"table"', "openadr", table=table) == "0"
    # The queue's jobs were about data that are gone.
    assert production.redis_cli("dbsize") == "0"


def test_same_key__same_names_and_sizes__another_key_others(production):
    raw = production.backup(databases=DATABASES)
    found = []
    for key in (KEY, KEY, "x" * 40):
        done, target = _anonymise(production, raw, key)
        assert done.returncode == 0, done.stderr
        with tarfile.open(target) as tar:
            member = tar.extractfile("databases/flexmeasures.dump")
            dump = member.read() if member else b""
        words = ["docker", "exec", "-i", production.database, "pg_restore", "--data-only", "-f", "-"]
        sql = subprocess.run([*words], input=dump, capture_output=True, check=True).stdout.splitlines()
        # pg_dump writes a random word into its protection of the script.
        found.append(sorted(line for line in sql if b"restrict" not in line))
    assert found[0] == found[1]
    assert found[0] != found[2]


@pytest.mark.parametrize(
    ("database", "change", "sentence"),
    [
        (
            "flexmeasures",
            "ALTER TABLE fm_user ADD nickname text",
            "column public.fm_user.nickname: has no rule",
        ),
        ("openadr", "CREATE TABLE webhook (url text)", "column public.webhook.url: has no rule"),
        ("openadr", "CREATE SCHEMA more CREATE TABLE t (x text)", "column more.t.x: has no rule"),
        ("flexmeasures", "CREATE MATERIALIZED VIEW mails AS SELECT email FROM fm_user", "public.mails.email"),
        ("flexmeasures", "ALTER TABLE account DROP logo_url", "rule of account.logo_url: there is no such"),
    ],
)
def test_schema_that_the_rules_do_not_know__is_refused(production, database, change, sentence):
    production.sql(change, database)
    done, target = _anonymise(production, production.backup(databases=DATABASES))

    assert done.returncode == 1
    assert sentence in done.stderr
    assert not target.exists()


def test_weak_key_and_database_without_rules__are_refused(production):
    raw = production.backup(databases=DATABASES)
    done, target = _anonymise(production, raw, "short")
    assert "key: has 5 characters, expected 32 or more" in done.stderr
    assert not target.exists()
    words = ["anonymise", str(raw), "--key", str(production.folder / "key"), "--output", str(target)]
    (production.folder / "key").write_text(KEY, encoding="utf-8")
    done = production.run(*words, databases=["flexmeasures", "openadr", "billing"])
    assert "database billing: has no rules" in done.stderr
    assert not target.exists()
