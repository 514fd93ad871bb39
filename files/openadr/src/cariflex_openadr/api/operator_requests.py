"""Bodies of the operator's requests, read strictly: unknown keys are mistakes, not wishes to be ignored."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web

from cariflex_openadr.domain.day_file import content_from_csv, content_from_json
from cariflex_openadr.domain.model import LOAD_PERCENT_OFFSET, SignalKind
from cariflex_openadr.domain.orders import DISPATCH_PRIORITY, Change, Order
from cariflex_openadr.domain.reports import ReportOrder
from cariflex_openadr.domain.rules import RuleError

# Type -> kind of signal, key of its payload, signal type.
TYPES: dict[str, tuple[SignalKind, str, str]] = {
    "load_control": (SignalKind.LOAD_CONTROL, "value", ""),
    "load_control_offset": (SignalKind.LOAD_CONTROL, "percent", LOAD_PERCENT_OFFSET),
    "simple": (SignalKind.DEMAND_RESPONSE, "level", ""),
}
LONGEST_DURATION_S = 7 * 86400
MOST_INTERVALS = 1000
# What may stand in an id: it goes into XML, URLs and logs.
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")

Json = dict[str, Any]


async def read_object(request: web.Request) -> Json:
    """The request's JSON object. Raises RuleError."""
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise RuleError(f"body: {error}; expected a JSON object") from error
    if not isinstance(body, dict):
        raise RuleError(f"body: {type(body).__name__}; expected a JSON object")
    return body


def order(body: Json) -> tuple[Order, bool]:
    """A new event, and whether it replaces what is in its way. Raises RuleError."""
    name = body.get("type")
    if not isinstance(name, str) or name not in TYPES:
        raise RuleError(f"type: {name!r}; expected one of {', '.join(TYPES)}")
    kind, payload, signal_type = TYPES[name]
    allowed = ["type", payload, "duration_s", "intervals", "start", "replace", "test", "priority"]
    _check_keys(body, [*allowed, "ven_ids", "resource_ids"])
    steps = _steps(body, payload)
    if steps is None:
        raise RuleError(f"{payload}: missing; expected {payload} with duration_s, or intervals")
    return Order(
        kind=kind,
        steps=steps,
        signal_type=signal_type,
        start=_moment(body.get("start")),
        priority=_priority(body, DISPATCH_PRIORITY) or 0,
        test=_flag(body, "test"),
        ven_ids=_ids(body, "ven_ids"),
        resource_ids=_ids(body, "resource_ids"),
    ), _flag(body, "replace")


def change(body: Json) -> Change:
    """A modification. Raises RuleError."""
    payload = next((key for _, key, _ in TYPES.values() if key in body), "value")
    _check_keys(body, [payload, "duration_s", "intervals", "start", "priority"])
    return Change(_steps(body, payload), _moment(body.get("start")), _priority(body, None))


