"""Deliveries and VENs' answers: opts to events, opt schedules, and the nonces of signed messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from cariflex_openadr.domain.party import Opt, OptSchedule
from cariflex_openadr.storage.channel import Channel
from cariflex_openadr.storage.database import Connection, Database
from cariflex_openadr.storage.mirror import Key, Mirror

# One statement for a whole message; the join leaves out what was never offered to this VEN.
INSERT_OPTS = """
INSERT INTO opt (ven_id, event_id, modification, opt, code, description, answered_at)
SELECT %(ven_id)s, given.*, %(at)s
FROM unnest(%(event_ids)s::text[], %(modifications)s::int[], %(opts)s::text[], %(codes)s::int[],
            %(descriptions)s::text[]) AS given (event_id, modification, opt, code, description)
JOIN event USING (event_id, modification)
WHERE event.ven_ids = '{}' OR %(ven_id)s = ANY (event.ven_ids)
ON CONFLICT (ven_id, event_id, modification) DO UPDATE
SET opt = excluded.opt, code = excluded.code, description = excluded.description,
    answered_at = excluded.answered_at
RETURNING event_id, modification
"""


INSERT_DELIVERIES = """
INSERT INTO delivery (ven_id, event_id, modification, first_at, last_at, times)
SELECT given.*
FROM unnest(%s::text[], %s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::int[])
    AS given (ven_id, event_id, modification, first_at, last_at, times)
JOIN event USING (event_id, modification) JOIN ven USING (ven_id)
ON CONFLICT (ven_id, event_id, modification) DO UPDATE
SET last_at = excluded.last_at, times = delivery.times + excluded.times
"""


@dataclass(slots=True)
class AnswerStore:
    """Tables ``opt``, ``opt_schedule``, ``delivery`` and ``nonce``."""

    database: Database
    mirror: Mirror
    channel: Channel
    _deliveries: dict[tuple[str, str, int], tuple[datetime, datetime, int]] = field(default_factory=dict)

    async def put_opts(self, opts: Sequence[Opt]) -> set[Key]:
        """Keep a VEN's answers, each in place of an earlier one; those of modifications it was offered."""
        if not opts:
            return set()
        # The last answer wins when one message names a modification twice.
        newest = {(opt.event_id, opt.modification): opt for opt in opts}
        given, ven_id = list(newest.values()), opts[0].ven_id
        async with self.database.transaction() as connection:
            cursor = await connection.execute(
                INSERT_OPTS,
                {
                    "ven_id": ven_id,
                    "at": given[0].at,
                    "event_ids": [opt.event_id for opt in given],
                    "modifications": [opt.modification for opt in given],
                    "opts": [opt.opt for opt in given],
                    "codes": [opt.code for opt in given],
                    "descriptions": [opt.description for opt in given],
                },
            )
            stored = {(row["event_id"], row["modification"]) for row in await cursor.fetchall()}
            if stored:
                await self.channel.tell_answers(connection, ven_id, sorted(stored))
        self.mirror.put_answers(ven_id, stored)
        return stored

    async def since(self, connection: Connection, moment: datetime) -> list[tuple[str, str, int]]:
        """(VEN, event, modification) of the answers to events that end after ``moment``."""
        cursor = await connection.execute(
            "SELECT ven_id, event_id, modification FROM opt JOIN event USING (event_id, modification) "
            "WHERE ends_at >= %s",
            [moment],
        )
        return [(row["ven_id"], row["event_id"], row["modification"]) for row in await cursor.fetchall()]

    async def put_schedule(self, schedule: OptSchedule) -> None:
        """Keep an opt schedule, in place of an earlier one of its id."""
        await self.database.change(
            "INSERT INTO opt_schedule (ven_id, opt_id, opt, reason, market_context, event_id, modification, "
            "resource_ids, availability, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (ven_id, opt_id) DO UPDATE SET opt = excluded.opt, reason = excluded.reason, "
            "market_context = excluded.market_context, event_id = excluded.event_id, "
            "modification = excluded.modification, resource_ids = excluded.resource_ids, "
            "availability = excluded.availability, created_at = excluded.created_at, cancelled_at = NULL",
            [
                schedule.ven_id,
                schedule.opt_id,
                schedule.opt,
                schedule.reason,
                schedule.market_context,
                schedule.event_id,
                schedule.modification,
                list(schedule.resource_ids),
                Jsonb(
                    [{"start": start.isoformat(), "duration_s": seconds} for start, seconds in schedule.times]
                ),
                schedule.created_at,
            ],
        )

    async def cancel_schedule(self, ven_id: str, opt_id: str, now: datetime) -> bool:
        """Cancel an opt schedule; False when the VEN has none of this id."""
        changed = await self.database.change(
            "UPDATE opt_schedule SET cancelled_at = coalesce(cancelled_at, %s) "
            "WHERE ven_id = %s AND opt_id = %s",
            [now, ven_id, opt_id],
        )
        return changed > 0

    async def take_nonce(self, fingerprint: str, nonce: str, signed_at: datetime) -> bool:
        """True for a nonce that no process has seen with this certificate."""
        query = "INSERT INTO nonce VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        return await self.database.change(query, [fingerprint, nonce, signed_at]) == 1

    async def drop_nonces_before(self, moment: datetime) -> None:
        """Forget nonces whose timestamp no longer passes."""
        await self.database.change("DELETE FROM nonce WHERE signed_at < %s", [moment])

    def delivered(self, ven_id: str, keys: Sequence[Key], now: datetime) -> None:
        """Note a distribution; written with the next flush. Answers decide what is sent again, not this."""
        for event_id, modification in keys:
            key = (ven_id, event_id, modification)
            first, _, times = self._deliveries.get(key, (now, now, 0))
            self._deliveries[key] = (first, now, times + 1)

    async def flush(self) -> None:
        """Write the deliveries noted since the last flush."""
        noted, self._deliveries = self._deliveries, {}
        if not noted:
            return
        columns: list[list[Any]] = [list(column) for column in zip(*noted, strict=True)]
        columns += [list(column) for column in zip(*noted.values(), strict=True)]
        try:
            await self.database.change(INSERT_DELIVERIES, columns)
        except BaseException:
            self._deliveries = noted | self._deliveries
            raise
