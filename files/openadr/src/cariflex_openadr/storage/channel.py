"""News from one VTN process to the others, by PostgreSQL's NOTIFY: sent with the commit, or not at all."""

import json
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

from cariflex_openadr.storage.database import Connection

CHANNEL = "openadr_vtn"
# A payload may have 8,000 bytes.
KEYS_A_NOTE = 40


@dataclass(frozen=True, slots=True)
class Note:
    """What changed: one topic (event, ven, report or opt) with its content."""

    topic: str
    content: Any


@dataclass(frozen=True, slots=True)
class Channel:
    """The sending end, and the reader of what others sent."""

    sender: str = field(default_factory=lambda: secrets.token_hex(6))

    async def tell(self, connection: Connection, topic: str, content: Any) -> None:
        """Tell the other processes, once the connection's transaction commits."""
        payload = json.dumps([self.sender, topic, content], separators=(",", ":"))
        await connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])

    async def tell_answers(
        self, connection: Connection, ven_id: str, keys: Iterable[tuple[str, int]]
    ) -> None:
        """Tell which modifications a VEN has answered."""
        for part in batched(keys, KEYS_A_NOTE):
            await self.tell(connection, "opt", [ven_id, part])

    def read(self, payload: str) -> Iterator[Note]:
        """The note in a payload, unless it is our own."""
        sender, topic, content = json.loads(payload)
        if sender != self.sender:
            yield Note(topic, content)
