"""The VTN's OpenADR face: openleadr's server with our own delivery.

openleadr clears its 'new event' flag on sending and forgets opts of modifications, so polls, event requests
and created events are answered from the store here. One server a process: its lookup is class-level.
"""

import logging
from typing import Any

from aiohttp import web
from openleadr import OpenADRServer, errors
from openleadr.messaging import TEMPLATES, create_message
from openleadr.service import VTNService
from openleadr.utils import flatten_xml

from cariflex_openadr.messages.events import to_wire
from cariflex_openadr.messages.xml_guard import MAX_BYTES, UnsafeXmlError, check_xml
from cariflex_openadr.publisher import Publisher, UnknownEventError
from cariflex_openadr.runtime import Clock, utc_now
from cariflex_openadr.settings.vtn import VenIdentity, VtnSettings
from cariflex_openadr.storage.vtn import Opt, VtnStore

LOGGER = logging.getLogger(__name__)
PATH = "/OpenADR2/Simple/2.0b"

Reply = tuple[str, dict[str, Any]]


@web.middleware
async def guard_xml(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer dangerous or foreign bodies before openleadr, whose parser they would crash, sees them."""
    if request.method == "POST":
        if request.content_type != "application/xml":
            return web.Response(status=415, text="Content-Type: expected application/xml\n")
        try:
            check_xml(await request.read())
        except UnsafeXmlError as error:
            LOGGER.warning("message refused", extra={"peer": request.remote, "reason": str(error)})
            return web.Response(status=400, text=f"{error}\n")
    response: web.StreamResponse = await handler(request)
    return response


class OpenAdrApi:
    """Wires openleadr's services to the publisher and the store."""

    def __init__(
        self, settings: VtnSettings, publisher: Publisher, store: VtnStore, clock: Clock = utc_now
    ) -> None:
        self._vens = {ven.ven_id: ven for ven in settings.vens}
        self._publisher, self._store, self._clock = publisher, store, clock
        server = OpenADRServer(
            vtn_id=settings.vtn_id,
            http_path_prefix=PATH,
            requested_poll_freq=settings.poll_interval,
            ven_lookup=self._lookup,
        )
        server.add_handler("on_poll", self._poll)
        server.add_handler("on_create_party_registration", self._register)
        server.add_handler("on_cancel_party_registration", self._unregister)
        events = server.services["event_service"]
        events.handlers["oadrRequestEvent"] = self._request_event
        events.handlers["oadrCreatedEvent"] = self._created_event
        # openleadr leaves a bare partial on the class, which later Pythons would turn into a method.
        VTNService._create_message = staticmethod(_render)
        server.app.middlewares.append(guard_xml)
        server.app._client_max_size = MAX_BYTES
        self.app: web.Application = server.app

    def _lookup(self, ven_id: str) -> dict[str, str] | None:
        ven = self._vens.get(str(ven_id))
        if ven is None or not self._store.is_registered(ven.ven_id):
            return None
        return {"ven_id": ven.ven_id, "ven_name": ven.ven_name, "registration_id": ven.registration_id}

    def _register(self, payload: dict[str, Any]) -> tuple[str, str] | bool:
        ven = self._configured(str(payload.get("ven_name")))
        asked = payload.get("ven_id")
        if ven is None or (asked is not None and str(asked) != ven.ven_id):
            LOGGER.warning("registration refused", extra={"ven_name": str(payload.get("ven_name"))[:64]})
            return False
        self._store.set_registered(ven.ven_id, True)
        LOGGER.info("VEN registered", extra={"ven_id": ven.ven_id})
        return ven.ven_id, ven.registration_id

    def _configured(self, ven_name: str) -> VenIdentity | None:
        return next((ven for ven in self._vens.values() if ven.ven_name == ven_name), None)

    def _unregister(self, payload: dict[str, Any]) -> Reply:
        ven = self._vens[str(payload["ven_id"])]
        if str(payload.get("registration_id")) != ven.registration_id:
            raise errors.InvalidIdError("registrationID is not that of this VEN")
        self._store.set_registered(ven.ven_id, False)
        LOGGER.info("VEN cancelled its registration", extra={"ven_id": ven.ven_id})
        return "oadrCanceledPartyRegistration", {"ven_id": ven.ven_id, "registration_id": ven.registration_id}

    def _poll(self, ven_id: str) -> Reply | None:
        ven_id = str(ven_id)
        self._store.put_poll(ven_id, self._clock())
        return self._distribute(ven_id) if self._publisher.has_news(ven_id) else None

    def _request_event(self, payload: dict[str, Any]) -> Reply:
        return self._distribute(str(payload["ven_id"]))

    def _distribute(self, ven_id: str) -> Reply:
        now = self._clock()
        events = [to_wire(event, ven_id, now) for event in self._publisher.distribution(ven_id)]
        return "oadrDistributeEvent", {"events": events}

    def _created_event(self, payload: dict[str, Any]) -> Reply:
        ven_id, now = str(payload["ven_id"]), self._clock()
        unknown: list[str] = []
        for item in payload.get("event_responses") or []:
            opt = Opt(
                ven_id=ven_id,
                event_id=str(item["event_id"]),
                modification=int(item["modification_number"]),
                opt=str(item["opt_type"]),
                code=int(item["response_code"]),
                description=str(item.get("response_description") or ""),
                at=now,
            )
            try:
                self._publisher.take_opt(opt)
            except UnknownEventError as error:
                unknown.append(str(error))
        if unknown:
            LOGGER.warning("answer to unknown events", extra={"ven_id": ven_id, "reason": unknown})
            raise errors.InvalidIdError("eventID or modificationNumber unknown")
        return "oadrResponse", {}


def _render(message_type: str, **payload: Any) -> str:
    """The unsigned message; distributions without openleadr's preflight.

    The preflight sets currentValue of active SIMPLE events to 0: it compares their status with 'ACTIVE'.
    What else it corrects our own rules have already refused.
    """
    if message_type != "oadrDistributeEvent" or "events" not in payload:
        return str(create_message(message_type, **payload))
    body = flatten_xml(TEMPLATES.get_template(f"{message_type}.xml").render(**payload))
    envelope = TEMPLATES.get_template("oadrPayload.xml")
    return str(envelope.render(template=message_type, signature=None, signed_object=body))
