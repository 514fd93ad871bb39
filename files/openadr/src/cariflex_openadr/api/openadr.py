"""The VTN's OpenADR face: what comes in over HTTP is guarded, read, proved to be its sender's, and answered.

openleadr's server is not used: it keeps everything in memory, delivers at most once, has no EiOpt, and lets
VENs in unseen when another program ends TLS. Its schema is.
"""

import logging
from http import HTTPStatus
from typing import Any

from aiohttp import web

from cariflex_openadr.domain.access import AccessError, Proof, authorise
from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.messages import replies, requests
from cariflex_openadr.messages.document import MessageError, message_of, parse
from cariflex_openadr.messages.requests import Request
from cariflex_openadr.messages.xml_guard import MAX_BYTES, UnsafeXmlError
from cariflex_openadr.security.rate_limit import RateLimit
from cariflex_openadr.security.signatures import SignatureError, Signatures
from cariflex_openadr.services import events, opts, registration, reports
from cariflex_openadr.services.common import Handler, Services
from cariflex_openadr.storage.database import DatabaseError

LOGGER = logging.getLogger(__name__)
PATH = "/OpenADR2/Simple/2.0b"
CONTENT_TYPES = ("application/xml", "text/xml")
# A stranger may err this often; then it waits.
STRANGERS = RateLimit(per_s=1, burst=30)

HANDLERS: dict[str, dict[str, Handler]] = {
    "OadrPoll": {"oadrPoll": events.poll},
    "EiEvent": {"oadrRequestEvent": events.request_event, "oadrCreatedEvent": events.created_event},
    "EiReport": {
        "oadrRegisterReport": reports.register,
        "oadrCreatedReport": reports.created,
        "oadrUpdateReport": reports.update,
        "oadrCanceledReport": reports.canceled,
    },
    "EiOpt": {"oadrCreateOpt": opts.create, "oadrCancelOpt": opts.cancel},
    "EiRegisterParty": {
        "oadrCreatePartyRegistration": registration.create,
        "oadrCancelPartyRegistration": registration.cancel,
    },
}
# A VEN's answers to what we asked with a poll: nothing more is to be said.
ACKNOWLEDGEMENTS = (
    "oadrResponse",
    "oadrRegisteredReport",
    "oadrCanceledPartyRegistration",
)


