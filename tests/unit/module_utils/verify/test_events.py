"""Which values an event must leave, and how far it has come."""

from typing import Any

import pytest
from ansible.module_utils.cariflex.verify.events import expected_values, row_problem, values_problem, ven_row
from tests.unit.module_utils.verify.rows import row

MAP = {
    "sensors": [
        {"id": 84, "name": "consumption_price", "unit": "EUR/MWh", "resolution_s": 3600},
        {"id": 86, "name": "load_control_signal", "unit": "%", "resolution_s": 60},
    ]
}


def event(
    name: str = "LOAD_CONTROL", *, start: str = "2026-11-23T11:00:00Z", minutes: int = 2
) -> dict[str, Any]:
    interval = {"start": start, "duration_s": 60 * minutes, "value": 0.4}
    return {
        "event_id": "e1",
        "modification": 2,
        "created_at": "2026-11-23T10:59:30Z",
        "signals": [{"name": name, "intervals": [interval]}],
    }


def test__expected_values__converts_to_the_sensors_unit_and_resolution():
    expected = expected_values(event(), MAP)
    assert (expected.sensor_id, expected.unit, expected.values) == (86, "%", (40.0, 40.0))
    assert expected.duration_s == 120


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (event("BID_LOAD"), "signal BID_LOAD"),
        (event("SIMPLE"), "no demand_response_signal"),
        (event(start="2026-11-23T11:00:30Z"), "do not fit"),
    ],
)
def test__expected_values__names_what_it_cannot_follow(wrong: dict, message: str):
    with pytest.raises(ValueError, match=message):
        expected_values(wrong, MAP)


def test__ven_row__matches_event_and_modification():
    rows = [row(modification=1), row(event_id="e2"), row(sensor_id=None), row()]
    assert ven_row({"events": rows}, event(), 86) is rows[3]
    assert ven_row({"events": rows[:2]}, event(), 86) is None


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "not delivered"),
        (row(opt="optOut", reason="overlap"), "optOut (overlap)"),
        (row(responded_at=None), "has not reached the VTN"),
        (row(sensor_id=84), "sensor 84, expected 86"),
        (row(posted_at=None, error="HTTP 422"), "HTTP 422"),
        (row(values=[{"start": "2026-11-23T11:01:00Z", "value": 0.4, "unit": "%"}]), "posted 0.4"),
        (row(values=[{"start": "2026-11-23T11:01:00Z", "value": 40, "unit": "kW"}]), "posted in kW"),
        (row(), ""),
    ],
)
def test__row_problem__says_how_far_the_event_has_come(found: dict | None, message: str):
    problem = row_problem(found, expected_values(event(), MAP))
    assert message in problem
    assert bool(message) == bool(problem)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([40.0, 40.0], ""),
        ([40.0, None], "shows None at 2026-11-23T11:01:00"),
        ([40.0, 100.0], "expected 40"),
        ([40.0], "1 values, expected 2"),
    ],
)
def test__values_problem__compares_each_value(values: list, message: str):
    problem = values_problem(values, expected_values(event(), MAP))
    assert message in problem
    assert bool(message) == bool(problem)
