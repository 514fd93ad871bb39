"""What VENs offer to report, what we asked for, and the values that came."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from cariflex_openadr.domain.reports import (
    PLAN,
    ReportOffer,
    ReportOrder,
    ReportPlan,
    ReportPoint,
    ReportRequest,
    ReportValue,
    Untold,
    ordered_request,
    wanted,
)
from cariflex_openadr.domain.rules import RuleError
from cariflex_openadr.runtime import new_id
from cariflex_openadr.storage.channel import Channel
from cariflex_openadr.storage.database import Connection, Database
from cariflex_openadr.storage.mirror import Mirror

REPORTS_LOCK = 0x0AD0_0003
REQUESTS = """
SELECT report_request.*, report_offer.descriptions
FROM report_request JOIN report_offer USING (ven_id, specifier_id)
"""


@dataclass(slots=True)
class ReportStore:
    """Tables ``report_offer``, ``report_request`` and ``report_value``."""

    database: Database
    mirror: Mirror
    channel: Channel
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def register(
        self, ven_id: str, offers: Sequence[ReportOffer], requests: Sequence[ReportRequest], now: datetime
    ) -> list[ReportRequest]:
        """Take a VEN's offers in place of its earlier ones.

        Returns the requests as they hold, operators' ones too: each keeps its id, so that a VEN that
        registers again goes on with them. The values of withdrawn reports go too.
        """
        async with self._changing(ven_id) as connection:
            await connection.execute(
                "DELETE FROM report_offer WHERE ven_id = %s AND specifier_id <> ALL(%s)",
                [ven_id, [offer.specifier_id for offer in offers]],
            )
            for offer in offers:
                await connection.execute(
                    "INSERT INTO report_offer VALUES (%s, %s, %s, %s, %s) ON CONFLICT (ven_id, specifier_id) "
                    "DO UPDATE SET report_name = excluded.report_name, "
                    "descriptions = excluded.descriptions, offered_at = excluded.offered_at",
                    [
                        ven_id,
                        offer.specifier_id,
                        offer.report_name,
                        Jsonb([asdict(item) for item in offer.points]),
                        now,
                    ],
                )
            for request in requests:
                await _insert(connection, request, now)
            await connection.execute(
                "UPDATE report_request SET confirmed_at = NULL, refused = NULL WHERE ven_id = %s", [ven_id]
            )
            return await _live(connection, ven_id)

    async def follow_plan(self, plan: ReportPlan, now: datetime) -> None:
        """Ask anew for what the plan wants otherwise than it did when it was asked for."""
        changed: list[str] = []
        async with self.database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", [REPORTS_LOCK])
            rows = await (await connection.execute("SELECT * FROM report_offer")).fetchall()
            live = {
                (item.ven_id, item.specifier_id): item
                for item in await _live(connection)
                if item.origin == PLAN
            }
            for row in rows:
                held = live.get((row["ven_id"], row["specifier_id"]))
                fresh = wanted(_offer(row), row["ven_id"], new_id(), plan)
                if held is None or fresh is None or replace(fresh, request_id=held.request_id) == held:
                    continue
                # Under a new id: a VEN may hold that one id is one request, once and for all.
                await connection.execute(
                    "UPDATE report_request SET cancelled_at = %s WHERE request_id = %s",
                    [now, held.request_id],
                )
                await _insert(connection, fresh, now)
                await self.channel.tell(connection, "report", fresh.ven_id)
                changed.append(fresh.ven_id)
        for ven_id in changed:
            await self.refresh(ven_id)

    async def ask(self, order: ReportOrder, plan: ReportPlan, now: datetime) -> ReportRequest:
        """Take an operator's order. Raises RuleError when the VEN has not offered such a report."""
        async with self._changing(order.ven_id) as connection:
            cursor = await connection.execute(
                "SELECT * FROM report_offer WHERE ven_id = %s ORDER BY specifier_id", [order.ven_id]
            )
            offers = {row["specifier_id"]: _offer(row) for row in await cursor.fetchall()}
            if order.specifier_id not in offers:
                known = ", ".join(offers) or "none"
                raise RuleError(
                    f"ven {order.ven_id}: report {order.specifier_id}; expected one it offers: {known}"
                )
            request = ordered_request(order, offers[order.specifier_id], new_id(), plan)
            await _insert(connection, request, now)
        return request

    async def cancel(self, request_id: str, now: datetime) -> bool:
        """Take a request back; False when it is unknown. What was reported stays."""
        query = "SELECT ven_id FROM report_request WHERE request_id = %s"
        rows = await self.database.rows(query, [request_id])
        for row in rows:
            async with self._changing(row["ven_id"]) as connection:
                await connection.execute(
                    "UPDATE report_request SET cancelled_at = coalesce(cancelled_at, %s) "
                    "WHERE request_id = %s",
                    [now, request_id],
                )
        return bool(rows)

    async def confirm(
        self, ven_id: str, request_ids: Sequence[str], now: datetime, refusal: str = ""
    ) -> None:
        """Note which requests a VEN has taken; with ``refusal`` it will not take the others."""
        async with self._changing(ven_id) as connection:
            await connection.execute(
                "UPDATE report_request SET confirmed_at = coalesce(confirmed_at, %s), refused = NULL "
                "WHERE ven_id = %s AND request_id = ANY(%s)",
                [now, ven_id, list(request_ids)],
            )
            if refusal:
                await connection.execute(
                    "UPDATE report_request SET refused = %s "
                    "WHERE ven_id = %s AND confirmed_at IS NULL AND cancelled_at IS NULL",
                    [refusal, ven_id],
                )

    async def confirm_cancelled(self, ven_id: str, pending: Sequence[str], now: datetime) -> None:
        """Note that a VEN has given up the requests that were taken back, but for those still ``pending``."""
        async with self._changing(ven_id) as connection:
            await connection.execute(
                "UPDATE report_request SET cancel_confirmed_at = %s WHERE ven_id = %s "
                "AND cancelled_at IS NOT NULL AND cancel_confirmed_at IS NULL AND request_id <> ALL(%s)",
                [now, ven_id, list(pending)],
            )

    async def untold(self, connection: Connection, ven_id: str | None = None) -> dict[str, Untold]:
        """VEN -> what it has not confirmed; VENs that have all are left out."""
        cursor = await connection.execute(
            REQUESTS + "WHERE (%s::text IS NULL OR report_request.ven_id = %s) AND "
            "CASE WHEN cancelled_at IS NULL THEN confirmed_at IS NULL AND refused IS NULL "
            "ELSE cancel_confirmed_at IS NULL END ORDER BY created_at, request_id",
            [ven_id, ven_id],
        )
        rows = await cursor.fetchall()
        return {
            name: Untold(
                tuple(_request(row) for row in rows if row["ven_id"] == name and row["cancelled_at"] is None),
                tuple(row["request_id"] for row in rows if row["ven_id"] == name and row["cancelled_at"]),
            )
            for name in {row["ven_id"] for row in rows}
        }

    async def refresh(self, ven_id: str) -> None:
        """Take what has changed, here or in another process."""
        # One after another: what was read first must not be put last.
        async with self._reading, self.database.transaction() as connection:
            untold = await self.untold(connection, ven_id)
            self.mirror.put_untold_reports(ven_id, untold.get(ven_id))

    @asynccontextmanager
    async def _changing(self, ven_id: str) -> AsyncIterator[Connection]:
        """A transaction over a VEN's requests; every process's mirror knows of it after the commit."""
        async with self.database.transaction() as connection:
            yield connection
            await self.channel.tell(connection, "report", ven_id)
        await self.refresh(ven_id)

    async def put_values(self, ven_id: str, values: Iterable[ReportValue], now: datetime) -> set[str]:
        """Keep values, each once by request, point and start; ids of requests that are not this VEN's."""
        given = list(values)
        rows = await self.database.rows(
            "SELECT request_id, r_ids, confirmed_at FROM report_request "
            "WHERE ven_id = %s AND cancelled_at IS NULL AND request_id = ANY(%s)",
            [ven_id, sorted({value.request_id for value in given})],
        )
        unconfirmed = [row["request_id"] for row in rows if row["confirmed_at"] is None]
        if unconfirmed:
            # Values say more than a confirmation.
            await self.confirm(ven_id, unconfirmed, now)
        known = {row["request_id"]: set(row["r_ids"]) for row in rows}
        # A set of keys, because one INSERT may not touch a row twice; the last value wins.
        good = {
            (value.request_id, value.r_id, value.start): value
            for value in given
            if value.r_id in known.get(value.request_id, ())
        }
        if good:
            columns: list[list[Any]] = [list(column) for column in zip(*good, strict=True)]
            columns.append([value.duration_s for value in good.values()])
            columns.append([value.value for value in good.values()])
            await self.database.change(
                "INSERT INTO report_value SELECT given.*, %s FROM unnest(%s::text[], %s::text[], "
                "%s::timestamptz[], %s::int[], %s::float8[]) AS given "
                "ON CONFLICT (request_id, r_id, start) DO UPDATE SET duration_s = excluded.duration_s, "
                "value = excluded.value, received_at = excluded.received_at",
                [now, *columns],
            )
        return {
            f"{value.request_id}/{value.r_id}"
            for value in given
            if (value.request_id, value.r_id, value.start) not in good
        }

    async def drop_values_before(self, moment: datetime) -> None:
        """Delete values of intervals that started before ``moment``."""
        await self.database.change("DELETE FROM report_value WHERE start < %s", [moment])


