"""Follows the VEN's promises: what it opted in to is read from its database as it changes."""

import asyncio
import logging
import sqlite3
from dataclasses import dataclass

from cariflex_openadr.storage.intents import Intent
from cariflex_openadr.storage.ven_database import VenDatabaseError
from cariflex_s2.controller import Controller
from cariflex_s2.domain.model import Signal
from cariflex_s2.metrics import Metrics
from cariflex_s2.storage.ven_file import VenFile, signal_of

LOGGER = logging.getLogger(__name__)
READ_EVERY_S = 0.2


@dataclass(slots=True)
class Promises:
    """Reads changes after the revision it has seen. Nothing needs keeping: a restart reads all again."""

    ven_file: VenFile
    controller: Controller
    metrics: Metrics
    revision: int = 0
    problem: str = ""

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self.read()
            await asyncio.sleep(READ_EVERY_S)

    def read(self) -> None:
        """Take what has changed. Trouble with the file is told once, the file is opened anew next time."""
        try:
            changed = self.ven_file.changes_since(self.revision)
        except (sqlite3.Error, VenDatabaseError, ValueError) as error:
            self.metrics.database_failures.inc()
            if str(error) != self.problem:
                LOGGER.error("VEN database not readable", extra={"reason": str(error)})
            self.problem = str(error)
            self.ven_file.close()
            return
        self.problem = ""
        if changed:
            self.controller.change_signals([(_key(intent), self._signal(intent)) for intent in changed])
            self.revision = max(intent.revision for intent in changed)

    def _signal(self, intent: Intent) -> Signal | None:
        signal = signal_of(intent)
        fields = {"event_id": intent.event_id, "modification": intent.modification, "status": intent.status}
        LOGGER.info(
            "event read", extra={**fields, "signal_type": intent.signal_type, "followed": signal is not None}
        )
        if signal is None and intent.status == "active" and not intent.test:
            self.metrics.unsupported_signals.inc()
        return signal


def _key(intent: Intent) -> tuple[str, str]:
    return intent.vtn_id, intent.event_id
