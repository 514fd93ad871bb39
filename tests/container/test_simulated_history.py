"""The simulated past on a real PostgreSQL with FlexMeasures' schema: loaded once, whole, rightly named."""

import json
import os
import subprocess
from collections.abc import Callable

import pytest
from tests.container.flexmeasures_database import PASSWORD, Database
from tests.container.simulated_devices import configuration, device, program, write_sensor_map

pytestmark = pytest.mark.container

SOURCES = {
    "Production Simulator": (41, 50),
    "SOC Simulator": (51, 60),
    "Charge Simulator": (61, 70),
    "Simulated": (81, 85),
}
DEVICES = [device(name, "plain") for name in ("battery_01", "battery_06", "ev_01")]


@pytest.fixture
def with_sensors(database: Database) -> Database:
    """A database as it is when a new stack has made its sensors."""
    for number, name in enumerate(SOURCES):
        database.sql(
            "INSERT INTO fm_user (email, username, account_id, password, fs_uniquifier, active)"
            " VALUES (%s, %s, 2, 'x', %s, true)",
            parameters=[f"{number}@cariflex.internal", name, str(number)],
        )
    sources = [{"name": name, "email": f"{number}@cariflex.internal"} for number, name in enumerate(SOURCES)]
    result = database.run(data_sources=sources)
    assert result.get("changed"), result
    return database


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the simulator's own program prints, with the map that the module renders."""
    folder = tmp_path_factory.mktemp("simulator")
    write_sensor_map(folder)
    path = folder / "config.json"
    path.write_text(json.dumps(configuration(folder, DEVICES)), encoding="utf-8")
    command, environment = program(
        "simulator", "cariflex_simulator.history.main:main", CARIFLEX_CONFIG=str(path)
    )
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def load(script: str, with_sensors: Database) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Execute the script as the deployment does: psql reads it."""

    def run(text: str = script) -> subprocess.CompletedProcess[str]:
        command = ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(with_sensors.port)]
        return subprocess.run(
            [*command, "-U", "postgres", "-d", "flexmeasures"],
            input=text,
            env={**os.environ, "PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_load__twice__the_second_adds_nothing(
    load: Callable[..., subprocess.CompletedProcess[str]], with_sensors: Database
) -> None:
    first = load()
    loaded = with_sensors.sql("SELECT count(*), sum(event_value) FROM timed_belief")
    second = load()

    assert (first.returncode, first.stderr) == (0, "")
    assert loaded[0][0] > 7 * 2 * 288
    assert second.returncode == 0
    assert with_sensors.sql("SELECT count(*), sum(event_value) FROM timed_belief") == loaded


def test_load__every_sensor__under_the_source_that_the_table_names(
    load: Callable[..., subprocess.CompletedProcess[str]], with_sensors: Database
) -> None:
    assert load().returncode == 0

    found = with_sensors.sql(
        "SELECT DISTINCT sensor_id, data_source.name FROM timed_belief"
        " JOIN data_source ON data_source.id = source_id WHERE sensor_id < 1000 ORDER BY 1"
    )
    assert [sensor_id for sensor_id, _ in found] == [41, 51, 56, 61, 81, 82, 83, 85]
    for sensor_id, name in found:
        low, high = SOURCES[name]
        assert low <= sensor_id <= high, (sensor_id, name)


def test_load__known_when__measured_at_the_events_end_prices_a_day_ahead(
    load: Callable[..., subprocess.CompletedProcess[str]], with_sensors: Database
) -> None:
    assert load().returncode == 0

    horizons = with_sensors.sql(
        "SELECT sensor_id = 85, extract(epoch FROM belief_horizon)::int, count(*) > 0 FROM timed_belief"
        " GROUP BY 1, 2 ORDER BY 1"
    )
    assert horizons == [(False, 0, True), (True, 86400, True)]
    future = with_sensors.sql(
        "SELECT count(*) FROM timed_belief WHERE sensor_id <> 85 AND event_start > now()"
    )
    assert future == [(0,)]


def test_load__what_is_there__stays(
    load: Callable[..., subprocess.CompletedProcess[str]], with_sensors: Database
) -> None:
    assert load().returncode == 0
    with_sensors.sql("UPDATE timed_belief SET event_value = 999 WHERE sensor_id = 41")

    assert load().returncode == 0

    assert with_sensors.sql("SELECT DISTINCT event_value FROM timed_belief WHERE sensor_id = 41") == [(999,)]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        ("UPDATE sensor SET unit = 'MW' WHERE id = 41", "no sensor 41 pv_01_power in kW"),
        ("DELETE FROM data_source WHERE name = 'SOC Simulator'", "no data source SOC Simulator"),
    ],
)
def test_load__stack_not_as_described__nothing_is_loaded(
    load: Callable[..., subprocess.CompletedProcess[str]], with_sensors: Database, break_it: str, words: str
) -> None:
    with_sensors.sql(break_it)

    done = load()

    assert done.returncode != 0
    assert words in done.stderr
    assert with_sensors.sql("SELECT count(*) FROM timed_belief") == [(0,)]


def test_load__cut_off_in_the_middle__nothing_is_loaded(
    load: Callable[..., subprocess.CompletedProcess[str]], script: str, with_sensors: Database
) -> None:
    load(script[: len(script) // 2])

    assert with_sensors.sql("SELECT count(*) FROM timed_belief") == [(0,)]
