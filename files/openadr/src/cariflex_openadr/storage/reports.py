"""What VENs offer to report, what we asked for, and the values that came."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from cariflex_openadr.domain.reports import ReportOffer, ReportRequest, ReportValue
from cariflex_openadr.storage.database import Database


@dataclass(slots=True)
class ReportStore:
    """Tables ``report_offer``, ``report_request`` and ``report_value``."""

    database: Database

    async def register(
        self, ven_id: str, offers: Sequence[ReportOffer], requests: Sequence[ReportRequest], now: datetime
    ) -> list[ReportRequest]:
        """Take a VEN's offers in place of its earlier ones.

        The requests as they hold: a specifier that had a request keeps its id, so that a VEN that registers
        its reports again goes on with the ones it has. The values of withdrawn reports go with them.
        """
        async with self.database.transaction() as connection:
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
            held: list[ReportRequest] = []
            for request in requests:
                cursor = await connection.execute(
                    "INSERT INTO report_request VALUES (%s, %s, %s, %s, %s, %s, %s) "
                    "ON CONFLICT (ven_id, specifier_id) DO UPDATE SET r_ids = excluded.r_ids, "
                    "granularity_s = excluded.granularity_s, report_back_s = excluded.report_back_s "
                    "RETURNING request_id",
                    [
                        request.request_id,
                        ven_id,
                        request.specifier_id,
                        [r_id for r_id, _ in request.points],
                        int(request.granularity.total_seconds()),
                        int(request.report_back.total_seconds()),
                        now,
                    ],
                )
                row = await cursor.fetchone()
                held.append(replace(request, request_id=row["request_id"] if row else request.request_id))
        return held

    async def confirm(self, ven_id: str, request_ids: Sequence[str], now: datetime) -> None:
        """Note that a VEN has confirmed requests."""
        await self.database.change(
            "UPDATE report_request SET confirmed_at = coalesce(confirmed_at, %s) "
            "WHERE ven_id = %s AND request_id = ANY(%s)",
            [now, ven_id, list(request_ids)],
        )

    async def put_values(self, ven_id: str, values: Iterable[ReportValue], now: datetime) -> set[str]:
        """Keep values, each once by request, point and start; ids of requests that are not this VEN's."""
        given = list(values)
        rows = await self.database.rows(
            "SELECT request_id, r_ids FROM report_request WHERE ven_id = %s AND request_id = ANY(%s)",
            [ven_id, sorted({value.request_id for value in given})],
        )
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
