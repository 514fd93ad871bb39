"""Brings queued posts to FlexMeasures for as long as it takes.

Their order is free: every post carries its belief time.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

from cariflex_openadr.clients.flexmeasures import (
    BeliefCollisionError,
    PostError,
    PostRefusedError,
    SensorPoster,
)
from cariflex_openadr.runtime import Clock, utc_now
from cariflex_openadr.storage.ven import Post

LOGGER = logging.getLogger(__name__)
ONE_SECOND = timedelta(seconds=1)
MOST_COLLISIONS = 30


@dataclass(slots=True)
class PostQueue:
    """One worker over a queue. Backs off from ``first_wait_s`` to ``longest_wait_s`` between tries."""

    poster: SensorPoster
    clock: Clock = utc_now
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    posted: int = 0
    refused: int = 0
    failures: int = 0
    _queue: asyncio.Queue[Post] = field(default_factory=asyncio.Queue)

    def put(self, post: Post) -> None:
        """Queue a post; returns at once."""
        self._queue.put_nowait(post)

    @property
    def waiting(self) -> int:
        """Posts waiting, failed ones included."""
        return self._queue.qsize()

    async def run(self) -> None:
        """Work until cancelled. A post that fails goes to the end, so that it holds up none of the others."""
        wait_s = self.first_wait_s
        while True:
            post = await self._queue.get()
            try:
                await self._deliver(post)
            except PostRefusedError as error:
                self._refuse(post, error)
            except PostError as error:
                self.failures += 1
                post.error = str(error)
                fields = {"sensor_id": post.sensor_id, "reason": post.error, "retry_in_s": wait_s}
                LOGGER.warning("post failed", extra=fields)
                self._queue.put_nowait(post)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self.longest_wait_s)
            else:
                wait_s = self.first_wait_s
                post.posted_at, post.error = self.clock(), ""
                self.posted += 1
                LOGGER.info("values posted", extra={"sensor_id": post.sensor_id, "values": len(post.values)})

    async def _deliver(self, post: Post) -> None:
        """Post, a second later in belief time for each collision: a repost ends on the same second again."""
        for _ in range(MOST_COLLISIONS):
            try:
                await self.poster.post(post)
            except BeliefCollisionError:
                post.belief_time += ONE_SECOND
            else:
                return
        raise PostRefusedError(
            f"sensor {post.sensor_id}: {MOST_COLLISIONS} belief seconds in a row are taken"
        )

    def _refuse(self, post: Post, error: PostError) -> None:
        self.refused += 1
        post.error = str(error)
        LOGGER.error("post refused", extra={"sensor_id": post.sensor_id, "reason": str(error)})
