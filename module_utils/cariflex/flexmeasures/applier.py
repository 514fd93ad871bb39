"""Applies a plan through the client: one set-based statement per kind and action, in the plan's order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from ..change import Change
from .client import Client

_ACCOUNT = "(SELECT id FROM account WHERE name = %(account)s)"
_OWN_ROOT = f"a.account_id = {_ACCOUNT} AND a.parent_asset_id IS NULL"
_SENSOR_ROWS = (
    "jsonb_to_recordset(%(rows)s::jsonb) AS r(id int, name text, asset text, unit text, resolution_s int,"
    " timezone text, fnc text, par jsonb, attributes jsonb)"
)

STATEMENTS = {
    ("sequence", "update"): """
SELECT setval(r.name::regclass, r.last)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, last bigint)""",
    ("asset_type", "create"): """
INSERT INTO generic_asset_type (name, description)
SELECT r.name, r.description FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, description text)""",
    ("asset_type", "update"): """
UPDATE generic_asset_type t SET description = r.description
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, description text) WHERE t.name = r.name""",
    ("asset", "create"): f"""
INSERT INTO generic_asset (name, generic_asset_type_id, account_id, attributes)
SELECT r.name, t.id, {_ACCOUNT}, '{{}}'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, type text) JOIN generic_asset_type t ON t.name = r.type""",
    ("asset", "update"): f"""
UPDATE generic_asset a SET generic_asset_type_id = t.id
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, type text) JOIN generic_asset_type t ON t.name = r.type
WHERE a.name = r.name AND {_OWN_ROOT}""",
    ("sensor", "create"): f"""
INSERT INTO sensor (id, name, unit, timezone, event_resolution, knowledge_horizon_fnc, knowledge_horizon_par,
                    generic_asset_id, attributes)
SELECT r.id, r.name, r.unit, r.timezone, make_interval(secs => r.resolution_s), r.fnc, r.par, a.id, r.attributes
FROM {_SENSOR_ROWS} JOIN generic_asset a ON a.name = r.asset WHERE {_OWN_ROOT}""",
    ("sensor", "update"): f"""
UPDATE sensor s SET unit = r.unit, timezone = r.timezone, event_resolution = make_interval(secs => r.resolution_s),
       knowledge_horizon_fnc = r.fnc, knowledge_horizon_par = r.par, attributes = r.attributes
FROM {_SENSOR_ROWS} WHERE s.id = r.id""",
    # As FlexMeasures itself makes the source of a user, which it finds again by user_id.
    ("data_source", "create"): """
INSERT INTO data_source (name, type, user_id, account_id, attributes)
SELECT r.name, 'user', u.id, u.account_id, '{}'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(email text, name text) JOIN fm_user u ON u.email = r.email""",
    ("data_source", "update"): """
UPDATE data_source d SET name = r.name
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(email text, name text) JOIN fm_user u ON u.email = r.email
WHERE d.user_id = u.id""",
}


def apply(client: Client, changes: Sequence[Change], *, account: str) -> None:
    """Run the changes in the client's open transaction; ApiError when the database is not what was planned on."""
    for key, group in groupby(changes, key=lambda change: (change.kind, change.action)):
        client.write(STATEMENTS[key], [_row(change) for change in group], account=account)


def _row(change: Change) -> dict[str, Any]:
    row = dict(change.desired)
    if change.kind == "sensor":
        row |= {"id": int(change.name), **row.pop("knowledge_horizon")}
    elif change.kind == "data_source":
        row["email"] = change.name
    else:
        row["name"] = change.name
    return row