def day(text: str) -> date:
    """A calendar day in a path. Raises RuleError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise RuleError(f"day: {text!r}; expected YYYY-MM-DD") from error


async def day_content(request: web.Request) -> Json:
    """A day file, CSV or JSON by content type. Raises RuleError."""
    try:
        text = (await request.read()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RuleError("day file: not UTF-8; expected UTF-8") from error
    return content_from_csv(text) if request.content_type == "text/csv" else content_from_json(text)


def party(body: Json) -> tuple[str, str, str]:
    """A VEN to add: id, name, key type. Raises RuleError."""
    _check_keys(body, ["ven_id", "ven_name", "key_type"])
    ven_id, name = body.get("ven_id"), body.get("ven_name", body.get("ven_id"))
    for key, value in (("ven_id", ven_id), ("ven_name", name)):
        if not isinstance(value, str) or not ID.fullmatch(value):
            raise RuleError(f"{key}: {value!r}; expected letters, digits and . _ : -, at most 128")
    key_type = body.get("key_type", "ec")
    if key_type not in ("ec", "rsa"):
        raise RuleError(f"key_type: {key_type!r}; expected ec or rsa")
    return str(ven_id), str(name), key_type


def report_order(body: Json) -> ReportOrder:
    """A report to ask a VEN for. Raises RuleError."""
    _check_keys(body, ["ven_id", "specifier_id", "r_ids", "granularity_s", "report_back_s"])
    for key in ("ven_id", "specifier_id"):
        if not isinstance(body.get(key), str) or not body[key]:
            raise RuleError(f"{key}: {body.get(key)!r}; expected a text")
    r_ids = body.get("r_ids", [])
    # Ids that a VEN has chosen, of any letters.
    if not isinstance(r_ids, list) or not all(isinstance(item, str) for item in r_ids):
        raise RuleError(f"r_ids: {r_ids!r}; expected a list of texts")
    return ReportOrder(
        body["ven_id"],
        body["specifier_id"],
        tuple(r_ids),
        _period(body, "granularity_s"),
        _period(body, "report_back_s"),
    )


def limit(request: web.Request, default: int = 1000) -> int:
    """How many rows a list may have. Raises RuleError."""
    text = request.query.get("limit", str(default))
    if not text.isdigit() or not 1 <= int(text) <= 10_000:
        raise RuleError(f"limit: {text!r}; expected 1 to 10000")
    return int(text)


def _check_keys(body: Json, allowed: list[str]) -> None:
    unknown = sorted(set(body) - set(allowed))
    if unknown:
        raise RuleError(f"keys: {unknown}; expected {', '.join(allowed)}")


def _steps(body: Json, payload: str) -> tuple[tuple[timedelta, float], ...] | None:
    if "intervals" not in body:
        if payload not in body and "duration_s" not in body:
            return None
        return ((_duration(body), _number(body, payload)),)
    items = body["intervals"]
    if payload in body or "duration_s" in body:
        raise RuleError(f"intervals: given beside {payload} or duration_s; expected one or the other")
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_INTERVALS:
        raise RuleError(f"intervals: {items!r}; expected a list of 1 to {MOST_INTERVALS}")
    found: list[tuple[timedelta, float]] = []
    for item in items:
        if not isinstance(item, dict) or set(item) != {"duration_s", payload}:
            raise RuleError(f"intervals: {item!r}; expected duration_s and {payload}")
        found.append((_duration(item), _number(item, payload)))
    return tuple(found)


def _duration(body: Json) -> timedelta:
    return timedelta(seconds=_number(body, "duration_s", LONGEST_DURATION_S))


def _period(body: Json, key: str) -> timedelta | None:
    if key not in body:
        return None
    seconds = _number(body, key, LONGEST_DURATION_S)
    if seconds < 1 or seconds % 1:
        raise RuleError(f"{key}: {seconds:g}; expected whole seconds, at least 1")
    return timedelta(seconds=seconds)


def _number(body: Json, key: str, most: float = 1e9) -> float:
    value = body.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not -most <= value <= most:
        raise RuleError(f"{key}: {value!r}; expected a number of at most {most:g}")
    return float(value)


def _priority(body: Json, default: int | None) -> int | None:
    value = body.get("priority", default)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1000:
        raise RuleError(f"priority: {value!r}; expected 0 (none) or 1 (highest) to 1000")
    return value


def _flag(body: Json, key: str) -> bool:
    value = body.get(key, False)
    if not isinstance(value, bool):
        raise RuleError(f"{key}: {value!r}; expected true or false")
    return value


def _ids(body: Json, key: str) -> tuple[str, ...]:
    value = body.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and ID.fullmatch(item) for item in value):
        raise RuleError(f"{key}: {value!r}; expected a list of ids")
    return tuple(value)


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise RuleError(f"start: {value!r}; expected ISO 8601") from error
    if moment.tzinfo is None or moment.second or moment.microsecond:
        raise RuleError(f"start: {value!r}; expected a full minute with a UTC offset")
    return moment.astimezone(UTC)
