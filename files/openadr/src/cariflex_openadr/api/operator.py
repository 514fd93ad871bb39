"""The VTN's operator face: HTTP with JSON behind a token; health, metrics and description are open."""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from aiohttp import web

from cariflex_openadr.api import operator_requests as read
from cariflex_openadr.api import operator_views as views
from cariflex_openadr.domain.model import Event
from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.domain.reports import ReportPlan
from cariflex_openadr.domain.rules import OverlapError, RuleError
from cariflex_openadr.publisher import Publisher, UnknownEventError
from cariflex_openadr.runtime import metrics_text, new_id
from cariflex_openadr.security.authority import Authority, openadr_fingerprint
from cariflex_openadr.storage.database import DatabaseError
from cariflex_openadr.storage.parties import VenConflictError
from cariflex_openadr.storage.vtn import VtnStore
from cariflex_service.runtime import Clock, iso

OPEN_PATHS = ("/healthz", "/metrics", "/openapi.json")
# How far back lists of events go.
SHOW_ENDED = timedelta(days=2)
MOST_BYTES = 1_000_000

Counts = Callable[[], dict[str, int]]


@dataclass(slots=True)
class OperatorApi:
    """Routes as openapi.json describes them."""

    publisher: Publisher
    store: VtnStore
    authority: Authority
    token: str
    problems: Callable[[], list[str]]
    counts: Counts
    clock: Clock
    plan: ReportPlan
    app: web.Application = field(init=False)

    def __post_init__(self) -> None:
        self.app = web.Application(
            middlewares=[_errors_as_json, self._only_with_token], client_max_size=MOST_BYTES
        )
        self.app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._metrics),
                web.get("/openapi.json", self._openapi),
                web.get("/events", self._events),
                web.post("/events", self._create),
                web.get("/events/{event_id}", self._event),
                web.patch("/events/{event_id}", self._modify),
                web.post("/events/price/today/modify", self._republish),
                web.post("/events/{event_id}/cancel", self._cancel),
                web.put("/program/{day}", self._load_day),
                web.get("/vens", self._list_vens),
                web.post("/vens", self._add_ven),
                web.get("/vens/{ven_id}", self._ven),
                web.post("/vens/{ven_id}/revoke", self._revoke_ven),
                web.get("/reports", self._reports),
                web.post("/reports/requests", self._ask_report),
                web.post("/reports/requests/{request_id}/cancel", self._cancel_report),
            ]
        )

    @web.middleware
    async def _only_with_token(self, request: web.Request, handler: Any) -> web.StreamResponse:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        # Bytes, because a token from outside may hold any character.
        good = scheme == "Bearer" and hmac.compare_digest(token.encode(), self.token.encode())
        if request.path not in OPEN_PATHS and not good:
            return _error(HTTPStatus.UNAUTHORIZED, "Authorization: expected Bearer and the operator's token")
        response: web.StreamResponse = await handler(request)
        return response

    async def _healthz(self, _: web.Request) -> web.Response:
        problems = self.problems()
        body = {"status": "failing" if problems else "ok", "problems": problems}
        return web.json_response(body, status=503 if problems else 200)

    async def _openapi(self, _: web.Request) -> web.Response:
        return web.json_response(json.loads((files(__package__) / "openapi.json").read_text("utf-8")))

    async def _metrics(self, _: web.Request) -> web.Response:
        now = self.clock()
        samples: list[tuple[str, dict[str, str], float]] = [
            ("cariflex_vtn_database_followed", {}, float(self.store.ready.is_set())),
            ("cariflex_vtn_vens", {"state": "known"}, len(self.store.mirror.vens())),
            (
                "cariflex_vtn_vens",
                {"state": "registered"},
                sum(ven.registered and not ven.revoked for ven in self.store.mirror.vens()),
            ),
        ]
        for event in self.store.mirror.events():
            labels = {"event_id": event.event_id, "status": event.status_at(now).value}
            samples.append(("cariflex_vtn_event_modification", labels, event.modification))
        samples += [("cariflex_vtn_messages", {"kind": kind}, n) for kind, n in sorted(self.counts().items())]
        if self.store.ready.is_set():
            for ven_id, age in await self.store.parties.poll_ages(now):
                samples.append(("cariflex_vtn_ven_poll_age_seconds", {"ven_id": ven_id}, age))
        return web.Response(text=metrics_text(samples))

    async def _events(self, request: web.Request) -> web.Response:
        await self.store.flush()
        now = self.clock()
        found = await views.events(self.store.database, now, now - SHOW_ENDED, read.limit(request))
        return web.json_response({"events": found})

    async def _event(self, request: web.Request) -> web.Response:
        return web.json_response(await self._shown(request.match_info["event_id"]))

    async def _create(self, request: web.Request) -> web.Response:
        order, replace = read.order(await read.read_object(request))
        event = await self.publisher.dispatch(order, replace_running=replace)
        return await self._changed(event, HTTPStatus.CREATED)

    async def _modify(self, request: web.Request) -> web.Response:
        change = read.change(await read.read_object(request))
        return await self._changed(await self.publisher.modify(request.match_info["event_id"], change))

    async def _republish(self, _: web.Request) -> web.Response:
        return await self._changed(await self.publisher.republish_price())

    async def _cancel(self, request: web.Request) -> web.Response:
        return await self._changed(await self.publisher.cancel(request.match_info["event_id"]))

    async def _load_day(self, request: web.Request) -> web.Response:
        day = read.day(request.match_info["day"])
        events = await self.publisher.load_day(day, await read.day_content(request))
        now = self.clock()
        return web.json_response(
            {"day": day.isoformat(), "events": [views.describe_event(event, [], now) for event in events]}
        )

    async def _list_vens(self, request: web.Request) -> web.Response:
        await self.store.flush()
        return web.json_response({"vens": await views.vens(self.store.database, read.limit(request))})

    async def _ven(self, request: web.Request) -> web.Response:
        await self.store.flush()
        ven_id = request.match_info["ven_id"]
        found = await views.vens(self.store.database, 1, ven_id)
        if not found:
            raise UnknownEventError(f"ven {ven_id}: unknown")
        return web.json_response(found[0])

    async def _add_ven(self, request: web.Request) -> web.Response:
        ven_id, name, key_type = read.party(await read.read_object(request))
        issued = self.authority.issue(ven_id, key_type)
        known = self.store.mirror.ven(ven_id)
        registration = known.registration_id if known is not None else new_id()
        await self.store.parties.add(VenRecord(ven_id, name, registration, issued.fingerprint))
        return web.json_response(
            {
                "ven_id": ven_id,
                "ven_name": name,
                "fingerprint": issued.fingerprint,
                "openadr_fingerprint": openadr_fingerprint(issued.fingerprint),
                "not_after": iso(issued.certificate.not_valid_after_utc),
                "certificate": issued.certificate_pem,
                "key": issued.key_pem,
                "ca": self.authority.ca.certificate_pem,
                "vtn_fingerprint": openadr_fingerprint(self.authority.vtn.fingerprint),
            },
            status=HTTPStatus.CREATED,
        )

    async def _revoke_ven(self, request: web.Request) -> web.Response:
        ven_id = request.match_info["ven_id"]
        if not await self.store.parties.revoke(ven_id, self.clock()):
            raise UnknownEventError(f"ven {ven_id}: unknown")
        return await self._ven(request)

    async def _reports(self, request: web.Request) -> web.Response:
        found = await views.reports(
            self.store.database, read.limit(request), ven_id=request.query.get("ven_id")
        )
        return web.json_response({"reports": found})

    async def _ask_report(self, request: web.Request) -> web.Response:
        order = read.report_order(await read.read_object(request))
        if self.store.mirror.ven(order.ven_id) is None:
            raise UnknownEventError(f"ven {order.ven_id}: unknown")
        asked = await self.store.reports.ask(order, self.plan, self.clock())
        found = await views.reports(self.store.database, 1000, request_id=asked.request_id)
        return web.json_response({"reports": found}, status=HTTPStatus.CREATED)

    async def _cancel_report(self, request: web.Request) -> web.Response:
        request_id = request.match_info["request_id"]
        if not await self.store.reports.cancel(request_id, self.clock()):
            raise UnknownEventError(f"report request {request_id}: unknown")
        return web.json_response(
            {"reports": await views.reports(self.store.database, 1000, request_id=request_id)}
        )

    async def _changed(self, event: Event, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
        return web.json_response(await self._shown(event.event_id), status=status)

    async def _shown(self, event_id: str) -> dict[str, Any]:
        await self.store.flush()
        now = self.clock()
        found = await views.events(self.store.database, now, now - timedelta(days=4000), 1, event_id)
        if not found:
            raise UnknownEventError(f"event {event_id}: unknown")
        return found[0]


def _error(status: HTTPStatus, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except (OverlapError, VenConflictError) as error:
        return _error(HTTPStatus.CONFLICT, str(error))
    except RuleError as error:
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    except UnknownEventError as error:
        return _error(HTTPStatus.NOT_FOUND, str(error))
    except DatabaseError as error:
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, f"database: {str(error).strip()}")
    except web.HTTPException as error:
        return _error(HTTPStatus(error.status), error.reason)
    return response
