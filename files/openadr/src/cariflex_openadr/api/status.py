"""The VEN's own face: HTTP with JSON for venctl in its container; others see metrics only."""

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from cariflex_openadr.agent import VenAgent
from cariflex_openadr.clients.vtn import VtnError
from cariflex_openadr.opts import OptError, Opts
from cariflex_openadr.storage.outbox import DEAD, PENDING, SENT, Entry, Outbox, Post
from cariflex_openadr.storage.ven_events import OPT_OUT, EventRecord
from cariflex_openadr.storage.ven_opts import Opt
from cariflex_service.runtime import Clock, iso, metrics_for_others, utc_now

LOGGER = logging.getLogger(__name__)
# FlexMeasures is away for a night's backup or an upgrade now and then; this long is trouble.
LONGEST_OUTBOX_AGE = timedelta(minutes=30)
# Of a post that is given up, so that people find it again.
ROW_IN_LOG = ("sensor_id", "event_id", "modification", "start", "values", "unit", "error")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BadRequestError(ValueError):
    """The request cannot be served; the message names the field, its value and what was expected."""


@dataclass(slots=True)
class StatusApi:
    """Routes: see ``__post_init__``. Bad input gets 422 with ``error``."""

    agent: VenAgent
    outbox: Outbox
    opts: Opts
    clock: Clock = utc_now
    app: web.Application = field(init=False)

    def __post_init__(self) -> None:
        self.app = web.Application(middlewares=[metrics_for_others, _refusals])
        self.app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._metrics),
                web.get("/status", self._status),
                web.get("/outbox", self._outbox),
                web.post("/outbox/retry", self._outbox_retry),
                web.post("/outbox/drop", self._outbox_drop),
                web.get("/opts", self._opts),
                web.post("/opts", self._opts_make),
                web.post("/opts/cancel", self._opts_cancel),
                web.post("/registration", self._registration),
            ]
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        problems = self._problems()
        body = {
            "status": "failing" if problems else "ok",
            "problems": problems,
            "poll_age_s": _seconds(self._poll_age()),
            "outbox_age_s": _seconds(self._outbox_age()) if not problems else None,
        }
        return web.json_response(body, status=503 if problems else 200)

    def _problems(self) -> list[str]:
        try:
            # Takes a writer's lock: a volume that is read-only or gone shows here.
            self.outbox.check_writable()
            outbox_age = self._outbox_age()
        except sqlite3.Error as error:
            return [f"database: {error}; expected a writable one on the volume"]
        problems: list[str] = []
        agent, age = self.agent, self._poll_age()
        longest = agent.longest_poll_age
        if agent.state.get("unregistered"):
            age = timedelta(0)
        if age is None:
            problems.append(f"VTN: never polled; expected a poll ({agent.last_error or 'starting'})")
        elif age > longest:
            problems.append(
                f"VTN: polled {age.total_seconds():.0f} s ago; expected at most "
                f"{longest.total_seconds():.0f} s ({agent.last_error})"
            )
        if outbox_age is not None and outbox_age > LONGEST_OUTBOX_AGE:
            problems.append(
                f"outbox: oldest post waits since {outbox_age.total_seconds():.0f} s; expected at most "
                f"{LONGEST_OUTBOX_AGE.total_seconds():.0f} s: see venctl outbox"
            )
        return problems

    def _poll_age(self) -> timedelta | None:
        polled = self.agent.last_poll
        return None if polled is None else self.clock() - polled

    def _outbox_age(self) -> timedelta | None:
        oldest = self.outbox.oldest_pending()
        return None if oldest is None else self.clock() - oldest

    async def _metrics(self, _: web.Request) -> web.Response:
        metrics = self.agent.metrics
        age = self._poll_age()
        metrics.poll_age.set(age.total_seconds() if age is not None else float("nan"))
        metrics.outbox_age.set((self._outbox_age() or timedelta(0)).total_seconds())
        metrics.unanswered.set(len(self.agent.inbox.events.unanswered()))
        for state, posts in self.outbox.counts().items():
            metrics.outbox.labels(state).set(posts)
        return web.Response(text=metrics.text())

    async def _status(self, _: web.Request) -> web.Response:
        agent, counts = self.agent, self.outbox.counts()
        rows = [row for record in agent.inbox.events.records() for row in self._event_rows(record)]
        return web.json_response(
            {
                "ven_id": agent.ven_id,
                "registered": agent.registered,
                "unregistered_by": agent.state.get("unregistered"),
                "poll_interval_s": agent.poll_interval.total_seconds(),
                "last_poll": iso(agent.last_poll),
                "last_error": agent.last_error,
                "posts_waiting": counts[PENDING],
                "posts_dead": counts[DEAD],
                "events": rows,
            }
        )

    def _event_rows(self, record: EventRecord) -> list[dict[str, Any]]:
        """One row a post; an event without values has a single row with sensor_id null."""
        posts = [
            entry
            for entry in self.outbox.of_event(record.event_id)
            if (entry.post.modification, entry.post.change) == (record.modification, record.change)
        ]
        return [_event_row(record, entry) for entry in posts] or [_event_row(record, None)]

    async def _outbox(self, request: web.Request) -> web.Response:
        state = request.query.get("state")
        if state not in (None, PENDING, SENT, DEAD):
            raise BadRequestError(f"state: {state!r}; expected {PENDING}, {SENT} or {DEAD}")
        sensor = request.query.get("sensor_id", "")
        if sensor and not sensor.isdecimal():
            raise BadRequestError(f"sensor_id: {sensor!r}; expected the number of a sensor")
        entries = self.outbox.entries(state, int(sensor) if sensor else None)
        return web.json_response(
            {"counts": self.outbox.counts(), "posts": [_outbox_row(entry) for entry in entries]}
        )

    async def _outbox_retry(self, request: web.Request) -> web.Response:
        body = await _body(request)
        entry_id, sensor_id = _number(body, "id"), _number(body, "sensor_id")
        retried = self.outbox.retry(entry_id, sensor_id)
        if entry_id is not None and not retried:
            raise BadRequestError(f"id: {entry_id}; expected a post that is pending or dead")
        return web.json_response({"retried": retried})

    async def _outbox_drop(self, request: web.Request) -> web.Response:
        body = await _body(request)
        entry_id, sensor_id = _number(body, "id"), _number(body, "sensor_id")
        if entry_id is None and sensor_id is None:
            raise BadRequestError("id, sensor_id: none given; expected which dead posts are given up")
        dropped = self.outbox.drop_dead(entry_id, sensor_id)
        if entry_id is not None and not dropped:
            raise BadRequestError(f"id: {entry_id}; expected a post that is dead")
        rows = [_outbox_row(entry) for entry in dropped]
        for row in rows:
            LOGGER.warning("post given up", extra={key: row[key] for key in ROW_IN_LOG})
        return web.json_response({"dropped": len(rows), "posts": rows})

    async def _opts(self, _: web.Request) -> web.Response:
        return web.json_response({"opts": [_opt_row(opt) for opt in self.opts.all()]})

    async def _opts_make(self, request: web.Request) -> web.Response:
        body = await _body(request)
        opt_type, reason = str(body.get("opt", "")), str(body.get("reason", ""))
        if body.get("event_id"):
            record = self.agent.inbox.events.newest(self.agent.state.get("vtn_id"), str(body["event_id"]))
            if record is None or record.event is None:
                raise BadRequestError(
                    f"event_id: {body['event_id']!r}; expected one that `venctl status` shows"
                )
            made = self.opts.for_event(opt_type, record, reason)
            note = f"operator: {reason}" if opt_type == OPT_OUT else ""
            self.agent.inbox.set_opt(record, opt_type, note)
        else:
            start, end = _moment(body, "start"), _moment(body, "end")
            context = str(body.get("market_context") or "")
            made = self.opts.schedule(opt_type, start, end, reason, context)
        return web.json_response(_opt_row(made), status=201)

    async def _opts_cancel(self, request: web.Request) -> web.Response:
        return web.json_response(_opt_row(self.opts.cancel(str((await _body(request)).get("opt_id", "")))))

    async def _registration(self, request: web.Request) -> web.Response:
        action = (await _body(request)).get("action")
        if action == "cancel":
            await self.agent.cancel_registration()
        elif action == "renew":
            self.agent.register_again()
        else:
            raise BadRequestError(f"action: {action!r}; expected cancel or renew")
        return web.json_response({"action": action})


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (BadRequestError, OptError) as error:
        return web.json_response({"error": str(error)}, status=422)
    except VtnError as error:
        return web.json_response({"error": f"VTN: {error}"}, status=502)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as error:
        raise BadRequestError(f"body: {error}; expected JSON") from error
    if not isinstance(body, dict):
        raise BadRequestError(f"body: {type(body).__name__}; expected a JSON object")
    return body


