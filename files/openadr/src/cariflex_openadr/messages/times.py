"""Times and durations of OpenADR messages: xs:dateTime and the durations of iCalendar."""

import re
from datetime import UTC, datetime, timedelta

from cariflex_openadr.messages.document import MessageError

_DURATION = re.compile(
    r"([+-]?)P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})W)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d+)?)S)?)?"
)
# A year and a month have no fixed length; these are what the schema's users mean by them.
_CALENDAR_UNITS = (timedelta(days=365), timedelta(days=30))
_FIXED_UNITS = (
    timedelta(weeks=1),
    timedelta(days=1),
    timedelta(hours=1),
    timedelta(minutes=1),
    timedelta(seconds=1),
)


def parse_moment(text: str | None, name: str = "date-time") -> datetime:
    """An aware time in UTC; OpenADR's times carry their offset. Raises MessageError, which says ``name``."""
    try:
        moment = datetime.fromisoformat(text or "")
        if moment.tzinfo is None:
            raise ValueError("no offset")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MessageError(f"{name}: {text!r}; expected a date and time in UTC") from error


def parse_duration(text: str | None, name: str = "duration") -> timedelta:
    """A duration of iCalendar; openleadr writes P for none. Raises MessageError, which says ``name``."""
    match = _DURATION.fullmatch((text or "").strip())
    if match is None:
        raise MessageError(f"{name}: {text!r}; expected a duration such as PT1H")
    sign, *parts = match.groups()
    total = timedelta()
    try:
        for part, unit in zip(parts, (*_CALENDAR_UNITS, *_FIXED_UNITS), strict=True):
            total += float(part or 0) * unit
    except OverflowError as error:
        raise MessageError(f"{name}: {text!r}; expected a duration of less than a million years") from error
    return -total if sign == "-" else total


def parse_fixed_duration(text: str | None, name: str = "duration") -> timedelta:
    """A duration in units of fixed length, none below zero: what a VEN may act on. Raises MessageError."""
    match = _DURATION.fullmatch((text or "").strip())
    if match is not None and (match[1] == "-" or match[2] or match[3]):
        raise MessageError(f"{name}: {text!r}; expected a duration such as PT1H, without years and months")
    return parse_duration(text, name)


def format_moment(moment: datetime) -> str:
    """``2026-11-23T04:00:00Z``; microseconds only where there are some."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def format_duration(duration: timedelta) -> str:
    """``PT1H30M``, ``P1D``; ``PT0S`` for none."""
    seconds = int(duration.total_seconds())
    days, seconds = divmod(seconds, 86400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    time = "".join(
        f"{number}{unit}" for number, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if number
    )
    date = f"{days}D" if days else ""
    return f"P{date}T{time}" if time else f"P{date or 'T0S'}"
