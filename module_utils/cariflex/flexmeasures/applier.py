"""Applies a plan through the client: one set-based statement per kind and action, in the plan's order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ..change import Change
from .client import Client

# One statement for everything that refers to an asset: foreign keys are checked at its end.
RENUMBER = """
WITH r AS (SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(old int, new int)),
sensors AS (UPDATE sensor s SET generic_asset_id = r.new FROM r WHERE s.generic_asset_id = r.old),
notes AS (UPDATE annotations_assets n SET generic_asset_id = r.new FROM r WHERE n.generic_asset_id = r.old),
log AS (UPDATE asset_audit_log l SET affected_asset_id = r.new FROM r WHERE l.affected_asset_id = r.old),
children AS (UPDATE generic_asset c SET parent_asset_id = r.new FROM r
             WHERE c.parent_asset_id = r.old AND c.id NOT IN (SELECT old FROM r))
UPDATE generic_asset a
SET id = r.new, parent_asset_id = coalesce((SELECT p.new FROM r p WHERE p.old = a.parent_asset_id),
                                           a.parent_asset_id)
FROM r WHERE a.id = r.old"""
STATEMENTS = {
    ("sequence", "update"): """
SELECT setval(r.name::regclass, r.last)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, last bigint)""",
    ("account", "create"): """
INSERT INTO account (name)
SELECT r.name FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text)""",
    ("asset_type", "create"): """
INSERT INTO generic_asset_type (name, description)
SELECT r.name, r.description
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, description text)""",
    ("asset_type", "update"): """
UPDATE generic_asset_type t SET description = r.description
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, description text)
WHERE t.name = r.name""",
    ("asset", "create"): """
INSERT INTO generic_asset (id, name, generic_asset_type_id, account_id, parent_asset_id, flex_context,
                           flex_model, attributes)
SELECT r.id, r.name, t.id, c.id, r.parent_id, r.flex_context, r.flex_model, r.attributes
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id int, name text, type text, account text,
                                              parent_id int, flex_context jsonb,
                                              flex_model jsonb, attributes jsonb)
JOIN generic_asset_type t ON t.name = r.type
JOIN account c ON c.name = r.account""",
    ("asset", "update"): """
UPDATE generic_asset a SET name = r.name, generic_asset_type_id = t.id, account_id = c.id,
                           parent_asset_id = r.parent_id, flex_context = r.flex_context,
                           flex_model = r.flex_model, attributes = r.attributes
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id int, name text, type text, account text,
                                              parent_id int, flex_context jsonb,
                                              flex_model jsonb, attributes jsonb)
JOIN generic_asset_type t ON t.name = r.type
JOIN account c ON c.name = r.account
WHERE a.id = r.id""",
    # Children go with their parents; the conditions hold back what has come since the plan was made.
    ("asset", "delete"): """
DELETE FROM generic_asset a
USING jsonb_to_recordset(%(rows)s::jsonb) AS r(id int)
WHERE a.id = r.id AND NOT EXISTS (SELECT FROM sensor s WHERE s.generic_asset_id = a.id)""",
    ("sensor", "create"): """
INSERT INTO sensor (id, name, unit, timezone, event_resolution, knowledge_horizon_fnc,
                    knowledge_horizon_par, generic_asset_id, attributes)
SELECT r.id, r.name, r.unit, r.timezone, make_interval(secs => r.resolution_s), r.fnc, r.par, r.asset_id,
       r.attributes
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id int, name text, asset_id int, unit text,
                                              resolution_s int, timezone text, fnc text,
                                              par jsonb, attributes jsonb)""",
    ("sensor", "update"): """
UPDATE sensor s SET name = r.name, generic_asset_id = r.asset_id, unit = r.unit, timezone = r.timezone,
                    attributes = r.attributes, event_resolution = make_interval(secs => r.resolution_s),
                    knowledge_horizon_fnc = r.fnc, knowledge_horizon_par = r.par
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id int, name text, asset_id int, unit text,
                                              resolution_s int, timezone text, fnc text,
                                              par jsonb, attributes jsonb)
WHERE s.id = r.id""",
    ("sensor", "delete"): """
DELETE FROM sensor s
USING jsonb_to_recordset(%(rows)s::jsonb) AS r(id int, has_data boolean)
WHERE s.id = r.id AND (r.has_data OR NOT EXISTS (SELECT FROM timed_belief b WHERE b.sensor_id = s.id))""",
    # As FlexMeasures itself makes the source of a user, which it finds again by user_id.
    ("data_source", "create"): """
INSERT INTO data_source (name, type, user_id, account_id, attributes)
SELECT r.name, 'user', u.id, u.account_id, '{}'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(email text, name text)
JOIN fm_user u ON u.email = r.email""",
    ("data_source", "update"): """
UPDATE data_source d SET name = r.name
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(email text, name text)
JOIN fm_user u ON u.email = r.email
WHERE d.user_id = u.id""",
    # One without a user: a script or model that writes in bulk.
    ("source", "create"): """
INSERT INTO data_source (name, type, attributes)
SELECT r.name, r.type, '{}'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, type text)""",
}
# The unique names are checked row by row: whatever gives up its name or place does so before all else.
RELEASE = {
    "asset": """
UPDATE generic_asset a SET name = 'renamed ' || a.id
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id int)
WHERE a.id = r.id""",
    "sensor": """
UPDATE sensor s SET name = 'renamed ' || s.id
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id int)
WHERE s.id = r.id""",
}
PLACE = {"asset": {"name", "parent_id", "account"}, "sensor": {"name", "asset_id"}}


def apply(client: Client, changes: Sequence[Change]) -> None:
    """Run the changes in the client's open transaction; ApiError if the database is not as planned on."""
    moves = [(change.current, change.desired) for change in changes if change.kind == "asset_id"]
    if moves:
        _renumber(client, {current["id"]: desired["id"] for current, desired in moves if current and desired})
    changes = [change for change in changes if change.kind != "asset_id"]
    for kind, statement in RELEASE.items():
        displaced = [
            {"id": int(change.name)} for change in changes if change.kind == kind and _is_displaced(change)
        ]
        if displaced:
            client.write(statement, displaced)
    for key, rows in _by_statement(changes):
        client.write(STATEMENTS[key], rows)


def _renumber(client: Client, moves: Mapping[int, int]) -> None:
    # Through negative ids, because one asset may take the id that another gives up.
    client.write(RENUMBER, [{"old": old, "new": -new} for old, new in moves.items()])
    client.write(RENUMBER, [{"old": -new, "new": new} for new in moves.values()])


def _by_statement(changes: Sequence[Change]) -> Iterator[tuple[tuple[str, str], list[dict[str, Any]]]]:
    """Yield the rows of each statement, in the plan's order of kinds; creates before updates of a kind."""
    for kind, group in groupby(changes, key=lambda change: change.kind):
        members = list(group)
        for action in ("delete", "create", "update"):
            if rows := [_row(change) for change in members if change.action == action]:
                yield (kind, action), rows


def _is_displaced(change: Change) -> bool:
    if change.action == "update":
        return not PLACE[change.kind].isdisjoint(change.differing())
    return change.action == "delete"


def _row(change: Change) -> dict[str, Any]:
    # A delete needs no more than what identifies the object, and what it was planned on.
    row = dict(change.desired if change.desired is not None else change.current or {})
    if change.kind in ("asset", "sensor"):
        row["id"] = int(change.name)
    elif change.kind == "data_source":
        row["email"] = change.name
    else:
        row["name"] = change.name
    if "knowledge_horizon" in row:
        row |= row.pop("knowledge_horizon")
    return row