def _number(body: dict[str, Any], key: str) -> int | None:
    value = body.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise BadRequestError(f"{key}: {value!r}; expected a number")
    return value


def _moment(body: dict[str, Any], key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(body.get(key)))
    except ValueError as error:
        raise BadRequestError(f"{key}: {body.get(key)!r}; expected a date and time with offset") from error
    if moment.tzinfo is None:
        raise BadRequestError(f"{key}: {body.get(key)!r}; expected an offset such as -04:00")
    return moment


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 1)


def _event_row(record: EventRecord, entry: Entry | None) -> dict[str, Any]:
    post = entry.post if entry else None
    return {
        "event_id": record.event_id,
        "modification": record.modification,
        "change": record.change,
        "created_at": iso(record.created_at),
        "received_at": iso(record.received_at),
        "responded_at": iso(record.responded_at),
        "opt": record.opt,
        "code": record.code,
        "reason": record.reason,
        "cancelled": record.dropped or bool(record.event and record.event.cancelled),
        "test": bool(record.event and record.event.test),
        "sensor_id": post.sensor_id if post else None,
        "belief_time": iso(post.belief_time) if post else None,
        "posted_at": iso(entry.sent_at) if entry else None,
        "error": entry.error if entry else "",
        "values": [] if post is None else _values(post),
    }


def _values(post: Post) -> list[dict[str, Any]]:
    return [{"start": iso(item.start), "value": item.value, "unit": post.unit} for item in post.values]


def _outbox_row(entry: Entry) -> dict[str, Any]:
    post = entry.post
    return {
        "id": entry.entry_id,
        "state": entry.state,
        "sensor_id": post.sensor_id,
        "start": iso(post.start),
        "values": len(post.values),
        "unit": post.unit,
        "event_id": post.event_id,
        "modification": post.modification,
        "change": post.change,
        "poster": post.poster,
        "belief_time": iso(post.belief_time),
        "attempts": entry.attempts,
        "created_at": iso(entry.created_at),
        "next_attempt": iso(entry.next_attempt),
        "sent_at": iso(entry.sent_at),
        "error": entry.error,
    }


def _opt_row(opt: Opt) -> dict[str, Any]:
    return {
        "opt_id": opt.opt_id,
        "opt": opt.opt_type,
        "reason": opt.reason,
        "market_context": opt.market_context,
        "event_id": opt.event_id,
        "start": iso(opt.start),
        "end": iso(opt.end),
        "state": opt.state,
        "error": opt.error,
    }
