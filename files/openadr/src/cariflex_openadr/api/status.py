"""The VEN's status face: HTTP with JSON on the loopback address of the container."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from cariflex_openadr.agent import VenAgent
from cariflex_openadr.runtime import Clock, iso, metrics_text, utc_now
from cariflex_openadr.storage.ven import EventRecord, Post

POLLS_MISSED = 3
LEAST_POLL_AGE = timedelta(seconds=30)


@dataclass(slots=True)
class StatusApi:
    """Routes: /healthz, /metrics, /status."""

    agent: VenAgent
    clock: Clock = utc_now
    app: web.Application = field(init=False)

    def __post_init__(self) -> None:
        self.app = web.Application()
        self.app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._metrics),
                web.get("/status", self._status),
            ]
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        problems = self._problems()
        body = {"status": "failing" if problems else "ok", "problems": problems}
        return web.json_response(body, status=503 if problems else 200)

    def _problems(self) -> list[str]:
        longest = max(LEAST_POLL_AGE, POLLS_MISSED * self.agent.poll_interval).total_seconds()
        age = self._poll_age_s()
        if age is None:
            return [f"VTN: never polled; expected a poll ({self.agent.last_error or 'starting'})"]
        if age > longest:
            return [
                f"VTN: polled {age:.0f} s ago; expected at most {longest:.0f} s ({self.agent.last_error})"
            ]
        return []

    def _poll_age_s(self) -> float | None:
        polled = self.agent.last_poll
        return None if polled is None else (self.clock() - polled).total_seconds()

    async def _metrics(self, _: web.Request) -> web.Response:
        queue = self.agent.queue
        samples: list[tuple[str, dict[str, str], float]] = [
            ("cariflex_ven_posts_done", {}, queue.posted),
            ("cariflex_ven_posts_refused", {}, queue.refused),
            ("cariflex_ven_post_failures", {}, queue.failures),
            ("cariflex_ven_posts_waiting", {}, queue.waiting),
        ]
        age = self._poll_age_s()
        if age is not None:
            samples.append(("cariflex_ven_poll_age_seconds", {}, age))
        return web.Response(text=metrics_text(samples))

    async def _status(self, _: web.Request) -> web.Response:
        agent = self.agent
        rows = [row for record in agent.store.records() for row in _rows(record)]
        return web.json_response(
            {
                "ven_id": agent.ven_id,
                "registered": agent.registered,
                "last_poll": iso(agent.last_poll),
                "last_error": agent.last_error,
                "posts_waiting": agent.queue.waiting,
                "events": rows,
            }
        )


def _rows(record: EventRecord) -> list[dict[str, Any]]:
    """One row a post; an event without values has a single row with sensor_id null."""
    return [_row(record, post) for post in record.posts] or [_row(record, None)]


def _row(record: EventRecord, post: Post | None) -> dict[str, Any]:
    values = post.values if post else ()
    return {
        "event_id": record.event_id,
        "modification": record.modification,
        "created_at": iso(record.created_at),
        "received_at": iso(record.received_at),
        "responded_at": iso(record.responded_at),
        "opt": record.opt,
        "reason": record.reason,
        "cancelled": record.implied_cancel or bool(record.event and record.event.cancelled),
        "sensor_id": post.sensor_id if post else None,
        "belief_time": iso(post.belief_time) if post else None,
        "posted_at": iso(post.posted_at) if post else None,
        "error": post.error if post else "",
        "values": [
            {"start": iso(item.start), "value": item.value, "unit": post.unit if post else ""}
            for item in values
        ],
    }
