"""Energy that each resource used, from the mean powers that the S2 service put into the outbox."""

import json
import sqlite3
from datetime import datetime, timedelta

from cariflex_openadr.storage.ven_database import to_moment, to_text

W_PER_KW = 1000
SECONDS_PER_HOUR = 3600


class Usage:
    """Reads the table ``outbox``: what the VTN is told is what FlexMeasures is told."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def energy_wh(self, resource_id: str, start: datetime, end: datetime) -> float | None:
        """Energy from ``start`` to ``end`` in Wh, above 0 when consumed; None when no power is known for it.

        A slot without power adds nothing.
        """
        rows = self._connection.execute(
            """
            SELECT "values", resolution_s FROM outbox
            WHERE event_id = ? AND unit = 'kW' AND resolution_s > 0 AND start < ? AND "end" > ?
            """,
            (f"s2:{resource_id}", to_text(end), to_text(start)),
        )
        energy_ws: list[float] = []
        for row in rows:
            resolution = timedelta(seconds=row["resolution_s"])
            for item in json.loads(row["values"]):
                slot = to_moment(item["start"])
                shared = min(slot + resolution, end) - max(slot, start)
                if shared > timedelta(0):
                    energy_ws.append(W_PER_KW * item["value"] * shared.total_seconds())
        return sum(energy_ws) / SECONDS_PER_HOUR if energy_ws else None
