"""What devices tell, on its way to FlexMeasures."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cariflex_s2.domain.windows import PowerWindow
from cariflex_s2.metrics import Metrics
from cariflex_s2.service import Service
from cariflex_s2.storage.ven_file import VenFile
from cariflex_s2.telemetry import Telemetry
from s2.devices import NOON, resource
from s2.raw_peer import RawPeer
from s2.support import VenSide

MINUTE = timedelta(minutes=1)
FIVE = 5 * MINUTE


def test__window__weighs_by_time() -> None:
    window = PowerWindow(FIVE)
    for second in range(0, 300, 30):
        window.add(10_000 if second < 60 else -5_000, NOON + timedelta(seconds=second))
    assert [(m.start, m.power_w) for m in window.finished(NOON + FIVE)] == [(NOON, -2_000)]
    assert window.finished(NOON + FIVE) == []


def test__window__a_silence_is_not_filled_with_the_last_value() -> None:
    """Three minutes known at 6 kW, then silence: the mean of what is known, none for an unknown slot."""
    window = PowerWindow(FIVE)
    for minute in range(3):
        window.add(6_000, NOON + minute * MINUTE)
    assert [m.power_w for m in window.finished(NOON + 3 * FIVE)] == [6_000]
    window.add(1_000, NOON + 3 * FIVE + 4 * MINUTE)
    assert window.finished(NOON + 5 * FIVE) == []


def test__window__flushing_often_does_not_stretch_a_measurement() -> None:
    window = PowerWindow(FIVE)
    window.add(6_000, NOON)
    means = [mean for second in range(400) for mean in window.finished(NOON + timedelta(seconds=second))]
    assert means == []


def test__window__a_measurement_across_slots_counts_in_both() -> None:
    window = PowerWindow(MINUTE)
    window.add(6_000, NOON + timedelta(seconds=20))
    window.add(0, NOON + timedelta(seconds=70))
    window.add(0, NOON + timedelta(seconds=100))
    means = window.finished(NOON + 2 * MINUTE)
    assert [(m.start, m.power_w) for m in means] == [(NOON, 6_000), (NOON + MINUTE, pytest.approx(1_000))]


async def test__telemetry__fill_levels_and_means_reach_the_outbox_once(tmp_path: Path, ven: VenSide) -> None:
    clock = [NOON]
    row = resource(1)
    telemetry = Telemetry(
        {row.resource_id: row},
        VenFile(tmp_path / "ven.sqlite3", lambda: clock[0]),
        MINUTE,
        Metrics(),
        lambda: clock[0],
    )
    for second in range(0, 330, 10):
        clock[0] = NOON + timedelta(seconds=second)
        telemetry.filled(row, 50 + second / 100, clock[0])
        telemetry.measured(row, 36_000, clock[0])
        telemetry.flush()
    posts = [entry.post for entry in ven.posts()]
    levels = [post for post in posts if post.sensor_id == 51]
    powers = [post for post in posts if post.sensor_id == 1001]
    assert [(post.values[0].start - NOON).total_seconds() for post in levels] == [0, 60, 120, 180, 240, 300]
    assert (levels[1].unit, levels[1].values[0].value, levels[1].poster) == ("kWh", 50.6, "SOC Simulator")
    assert [(p.unit, p.values[0].start, p.values[0].value, p.resolution) for p in powers] == [
        ("kW", NOON, 36.0, FIVE)
    ]
    assert levels[0].event_id == "s2:battery_01"
    assert levels[0].modification == int(NOON.timestamp())


async def test__telemetry__waits_for_a_database_that_is_away(tmp_path: Path) -> None:
    row = resource(1)
    path = tmp_path / "later" / "ven.sqlite3"
    metrics = Metrics()
    telemetry = Telemetry({"battery_01": row}, VenFile(path, lambda: NOON), MINUTE, metrics, lambda: NOON)
    telemetry.filled(row, 50, NOON)
    telemetry.flush()
    assert len(telemetry.waiting) == 1
    path.parent.mkdir()
    telemetry.flush()
    assert telemetry.waiting == []
    side = VenSide(path)
    assert [entry.post.values[0].value for entry in side.posts()] == [50]
    side.close()


async def test__service__hands_over_what_a_device_told(
    service: Service, ven: VenSide, battery: RawPeer
) -> None:
    await battery.tell(battery.measurement(1_000))
    service.telemetry.flush()
    assert [(e.post.sensor_id, e.post.values[0].value) for e in ven.posts()] == [(51, 50.0)]
    assert abs(ven.posts()[0].post.belief_time - datetime.now(UTC)) < MINUTE
