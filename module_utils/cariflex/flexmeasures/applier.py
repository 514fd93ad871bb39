"""Applies a plan through the client: one set-based statement per kind and action, in the plan's order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from ..change import Change
from .client import Client

STATEMENTS = {
    ("sequence", "update"): """
SELECT setval(r.name::regclass, r.last)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, last bigint)""",
    ("asset_type", "create"): """
INSERT INTO generic_asset_type (name, description)
SELECT r.name, r.description
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, description text)""",
    ("asset_type", "update"): """
UPDATE generic_asset_type t SET description = r.description
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, description text)
WHERE t.name = r.name""",
    ("asset", "create"): """
INSERT INTO generic_asset (name, generic_asset_type_id, account_id, attributes)
SELECT r.name, t.id, c.id, '{}'
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, account text, type text)
JOIN generic_asset_type t ON t.name = r.type
JOIN account c ON c.name = r.account""",
    ("asset", "update"): """
UPDATE generic_asset a SET generic_asset_type_id = t.id
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(name text, account text, type text)
JOIN generic_asset_type t ON t.name = r.type
JOIN account c ON c.name = r.account
WHERE a.name = r.name AND a.account_id = c.id AND a.parent_asset_id IS NULL""",
    ("sensor", "create"): """
INSERT INTO sensor (id, name, unit, timezone, event_resolution, knowledge_horizon_fnc,
                    knowledge_horizon_par, generic_asset_id, attributes)
SELECT r.id, r.name, r.unit, r.timezone, make_interval(secs => r.resolution_s), r.fnc, r.par, a.id,
       r.attributes
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id int, name text, asset text, unit text, resolution_s int,
                                              timezone text, fnc text, par jsonb, attributes jsonb)
JOIN account c ON c.name = %(account)s
JOIN generic_asset a ON a.name = r.asset AND a.account_id = c.id AND a.parent_asset_id IS NULL""",
    ("sensor", "update"): """
UPDATE sensor s SET unit = r.unit, timezone = r.timezone, attributes = r.attributes,
                    event_resolution = make_interval(secs => r.resolution_s),
                    knowledge_horizon_fnc = r.fnc, knowledge_horizon_par = r.par
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(id int, unit text, resolution_s int, timezone text, fnc text,
                                              par jsonb, attributes jsonb)
WHERE s.id = r.id""",
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
}


def apply(client: Client, changes: Sequence[Change], *, account: str) -> None:
    """Run the changes in the client's open transaction; ApiError if the database is not as planned on."""
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
