"""Brings queued posts to FlexMeasures, in order, for as long as it takes."""

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
from cariflex_openadr.storage import Post

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
        """Posts not yet begun."""
        return self._queue.qsize()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            post = await self._queue.get()
            await self._deliver(post)

    async def _deliver(self, post: Post) -> None:
        wait_s, collisions = self.first_wait_s, 0
        while True:
            try:
                await self.poster.post(post)
            except BeliefCollisionError as error:
                collisions += 1
                if collisions > MOST_COLLISIONS:
                    self._refuse(post, error)
                    return
                # Always counted from the modification's own time, so a repost ends on the same second.
                post.belief_time += ONE_SECOND
            except PostRefusedError as error:
                self._refuse(post, error)
                return
            except PostError as error:
                self.failures += 1
                post.error = str(error)
                LOGGER.warning(
                    "post failed",
                    extra={"sensor_id": post.sensor_id, "reason": str(error), "retry_in_s": wait_s},
                )
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self.longest_wait_s)
            else:
                post.posted_at, post.error = self.clock(), ""
                self.posted += 1
                LOGGER.info("values posted", extra={"sensor_id": post.sensor_id, "values": len(post.values)})
                return

    def _refuse(self, post: Post, error: PostError) -> None:
        self.refused += 1
        post.error = str(error)
        LOGGER.error("post refused", extra={"sensor_id": post.sensor_id, "reason": str(error)})
