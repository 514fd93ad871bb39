"""Times and durations of OpenADR messages: xs:dateTime and the durations of iCalendar."""

import re
from datetime import UTC, datetime, timedelta

from cariflex_openadr.messages.schema import InvalidMessageError

_DURATION = re.compile(
    r"([+-]?)P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?"
)
# A year and a month have no fixed length; these are what the schema's users mean by them.
_UNITS = (timedelta(days=365), timedelta(days=30), timedelta(weeks=1), timedelta(days=1))
_TIME_UNITS = (timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))


def parse_moment(text: str | None) -> datetime:
    """An aware UTC time; a text without offset is UTC. Raises InvalidMessageError."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError as error:
        raise InvalidMessageError(f"date-time: {text!r}; expected ISO 8601") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def parse_duration(text: str | None) -> timedelta:
    """A duration of iCalendar, whole seconds. Raises InvalidMessageError."""
    match = _DURATION.fullmatch((text or "").strip())
    if (
        match is None
        or len(match.group(0).lstrip("+-")) < 3
        or any(len(part or "") > 9 for part in match.groups())
    ):
        raise InvalidMessageError(f"duration: {text!r}; expected one such as PT15M")
    sign, *parts = match.groups()
    total = timedelta()
    try:
        for part, unit in zip(parts, (*_UNITS, *_TIME_UNITS), strict=True):
            total += int(part or 0) * unit
    except OverflowError as error:
        raise InvalidMessageError(f"duration: {text!r}; expected less than a million years") from error
    return -total if sign == "-" else total


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