async def _insert(connection: Connection, request: ReportRequest, now: datetime) -> None:
    """Add a request; the plan has one for each report, which then says the new figures."""
    await connection.execute(
        "INSERT INTO report_request (request_id, ven_id, specifier_id, r_ids, granularity_s, report_back_s, "
        "created_at, origin) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) "
        "ON CONFLICT (ven_id, specifier_id) WHERE origin = 'plan' AND cancelled_at IS NULL "
        "DO UPDATE SET r_ids = excluded.r_ids, granularity_s = excluded.granularity_s, "
        "report_back_s = excluded.report_back_s",
        [
            request.request_id,
            request.ven_id,
            request.specifier_id,
            [r_id for r_id, _ in request.points],
            int(request.granularity.total_seconds()),
            int(request.report_back.total_seconds()),
            now,
            request.origin,
        ],
    )


async def _live(connection: Connection, ven_id: str | None = None) -> list[ReportRequest]:
    """Requests that hold, of one VEN or all."""
    cursor = await connection.execute(
        REQUESTS + "WHERE (%s::text IS NULL OR report_request.ven_id = %s) AND cancelled_at IS NULL "
        "ORDER BY created_at, request_id",
        [ven_id, ven_id],
    )
    return [_request(row) for row in await cursor.fetchall()]


def _offer(row: dict[str, Any]) -> ReportOffer:
    points = tuple(ReportPoint(**item) for item in row["descriptions"])
    return ReportOffer(row["specifier_id"], row["report_name"], points)


def _request(row: dict[str, Any]) -> ReportRequest:
    reading = {item["r_id"]: item["reading_type"] for item in row["descriptions"]}
    return ReportRequest(
        request_id=row["request_id"],
        ven_id=row["ven_id"],
        specifier_id=row["specifier_id"],
        points=tuple((r_id, reading.get(r_id, "")) for r_id in row["r_ids"]),
        granularity=timedelta(seconds=row["granularity_s"]),
        report_back=timedelta(seconds=row["report_back_s"]),
        origin=row["origin"],
    )
