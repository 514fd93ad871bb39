"""Brings the outbox to FlexMeasures for as long as it takes: at least once, and with one effect.

Every post carries its belief time, so that a repeated one is the same belief.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from cariflex_openadr.clients.flexmeasures import (
    BeliefCollisionError,
    PostError,
    PostRefusedError,
    SensorPoster,
)
from cariflex_openadr.metrics import VenMetrics
from cariflex_openadr.storage.outbox import Entry, Outbox
from cariflex_service.runtime import Clock, utc_now

LOGGER = logging.getLogger(__name__)
MOST_COLLISIONS = 30


@dataclass(slots=True)
class OutboxSender:
    """One worker over the outbox. A post waits ``first_wait_s`` after its first failure, then twice as long.

    The S2 service puts posts in from another process, hence a look every ``idle_s``.
    """

    outbox: Outbox
    poster: SensorPoster
    metrics: VenMetrics
    clock: Clock = utc_now
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    idle_s: float = 0.5
    jitter: Callable[[float, float], float] = random.uniform

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            if not await self.send_next():
                await asyncio.sleep(self.idle_s)

    async def send_next(self) -> bool:
        """Try the post that is due first; False when none is."""
        due = self.outbox.due()
        if not due:
            return False
        entry = due[0]
        try:
            await self._deliver(entry)
        except PostRefusedError as error:
            self.outbox.dead(entry.entry_id, str(error))
            self.metrics.posts.labels("dead").inc()
            LOGGER.error("post refused", extra=_log_fields(entry) | {"reason": str(error)})
        except PostError as error:
            wait_s = self._wait_s(entry.attempts)
            self.outbox.failed(entry.entry_id, str(error), self.clock() + timedelta(seconds=wait_s))
            self.metrics.posts.labels("failed").inc()
            fields = _log_fields(entry) | {"reason": str(error), "retry_in_s": round(wait_s, 1)}
            LOGGER.warning("post failed", extra=fields)
        return True

    def _wait_s(self, attempts: int) -> float:
        """Half to all of the doubled wait: clients that failed together do not come back together."""
        full = min(self.longest_wait_s, self.first_wait_s * 2 ** min(attempts, 20))
        return self.jitter(full / 2, full)

    async def _deliver(self, entry: Entry) -> None:
        """Post; for each collision a second later in belief time, which is kept before it is used."""
        current: Entry | None = entry
        for _ in range(MOST_COLLISIONS):
            if current is None:
                LOGGER.info("post superseded", extra=_log_fields(entry))
                return
            try:
                await self.poster.post(current.post)
            except BeliefCollisionError:
                current = self.outbox.raise_belief(current)
            else:
                self.outbox.sent(entry.entry_id)
                self.metrics.posts.labels("sent").inc()
                LOGGER.info("values posted", extra=_log_fields(current))
                return
        raise PostRefusedError(
            f"sensor {entry.post.sensor_id}: {MOST_COLLISIONS} belief seconds in a row are taken"
        )


def _log_fields(entry: Entry) -> dict[str, object]:
    post = entry.post
    return {
        "event_id": post.event_id,
        "modification": post.modification,
        "change": post.change,
        "sensor_id": post.sensor_id,
        "values": len(post.values),
        "poster": post.poster,
    }
