"""A day's program as people write it: JSON or CSV, taken whole or refused with the reason."""

import csv
import io
import json
import math
from datetime import time, timedelta
from typing import Any

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.program import HOURS, DailyWindow, DayProgram
from cariflex_openadr.domain.rules import RuleError, check_value

PRICES = "prices_eur_per_mwh"
CSV_COLUMNS = ["hour", "price_eur_per_mwh"]
# Kind -> key of its value in a window.
WINDOWS = {SignalKind.LOAD_CONTROL: "capacity", SignalKind.DEMAND_RESPONSE: "level"}


def content_from_json(text: str) -> dict[str, Any]:
    """The object in a JSON day file; ``day_program`` checks it."""
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise RuleError(f"day file: {error}; expected JSON") from error
    if not isinstance(raw, dict):
        raise RuleError(f"day file: {type(raw).__name__}; expected a JSON object")
    return raw


def content_from_csv(text: str) -> dict[str, Any]:
    """The same from CSV: columns ``hour`` (0 to 23, local) and ``price_eur_per_mwh``, one row an hour."""
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or [cell.strip() for cell in rows[0]] != CSV_COLUMNS:
        found = rows[0] if rows else "nothing"
        raise RuleError(f"day file: heading {found}; expected {','.join(CSV_COLUMNS)}")
    prices: list[float] = []
    for number, row in enumerate((row for row in rows[1:] if row), start=0):
        try:
            hour, price = row
            if int(hour) != number:
                raise ValueError(f"hour {hour}")
            prices.append(float(price))
        except ValueError as error:
            raise RuleError(
                f"day file, row {number + 2}: {row}; expected hour {number} and a price"
            ) from error
    return {PRICES: prices}


def day_program(raw: dict[str, Any], profile: DayProgram | None = None) -> DayProgram:
    """Check a day's content; keys that it lacks are the profile's. Raises RuleError."""
    unknown = sorted(set(raw) - {PRICES, *(kind.value for kind in WINDOWS)})
    if unknown:
        raise RuleError(f"program: keys {unknown}; expected {PRICES}, load_control, demand_response")
    lacking = PRICES not in raw
    prices = profile.prices if profile is not None and lacking else _prices(raw.get(PRICES))
    windows = {
        kind: _window(kind, raw[kind.value]) if kind.value in raw else _own_window(profile, kind)
        for kind in WINDOWS
    }
    return DayProgram(prices, windows[SignalKind.LOAD_CONTROL], windows[SignalKind.DEMAND_RESPONSE])


def day_content(program: DayProgram) -> dict[str, Any]:
    """The content that ``day_program`` makes ``program`` of."""
    windows = {
        SignalKind.LOAD_CONTROL: program.load_control,
        SignalKind.DEMAND_RESPONSE: program.demand_response,
    }
    return {PRICES: list(program.prices)} | {
        kind.value: window
        and {
            "start": window.start.isoformat("minutes"),
            "duration_s": int(window.duration.total_seconds()),
            WINDOWS[kind]: window.value,
        }
        for kind, window in windows.items()
    }


def _own_window(profile: DayProgram | None, kind: SignalKind) -> DailyWindow | None:
    if profile is None:
        return None
    return profile.load_control if kind is SignalKind.LOAD_CONTROL else profile.demand_response


def _prices(raw: Any) -> tuple[float, ...]:
    if not isinstance(raw, list) or len(raw) != HOURS or not all(_is_number(price) for price in raw):
        raise RuleError(f"program.{PRICES}: {raw!r}; expected {HOURS} numbers")
    return tuple(float(price) for price in raw)


def _window(kind: SignalKind, raw: Any) -> DailyWindow | None:
    if raw is None:
        return None
    key = WINDOWS[kind]
    if not isinstance(raw, dict) or set(raw) != {"start", "duration_s", key}:
        raise RuleError(f"program.{kind}: {raw!r}; expected start, duration_s and {key}, or null")
    value, duration_s = raw[key], raw["duration_s"]
    if not _is_number(duration_s) or duration_s <= 0 or duration_s % 60 or duration_s > 86400:
        raise RuleError(f"program.{kind}.duration_s: {duration_s!r}; expected a multiple of 60 up to 86400")
    if not _is_number(value):
        raise RuleError(f"program.{kind}.{key}: {value!r}; expected a number")
    check_value(kind, value)
    try:
        start = time.fromisoformat(str(raw["start"]))
    except ValueError as error:
        raise RuleError(f"program.{kind}.start: {raw['start']!r}; expected HH:MM") from error
    if start.tzinfo is not None or start.second or start.microsecond:
        raise RuleError(f"program.{kind}.start: {raw['start']!r}; expected HH:MM, local time")
    return DailyWindow(start, timedelta(seconds=duration_s), float(value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
