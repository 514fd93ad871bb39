"""The VTN's operator face: HTTP with JSON on the loopback address of the container."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from cariflex_openadr.domain.model import Event, SignalKind
from cariflex_openadr.domain.rules import OverlapError, RuleError
from cariflex_openadr.messages.signals import SPECS
from cariflex_openadr.publisher import Publisher, UnknownEventError
from cariflex_openadr.runtime import Clock, iso, metrics_text, utc_now
from cariflex_openadr.settings.vtn import VenIdentity
from cariflex_openadr.storage.vtn import Opt, VtnStore

TYPES = {
    "load_control": (SignalKind.LOAD_CONTROL, "value"),
    "simple": (SignalKind.DEMAND_RESPONSE, "level"),
}
PAYLOAD_UNITS = {
    SignalKind.PRICE: "EUR/MWh",
    SignalKind.LOAD_CONTROL: "share of capacity",
    SignalKind.DEMAND_RESPONSE: "level",
}


class OperatorApi:
    """Routes: /healthz, /metrics, /events, /vens and the changes to events."""

    def __init__(
        self,
        publisher: Publisher,
        store: VtnStore,
        vens: tuple[VenIdentity, ...],
        problems: Callable[[], list[str]],
        clock: Clock = utc_now,
    ) -> None:
        self._publisher, self._store, self._vens = publisher, store, vens
        self._problems, self._clock = problems, clock
        self.app = web.Application(middlewares=[_errors_as_json])
        self.app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._metrics),
                web.get("/events", self._events),
                web.get("/vens", self._list_vens),
                web.post("/events", self._create),
                web.post("/events/price/today/modify", self._republish),
                web.post("/events/{event_id}/cancel", self._cancel),
            ]
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        problems = self._problems()
        body = {"status": "failing" if problems else "ok", "problems": problems}
        return web.json_response(body, status=503 if problems else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        now = self._clock()
        samples: list[tuple[str, dict[str, str], float]] = []
        for event in self._store.events():
            labels = {"event_id": event.event_id, "status": event.status_at(now).value}
            samples.append(("cariflex_vtn_event_modification", labels, event.modification))
        for ven in self._vens:
            polled = self._store.last_poll(ven.ven_id)
            if polled is not None:
                age = (now - polled).total_seconds()
                samples.append(("cariflex_vtn_ven_poll_age_seconds", {"ven_id": ven.ven_id}, age))
        return web.Response(text=metrics_text(samples))

    async def _events(self, _: web.Request) -> web.Response:
        events = sorted(self._store.events(), key=lambda event: (event.start, event.event_id))
        return web.json_response({"events": [self._describe(event) for event in events]})

    async def _list_vens(self, _: web.Request) -> web.Response:
        rows = [
            {
                "ven_name": ven.ven_name,
                "ven_id": ven.ven_id,
                "registered": self._store.is_registered(ven.ven_id),
                "last_poll": iso(self._store.last_poll(ven.ven_id)),
                "opts": [_describe_opt(opt) for opt in self._store.opts(ven.ven_id)],
            }
            for ven in self._vens
        ]
        return web.json_response({"vens": rows})

    async def _create(self, request: web.Request) -> web.Response:
        body = await _read_object(request)
        kind_name = body.get("type")
        if not isinstance(kind_name, str) or kind_name not in TYPES:
            raise RuleError(f"type: {kind_name!r}; expected one of {', '.join(TYPES)}")
        kind, value_key = TYPES[kind_name]
        unknown = set(body) - {"type", value_key, "duration_s", "start", "replace"}
        if unknown:
            raise RuleError(f"keys: {sorted(unknown)}; expected {value_key}, duration_s, start, replace")
        event = self._publisher.dispatch(
            kind,
            _number(body, value_key),
            timedelta(seconds=_number(body, "duration_s", most=7 * 86400)),
            _moment(body.get("start")),
            replace_running=body.get("replace") is True,
        )
        return web.json_response(self._describe(event), status=201)

    async def _republish(self, _: web.Request) -> web.Response:
        return web.json_response(self._describe(self._publisher.republish_price()))

    async def _cancel(self, request: web.Request) -> web.Response:
        return web.json_response(self._describe(self._publisher.cancel(request.match_info["event_id"])))

    def _describe(self, event: Event) -> dict[str, Any]:
        opts = (self._store.opt(ven.ven_id, event.event_id, event.modification) for ven in self._vens)
        return {
            "event_id": event.event_id,
            "modification": event.modification,
            "created_at": iso(event.created_at),
            "market_context": event.market_context,
            "priority": event.priority,
            "status": event.status_at(self._clock()).value,
            "start": iso(event.start),
            "duration_s": int((event.end - event.start).total_seconds()),
            "signals": [
                {
                    "kind": signal.kind.value,
                    "name": SPECS[signal.kind].names[0],
                    "type": signal.type_name,
                    "unit": PAYLOAD_UNITS[signal.kind],
                    "intervals": [
                        {
                            "start": iso(interval.start),
                            "duration_s": int(interval.duration.total_seconds()),
                            "value": interval.value,
                        }
                        for interval in signal.intervals
                    ],
                }
                for signal in event.signals
            ],
            "opts": [_describe_opt(opt) for opt in opts if opt is not None],
        }


def _describe_opt(opt: Opt) -> dict[str, Any]:
    return {
        "ven_id": opt.ven_id,
        "event_id": opt.event_id,
        "modification": opt.modification,
        "opt": opt.opt,
        "code": opt.code,
        "description": opt.description,
        "at": iso(opt.at),
    }


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except OverlapError as error:
        return web.json_response({"error": str(error)}, status=409)
    except RuleError as error:
        return web.json_response({"error": str(error)}, status=422)
    except UnknownEventError as error:
        return web.json_response({"error": str(error)}, status=404)
    return response


async def _read_object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError as error:
        raise RuleError(f"body: {error}; expected a JSON object") from error
    if not isinstance(body, dict):
        raise RuleError(f"body: {type(body).__name__}; expected a JSON object")
    return body


def _number(body: dict[str, Any], key: str, most: float = 1e9) -> float:
    value = body.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not -most <= value <= most:
        raise RuleError(f"{key}: {value!r}; expected a number of at most {most:g}")
    return float(value)


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise RuleError(f"start: {value!r}; expected ISO 8601") from error
    if moment.tzinfo is None or moment.second or moment.microsecond:
        raise RuleError(f"start: {value!r}; expected a full minute with a UTC offset")
    return moment.astimezone(UTC)
