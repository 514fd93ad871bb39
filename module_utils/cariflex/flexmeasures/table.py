"""The inventory's table of assets and sensors, expanded to the wanted state; every mistake in one error."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from ..errors import Conflict, ConflictError
from .flex import FLEX_CONTEXT_FIELDS, FLEX_MODEL_FIELDS, resolve, unknown_fields
from .model import LAST_RESERVED_ID, Asset, DataSource, Sensor, Wanted

SIGNS = ("none", "production", "consumption")
LENGTHS = {"sensor": 120, "asset": 80, "unit": 80}

# Key of a row -> its type; the first ones are required.
_BOTH = {"first_id": int, "name": str, "type": str}
_REQUIRED: Mapping[str, Mapping[str, type]] = {
    "asset": _BOTH,
    "sensor": {**_BOTH, "asset": str, "unit": str, "resolution": str, "source": str},
}
_OPTIONAL: Mapping[str, Mapping[str, type]] = {
    "asset": {"parent": str, "account": str, "flex_context": dict, "flex_model": dict},
    "sensor": {"sign": str},
}
_NUMBERS: Mapping[str, type] = {"count": int, "first_number": int}
_KEYS = {kind: {**_REQUIRED[kind], **_OPTIONAL[kind], **_NUMBERS} for kind in _REQUIRED}

_DURATION = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?$")
# {nn} becomes 01, 02, ...; {nnn} 001. A number that needs more digits takes them: a group may grow.
_NUMBER = re.compile(r"\{(n+)\}")

Row = Mapping[str, Any]


def expand(
    *,
    sensors: Iterable[Row],
    assets: Iterable[Row],
    types: Mapping[str, Mapping[str, str]],
    timezone: str,
    account: str,
    accounts: Sequence[str] = (),
    data_sources: Iterable[Row] = (),
    retired_sensors: Iterable[int] = (),
    retired_assets: Iterable[int] = (),
    last_reserved_id: int = LAST_RESERVED_ID,
) -> Wanted:
    """Turn the rows of the inventory into the wanted state, ordered by id.

    A row stands for one object or, with ``count``, for several with numbered names. ``types`` says for each
    value of the Type column which asset type FlexMeasures shows. Raises ConflictError with every mistake.
    """
    conflicts: list[Conflict] = []
    sensor_rows = [*_numbered(sensors, "sensor", types, last_reserved_id, conflicts)]
    asset_rows = [*_numbered(assets, "asset", types, last_reserved_id, conflicts)]
    broken = bool(conflicts)
    conflicts.extend(_repeated("asset", asset_rows))
    conflicts.extend(_repeated("sensor", sensor_rows))
    gone = _retired("sensor", retired_sensors, sensor_rows, conflicts)
    gone_assets = _retired("asset", retired_assets, asset_rows, conflicts)
    if broken:
        # What refers to a row that could not be read would only hide the mistake.
        raise ConflictError(conflicts)
    sensor_ids = {row["name"]: row["id"] for row in sensor_rows if row["id"] not in gone}
    all_assets = _assets(asset_rows, types, account, sensor_ids, gone_assets, conflicts)
    all_sensors = _sensors(sensor_rows, asset_rows, gone, gone_assets, conflicts)
    if conflicts:
        raise ConflictError(conflicts)
    return Wanted(
        timezone=timezone,
        sensors=tuple(sensor for sensor in all_sensors if sensor.id not in gone),
        assets=tuple(asset for asset in all_assets if asset.id not in gone_assets),
        asset_types={entry["asset_type"]: entry["description"] for entry in types.values()},
        data_sources=tuple(_data_source(source) for source in data_sources),
        accounts=tuple(accounts),
        retired_sensors=tuple(sensor for sensor in all_sensors if sensor.id in gone),
        retired_assets=tuple(asset for asset in all_assets if asset.id in gone_assets),
        last_reserved_id=last_reserved_id,
    )


@cache
def resolution_seconds(text: str) -> int:
    """Seconds of a duration like PT0M, PT5M or PT1H; ValueError for anything else."""
    match = _DURATION.match(text)
    if match is None or text == "PT":
        raise ValueError(f'"{text}" is not a duration of whole minutes or hours')
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60


def _numbered(
    rows: Iterable[Row],
    kind: str,
    types: Mapping[str, Any],
    last_reserved_id: int,
    conflicts: list[Conflict],
) -> Iterator[dict[str, Any]]:
    """Yield each object of ``rows`` as a row with an id and names of its own."""
    for row in rows:
        mistakes = [*_shape_mistakes(row, kind)] or [*_row_mistakes(row, kind, types, last_reserved_id)]
        conflicts.extend(mistakes)
        if mistakes:
            continue
        for index in range(row.get("count") or 1):
            number = (row.get("first_number") or 1) + index
            numbered = {
                key: value if isinstance(value, str) and "{" not in value else _with_number(value, number)
                for key, value in row.items()
            }
            yield {**numbered, "id": row["first_id"] + index}


def _shape_mistakes(row: Row, kind: str) -> Iterator[Conflict]:
    required, known = _REQUIRED[kind], _KEYS[kind]
    label = f"{kind} group {row.get('name', row)}"
    for key in required.keys() - row.keys():
        yield Conflict(f"{label}, {key}", "missing", known[key].__name__, "fill it in")
    for key, value in row.items():
        if type(value) is known.get(key):
            # Nearly all of ten thousand rows: no further question.
            continue
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            expected = near[0] if near else ", ".join(sorted(known))
            yield Conflict(f"{label}, key", key, expected, "use a key of the table")
        # None stands for a key that is left out.
        elif not _is(known[key], value) and not (value is None and key not in required):
            yield Conflict(f"{label}, {key}", value, known[key].__name__, "write a value of that type")


def _is(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _row_mistakes(row: Row, kind: str, types: Mapping[str, Any], last_reserved_id: int) -> Iterator[Conflict]:
    label = f"{kind} group {row['name']}"
    first_id, count = row["first_id"], row.get("count")
    count = 1 if count is None else count
    texts = ("name", "asset", "unit", "source") if kind == "sensor" else ("name",)
    for key in texts:
        if not row[key].strip():
            yield Conflict(f"{label}, {key}", "", "a text", "fill it in")
        # Numbers add a digit or two beyond what the row shows.
        elif key in LENGTHS and len(_with_number(row[key], count)) > LENGTHS[key]:
            yield Conflict(f"{label}, {key}", row[key], f"at most {LENGTHS[key]} characters", "shorten it")
    if len(_with_number(row["name"], count)) > LENGTHS[kind]:
        yield Conflict(f"{label}, name", row["name"], f"at most {LENGTHS[kind]} characters", "shorten it")
    if row["type"] not in types:
        yield Conflict(f"{label}, type", row["type"], sorted(types), "add it to the types")
    if count < 1:
        yield Conflict(f"{label}, count", count, "1 or more", "remove the row, or retire its ids")
    if (count > 1) and not _NUMBER.search(row["name"]):
        yield Conflict(
            f"{label}, name", row["name"], "{nn} in a group with a count", "write {nn} in the name"
        )
    if first_id < 1 or first_id + count - 1 > last_reserved_id:
        ids = f"{first_id}-{first_id + count - 1}"
        yield Conflict(f"{label}, ids", ids, f"1-{last_reserved_id}", "take reserved ids, or reserve more")
    if kind == "asset":
        yield from unknown_fields(
            f"{label}, flex_context", row.get("flex_context") or {}, FLEX_CONTEXT_FIELDS
        )
        yield from unknown_fields(f"{label}, flex_model", row.get("flex_model") or {}, FLEX_MODEL_FIELDS)
        return
    if (row.get("sign") or "none") not in SIGNS:
        yield Conflict(f"{label}, sign", row["sign"], SIGNS, "use one of them")
    try:
        resolution_seconds(row["resolution"])
    except ValueError:
        yield Conflict(
            f"{label}, resolution", row["resolution"], "PT0M, PT5M, PT1H, ...", "write whole minutes"
        )


def _with_number(value: Any, number: int) -> Any:
    """Return ``value`` with ``{nn}`` replaced in all its texts."""
    if isinstance(value, str):
        return _NUMBER.sub(lambda match: f"{number:0{len(match[1])}d}", value)
    if isinstance(value, Mapping):
        return {key: _with_number(item, number) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_number(item, number) for item in value]
    return value


def _repeated(kind: str, rows: Sequence[Row]) -> Iterator[Conflict]:
    # The database demands unique names per asset only; services look sensors up by name alone.
    for key, other, fix in (("id", "name", "change one id"), ("name", "id", "rename one")):
        holders: dict[Any, Row] = {}
        for row in rows:
            holder = holders.setdefault(row[key], row)
            if holder is not row:
                label = f"{kind} {row['id']} {row['name']}"
                yield Conflict(label, f"the {key} of {holder[other]} too", f"{key}s of their own", fix)


def _retired(kind: str, ids: Iterable[int], rows: Sequence[Row], conflicts: list[Conflict]) -> frozenset[int]:
    retired, known = frozenset(ids), {row["id"] for row in rows}
    fix = f"keep the row of a retired {kind}, so that its id stays taken"
    conflicts.extend(
        Conflict(f"retired {kind} {one}", "not in the table", "an id of the table", fix)
        for one in sorted(retired - known)
    )
    return retired & known


def _assets(
    rows: Sequence[Row],
    types: Mapping[str, Mapping[str, str]],
    account: str,
    sensor_ids: Mapping[str, int],
    gone: frozenset[int],
    conflicts: list[Conflict],
) -> list[Asset]:
    ids = {row["name"]: row["id"] for row in rows}
    parents = {row["name"]: row.get("parent") for row in rows}
    by_name = {row["name"]: row for row in rows}
    assets = []
    for row in rows:
        label, parent = f"asset {row['id']} {row['name']}", row.get("parent")
        owner = row.get("account") or account
        if parent and parent not in ids:
            conflicts.append(Conflict(f"{label}, parent", parent, "an asset of the table", "add its row"))
        elif parent and row["id"] not in gone and ids[parent] in gone:
            conflicts.append(
                Conflict(f"{label}, parent", parent, "no retired asset", "move or retire it too")
            )
        elif parent and (by_name[parent].get("account") or account) != owner:
            conflicts.append(Conflict(f"{label}, account", owner, f"that of {parent}", "give both the same"))
        if _is_circular(row["name"], parents):
            conflicts.append(Conflict(f"{label}, parent", parent, "no circle", "take another parent"))
        # What a retired asset refers to may be retired with it.
        flex = {
            key: None
            if row.get(key) is None or row["id"] in gone
            else resolve(row[key], sensor_ids, f"{label}, {key}", conflicts)
            for key in ("flex_context", "flex_model")
        }
        assets.append(
            Asset(row["id"], row["name"], types[row["type"]]["asset_type"], owner, ids.get(parent), **flex)
        )
    return sorted(assets, key=lambda asset: asset.id)


def _is_circular(name: str, parents: Mapping[str, str | None]) -> bool:
    seen, parent = {name}, parents[name]
    while parent in parents and parent not in seen:
        seen.add(str(parent))
        parent = parents[str(parent)]
    return parent == name


def _sensors(
    rows: Sequence[Row],
    asset_rows: Sequence[Row],
    gone: frozenset[int],
    gone_assets: frozenset[int],
    conflicts: list[Conflict],
) -> list[Sensor]:
    ids = {row["name"]: row["id"] for row in asset_rows}
    sensors = []
    for row in rows:
        label, asset_id = f"sensor {row['id']} {row['name']}, asset", ids.get(row["asset"], 0)
        if not asset_id:
            conflicts.append(Conflict(label, row["asset"], "an asset of the table", "add its row"))
        elif asset_id in gone_assets and row["id"] not in gone:
            fix = "retire the sensor too, or move it to another asset"
            conflicts.append(Conflict(label, row["asset"], "no retired asset", fix))
        sensors.append(
            Sensor(
                id=row["id"],
                name=row["name"],
                unit=row["unit"],
                resolution_s=resolution_seconds(row["resolution"]),
                asset_id=asset_id,
                type=row["type"],
                sign=(row.get("sign") or "none"),
                source=row["source"],
            )
        )
    return sorted(sensors, key=lambda sensor: sensor.id)


def _data_source(row: Row) -> DataSource:
    email = row.get("email") or None
    return DataSource(row["name"], email, "user" if email else row.get("type") or "script")