class RefusedError(Exception):
    """A message that gets no OpenADR reply, but an HTTP status with few words."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class OpenAdrApi:
    """The same for both doors, plain HTTP and mutual TLS."""

    def __init__(
        self,
        services: Services,
        signatures: Signatures,
        limit: RateLimit,
        *,
        signature_required: bool = False,
    ) -> None:
        self._services, self._signatures, self._limit = services, signatures, limit
        self._signature_required = signature_required
        self.strangers = RateLimit(per_s=STRANGERS.per_s, burst=STRANGERS.burst)
        self.counts: dict[str, int] = {}

    def app(self) -> web.Application:
        """An application for one door."""
        app = web.Application(client_max_size=MAX_BYTES)
        app.add_routes([web.post(f"{PATH}/{{service}}", self._handle)])
        return app

    async def _handle(self, http: web.Request) -> web.Response:
        try:
            body = await self._answer(http)
        except RefusedError as refusal:
            self._count(f"http_{refusal.status.value}")
            headers = {"Retry-After": "10"} if refusal.status in (429, 503) else {}
            return web.Response(status=refusal.status.value, text=f"{refusal.words}\n", headers=headers)
        return web.Response(body=body.encode(), content_type="application/xml", charset="utf-8")

    async def _answer(self, http: web.Request) -> str:
        service = http.match_info["service"]
        handlers = HANDLERS.get(service)
        if handlers is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"service: expected one of {', '.join(HANDLERS)}")
        if http.content_type not in CONTENT_TYPES:
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected application/xml")
        stranger = http.remote or ""
        if self.strangers.exhausted(stranger):
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "too many refused messages; come back later")
        if not self._services.store.ready.is_set():
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "database unreachable; come back later")
        try:
            return await self._reply(service, handlers, http)
        except (UnsafeXmlError, MessageError) as error:
            self._note_stranger(stranger, str(error))
            raise RefusedError(HTTPStatus.BAD_REQUEST, str(error)) from error
        except (AccessError, SignatureError) as error:
            self._note_stranger(stranger, str(error))
            raise RefusedError(HTTPStatus.FORBIDDEN, "refused") from error
        except (*DatabaseError, TimeoutError) as error:
            LOGGER.warning("message not taken", extra={"service": service, "reason": str(error).strip()})
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE, "database unreachable; come back later"
            ) from error

    async def _reply(self, service: str, handlers: dict[str, Handler], http: web.Request) -> str:
        proof = self._peer(http)
        payload = parse(await http.read())
        signer = await self._signatures.verify(payload)
        proof = Proof(proof.over_tls, proof.peer, signer)
        request = requests.read(message_of(payload))
        if request.kind in ACKNOWLEDGEMENTS:
            return ""
        signed_object = await self._dispatch(service, handlers, request, proof)
        self._count(request.kind)
        signature = self._signatures.sign(signed_object) if signer else ""
        return replies.payload(signed_object, signature)

    async def _dispatch(
        self, service: str, handlers: dict[str, Handler], request: Request, proof: Proof
    ) -> str:
        ven = self._sender(request, proof)
        if ven is not None:
            authorise(ven, proof, signature_required=self._signature_required)
            if not self._limit.allows(ven.ven_id):
                raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "too many requests; poll less often")
        if service == "EiRegisterParty" and request.kind == "oadrQueryRegistration":
            return registration.query(self._services, request, ven)
        handler = handlers.get(request.kind)
        if handler is None:
            return replies.response(
                ven.ven_id if ven else request.ven_id,
                request.request_id,
                replies.COMPLIANCE_ERROR,
                f"{request.kind} is not for {service}",
            )
        if handler is registration.create:
            if ven is None:
                LOGGER.warning("registration refused", extra={"ven_id": request.ven_id})
                return registration.refuse(
                    self._services, request, replies.NOT_AUTHORIZED, "unknown VEN: have it added at the VTN"
                )
        elif ven is None or not ven.registered:
            return replies.request_reregistration(request.ven_id or (ven.ven_id if ven else ""))
        return await handler(self._services, request, ven)

    def _sender(self, request: Request, proof: Proof) -> VenRecord | None:
        """The VEN that a message is from by its own account; by name or certificate where it has no venID."""
        mirror = self._services.store.mirror
        if request.ven_id:
            ven = mirror.ven(request.ven_id)
            if ven is not None and request.kind == "oadrCreatePartyRegistration":
                name = requests.party_request(request.body).ven_name
                if name and name != ven.ven_name:
                    raise AccessError(f"VEN {ven.ven_id}: named {name!r}; expected {ven.ven_name!r}")
        elif request.kind == "oadrCreatePartyRegistration":
            ven = mirror.ven_named(requests.party_request(request.body).ven_name)
        else:
            ven = self._certified(proof.fingerprint) if proof.fingerprint else None
        if ven is None and proof.over_tls:
            raise AccessError(f"VEN {request.ven_id!r}: unknown, certificate {proof.peer}")
        return ven

    def _peer(self, http: web.Request) -> Proof:
        """The TLS client's certificate; it must be a known VEN's before anything is read from it."""
        transport: Any = http.transport
        tls = transport.get_extra_info("ssl_object") if transport is not None else None
        if tls is None:
            return Proof()
        fingerprint = self._signatures.fingerprint_of_der(tls.getpeercert(binary_form=True) or b"")
        ven = self._certified(fingerprint)
        if ven is None or ven.revoked:
            raise AccessError(f"TLS certificate {fingerprint}: no VEN's")
        return Proof(over_tls=True, peer=fingerprint)

    def _certified(self, fingerprint: str) -> VenRecord | None:
        return self._services.store.mirror.ven_certified(fingerprint)

    def _note_stranger(self, stranger: str, reason: str) -> None:
        self.strangers.allows(stranger)
        LOGGER.warning("message refused", extra={"peer": stranger, "reason": reason})

    def _count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
