"""SQL access to FlexMeasures' database. Knows psycopg2, not Ansible; raises ApiError."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2 import extensions

from ..errors import ApiError, UnreachableError
from .model import Found

CONNECT_TIMEOUT_S = 10
# A long transaction of FlexMeasures that changes sensors must not hang a deployment for ever.
LOCK_TIMEOUT = "30s"

# One statement, so that the plan rests on one snapshot and costs one round trip. Rows are arrays in the order
# of FoundAsset's and FoundSensor's fields: ten thousand jsonb objects take the server six times as long.
STATE = """
SELECT json_build_object(
  'accounts', (SELECT coalesce(json_agg(name), '[]') FROM account WHERE name IS NOT NULL),
  'asset_types', (SELECT coalesce(json_object_agg(name, description), '{}') FROM generic_asset_type
                  WHERE name IS NOT NULL),
  'assets', (SELECT coalesce(json_agg(json_build_array(
               a.id, coalesce(a.name, ''), coalesce(t.name, ''), c.name, a.parent_asset_id, a.attributes,
               a.flex_context, a.flex_model)), '[]')
             FROM generic_asset a JOIN generic_asset_type t ON t.id = a.generic_asset_type_id
             LEFT JOIN account c ON c.id = a.account_id),
  'sensors', (SELECT coalesce(json_agg(json_build_array(
                s.id, s.name, s.generic_asset_id, s.unit, extract(epoch FROM s.event_resolution)::int,
                s.timezone,
                json_build_object('fnc', s.knowledge_horizon_fnc, 'par', s.knowledge_horizon_par),
                s.attributes, EXISTS (SELECT FROM timed_belief b WHERE b.sensor_id = s.id))), '[]')
              FROM sensor s),
  'users', (SELECT coalesce(json_object_agg(u.email, d.name), '{}')
            FROM fm_user u LEFT JOIN data_source d ON d.user_id = u.id),
  'other_sources', (SELECT coalesce(json_agg(json_build_array(name, type)), '[]') FROM data_source
                    WHERE user_id IS NULL AND type IS NOT NULL),
  'sequences', (SELECT json_object_agg(q.sequencename, json_build_object(
                  'last', coalesce(q.last_value, 0), 'max_id', m.max_id))
                FROM pg_sequences q JOIN (
                  SELECT 'sensor_id_seq' AS name, coalesce(max(id), 0) AS max_id FROM sensor
                  UNION ALL SELECT 'account_id_seq', coalesce(max(id), 0) FROM account
                  UNION ALL SELECT 'generic_asset_id_seq', coalesce(max(id), 0) FROM generic_asset
                  UNION ALL SELECT 'generic_asset_type_id_seq', coalesce(max(id), 0) FROM generic_asset_type
                  UNION ALL SELECT 'data_source_id_seq', coalesce(max(id), 0) FROM data_source
                ) m ON m.name = q.sequencename WHERE q.schemaname = current_schema()))
"""

# Two runs at once must not plan on the same state. Posting data only reads sensor and goes on meanwhile.
LOCK = (
    "LOCK TABLE account, generic_asset_type, generic_asset, sensor, data_source IN SHARE ROW EXCLUSIVE MODE"
)


class Client:
    """One transaction on the database."""

    def __init__(self, connection: extensions.connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        """Keep other writers of the sensor structure away until the transaction ends."""
        self._execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
        self._execute(LOCK)

    def read(self) -> Found:
        """Read the whole state that a plan needs."""
        rows = self._execute(STATE)
        return Found.from_json(rows[0][0])

    def write(self, statement: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run one set-based statement over ``rows`` (its ``%(rows)s``); a row must hit one record."""
        count = self._rowcount(statement, {"rows": json.dumps(list(rows))})
        if count != len(rows):
            raise ApiError(
                f"SQL changed {count} records, expected {len(rows)}; rolled back: {statement.strip()}"
            )

    def _execute(
        self, statement: str, parameters: Mapping[str, Any] | Sequence[Any] | None = None
    ) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def _rowcount(self, statement: str, parameters: Mapping[str, Any]) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.rowcount


@contextmanager
def transaction(*, host: str, port: int, user: str, password: str, database: str) -> Iterator[Client]:
    """Connect and commit at the end of the block; any error rolls everything back and comes as ApiError."""
    where = f"PostgreSQL {user}@{host}:{port}/{database}"
    try:
        connection = psycopg2.connect(
            host=host,
            port=port,
            user=user,
            password=password,
            dbname=database,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="cariflex-sensor-map",
        )
    except psycopg2.Error as error:
        raise UnreachableError(f"{where}: cannot connect: {str(error).strip()}") from error
    try:
        with connection:
            yield Client(connection)
    except psycopg2.Error as error:
        raise ApiError(f"{where}: {str(error).strip()}; nothing was changed") from error
    finally:
        connection.close()
