"""Brings values to FlexMeasures for as long as it takes; what waits survives a restart with the state."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from cariflex_service.flexmeasures import Post, Poster, PostError, PostRefusedError

LOGGER = logging.getLogger(__name__)
# A day of intervals of all sensors; beyond it the oldest go, and the log says so.
MOST_WAITING = 10_000


@dataclass(slots=True)
class PostQueue:
    """One worker over a queue. Its order is free, every post carries its belief time."""

    poster: Poster
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    posted: int = 0
    refused: int = 0
    failures: int = 0
    dropped: int = 0
    waiting: deque[Post] = field(default_factory=deque)
    _filled: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, post: Post) -> None:
        """Queue a post; returns at once."""
        if len(self.waiting) >= MOST_WAITING:
            oldest = self.waiting.popleft()
            self.dropped += 1
            LOGGER.error("post dropped: too many wait", extra={"sensor_id": oldest.sensor_id})
        self.waiting.append(post)
        self._filled.set()

    async def run(self) -> None:
        """Work until cancelled. A post that fails goes to the end of the queue."""
        wait_s = self.first_wait_s
        while True:
            while not self.waiting:
                self._filled.clear()
                await self._filled.wait()
            post = self.waiting[0]
            try:
                await self.poster.post(post)
            except PostRefusedError as error:
                self.refused += 1
                LOGGER.error("post refused", extra={"sensor_id": post.sensor_id, "reason": str(error)})
            except PostError as error:
                self.failures += 1
                fields = {"sensor_id": post.sensor_id, "reason": str(error), "retry_in_s": wait_s}
                LOGGER.warning("post failed", extra=fields)
                self.waiting.rotate(-1)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, self.longest_wait_s)
                continue
            else:
                self.posted += 1
            wait_s = self.first_wait_s
            if self.waiting and self.waiting[0] is post:
                self.waiting.popleft()
