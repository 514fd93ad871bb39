"""Day files: taken whole or refused with the reason; and what they make of a day."""

import json
from datetime import timedelta
from typing import Any

import pytest

from cariflex_openadr.domain.day_file import content_from_csv, content_from_json, day_program
from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.program import due_events
from cariflex_openadr.domain.rules import RuleError
from support import NOON
from support.vtn import PRICES, program

CSV = "hour,price_eur_per_mwh\n" + "".join(f"{hour},{hour + 0.5}\n" for hour in range(24))
PROFILE = program().profile


def test_csv__24_hours__prices_and_the_profiles_windows() -> None:
    day = day_program(content_from_csv(CSV), PROFILE)
    assert day.prices == tuple(hour + 0.5 for hour in range(24))
    assert day.load_control == PROFILE.load_control


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "heading"),
        ("price\n1\n", "heading"),
        (CSV.replace("5,5.5", "6,5.5"), "row 7"),
        (CSV.replace("23.5", "dear"), "row 25"),
        (CSV.replace("23,23.5\n", ""), "24 numbers"),
        (CSV.replace("23.5", "nan"), "24 numbers"),
    ],
)
def test_csv__broken__row_or_reason_named(text: str, words: str) -> None:
    with pytest.raises(RuleError, match=words):
        day_program(content_from_csv(text), PROFILE)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"prices": PRICES}, "keys"),
        ({"prices_eur_per_mwh": [1]}, "24 numbers"),
        ({"load_control": {"start": "18:00", "duration_s": 90, "capacity": 0.5}}, "multiple of 60"),
        ({"load_control": {"start": "18:00", "duration_s": 60, "level": 1}}, "capacity"),
        ({"demand_response": {"start": "18:00", "duration_s": 60, "level": 9}}, "0, 1, 2 or 3"),
        ({"demand_response": {"start": "6pm", "duration_s": 60, "level": 1}}, "HH:MM"),
        ([], "JSON object"),
    ],
)
def test_json__broken__reason_named(content: Any, words: str) -> None:
    with pytest.raises(RuleError, match=words):
        day_program(content_from_json(json.dumps(content)), PROFILE)


def test_json__null_window__none_that_day() -> None:
    day = day_program(content_from_json('{"load_control": null}'), PROFILE)
    assert (day.prices, day.load_control, day.demand_response) == (
        tuple(PRICES),
        None,
        PROFILE.demand_response,
    )


def test_due_events__day_ahead__tomorrows_prices_from_the_named_time() -> None:
    """Tomorrow's prices are on offer from day_ahead_at, taken from that day's own program."""
    ahead = program(day_ahead_at="12:00")
    tomorrow = (NOON + timedelta(days=1)).date()
    own = {tomorrow: day_program(content_from_csv(CSV), ahead.profile)}
    before = [item.event_id for item in due_events(ahead, NOON - timedelta(minutes=1), own)]
    assert "price-2026-11-24" not in before
    found = {item.event_id: item for item in due_events(ahead, NOON, own)}
    assert found["price-2026-11-24"].signals[0].intervals[3].value == 3.5
    assert found["price-2026-11-23"].signals[0].kind is SignalKind.PRICE
