"""The simulated past on a real PostgreSQL with FlexMeasures' schema: loaded once, whole, rightly named."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.container.flexmeasures_database import PASSWORD, ROOT, Database

pytestmark = pytest.mark.container

SOURCES = {
    "Production Simulator": (41, 50),
    "SOC Simulator": (51, 60),
    "Charge Simulator": (61, 70),
    "Simulated": (81, 85),
}
# A role's rendered configuration in miniature: one device of each kind.
DEVICES = [("battery", "bat", "01"), ("battery", "bat", "06"), ("ev", "ev", "01")]
STORAGE = {
    "min_fill_kwh": 20,
    "max_fill_kwh": 200,
    "max_charge_kw": 50,
    "max_discharge_kw": 50,
    "charge_efficiency": 0.95,
    "discharge_efficiency": 0.95,
    "self_discharge_per_h": 0.0001,
}


def _configuration(folder: Path) -> dict[str, object]:
    return {
        "seed": 972,
        "timezone": "America/Martinique",
        "site": {"latitude": 14.6, "longitude": -61.0, "altitude_m": 20},
        "step_s": 10,
        "interval_s": 300,
        "history_days": 2,
        "battery": {
            "storage": STORAGE,
            "start_share": 0.4,
            "charge_from": "09:00",
            "charge_until": "15:00",
            "discharge_from": "18:00",
            "discharge_until": "22:00",
            "discharge_share": 0.5,
        },
        "ev": {
            "storage": STORAGE,
            "start_share": 0.6,
            "target_share": 0.9,
            "trips": {
                "departure": "07:30",
                "arrival": "17:00",
                "spread_min": 25,
                "energy_kwh": 14,
                "energy_spread_kwh": 3,
                "days_off": 0.1,
            },
        },
        "devices": [
            {
                "id": f"{kind}_{number}",
                "kind": kind,
                "control": "plain",
                "level_sensor": f"{short}_{number}_power",
                "power_sensor": f"{short}_{number}_actual_power",
            }
            for kind, short, number in DEVICES
        ],
        "photovoltaics": [
            {
                "plant": {"plant_id": "pv_01", "peak_kw": 36, "tilt_deg": 12, "azimuth_deg": 180},
                "sensor": "pv_01_power",
            }
        ],
        "price_sensor": "production_price",
        "weather": {"irradiance": "irradiance", "temperature": "temperature", "wind": "wind_speed"},
        "sensor_map_file": str(folder / "sensor_map.json"),
        "state_file": str(folder / "state.json"),
        "status": {"host": "127.0.0.1", "port": 0},
        "s2": {
            "url": "ws://127.0.0.1:1/s2",
            "tokens_file": str(folder / "tokens.json"),
            "status_interval_s": 10,
            "hold_s": 900,
            "longest_wait_s": 30,
        },
        "flexmeasures": {"host": "127.0.0.1", "port": 1, "ssl": False, "users": {}},
        "log_level": "info",
    }


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
    subprocess.run(["scripts/bootstrap.sh", "simulator"], cwd=ROOT, check=True)
    tmp_path = tmp_path_factory.mktemp("simulator")
    rendered = Database(0).run(state="rendered")
    (tmp_path / "sensor_map.json").write_text(json.dumps(rendered["sensor_map"]), encoding="utf-8")
    shutil.copy(ROOT / "roles/sensor_map/files/sensor_map.schema.json", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(_configuration(tmp_path)), encoding="utf-8")
    environment = {
        **os.environ,
        "CARIFLEX_CONFIG": str(tmp_path / "config.json"),
        "PYTHONPATH": str(ROOT / "files/simulator/src"),
    }
    program = "from cariflex_simulator.history.main import main; main()"
    command = [str(ROOT / ".venv-simulator/bin/python"), "-c", program]
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
