"""The VEN's database as this service uses it: promises are read, values are handed over."""

import logging
import math
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from cariflex_openadr.storage.intents import ACTIVE, Intent, Intents
from cariflex_openadr.storage.outbox import Outbox, Post
from cariflex_openadr.storage.ven_database import open_ven_database, transaction
from cariflex_s2.domain.model import Interval, Signal, SignalType

LOGGER = logging.getLogger(__name__)


class VenFile:
    """One connection, opened at first use and anew after an error; all calls from one thread."""

    def __init__(self, path: Path, clock: Callable[[], datetime]) -> None:
        self._path, self._clock = path, clock
        self._connection: sqlite3.Connection | None = None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_ven_database(self._path)
        return self._connection

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def changes_since(self, revision: int) -> list[Intent]:
        """Intents that changed after ``revision``. Raises sqlite3.Error or VenDatabaseError."""
        return Intents(self._connected(), self._clock).since(revision)

    def put(self, posts: Iterable[Post]) -> None:
        """Hand over values in one transaction; known ones change nothing. Raises as ``changes_since``."""
        connection = self._connected()
        outbox = Outbox(connection, self._clock)
        with transaction(connection):
            for post in posts:
                outbox.put(post)


def signal_of(intent: Intent) -> Signal | None:
    """The signal behind an intent, None for one that is cancelled, a test, or of an unknown type."""
    if intent.status != ACTIVE or intent.test:
        return None
    fields = {"event_id": intent.event_id, "modification": intent.modification}
    try:
        signal_type = SignalType(intent.signal_type)
    except ValueError:
        LOGGER.error("signal type not supported", extra={**fields, "signal_type": intent.signal_type})
        return None
    if not all(math.isfinite(item.value) for item in intent.intervals):
        LOGGER.error("signal value is no number", extra=fields)
        return None
    intervals = tuple(Interval(item.start, item.end, item.value) for item in intent.intervals)
    return Signal(intent.event_id, intent.modification, signal_type, intervals, frozenset(intent.targets))
