"""The VTN as the VEN sees it: OpenADR 2.0b over HTTP(S), built by openleadr, read by ``xml_tree``.

openleadr's own client is not used: it gives up when the VTN is down at its start, one raising handler opts
out of every event of a message, and its parser mangles ids.
"""

import logging
import ssl
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from xml.sax.saxutils import escape

import aiohttp
from openleadr.utils import generate_id

from cariflex_openadr.messages.document import Element, MessageError, message_of, read_document
from cariflex_openadr.messages.signature import SignatureError
from cariflex_openadr.messages.xml_guard import MAX_BYTES, UnsafeXmlError
from cariflex_openadr.messages.xml_tree import (
    duration,
    find,
    name_of,
    text,
)
from cariflex_openadr.security.envelopes import Envelope, PlainEnvelope

LOGGER = logging.getLogger(__name__)
TIMEOUT = aiohttp.ClientTimeout(total=20, sock_connect=5, sock_read=10)
OK = 200
# Response codes with which a VTN says that it does not know this VEN.
UNKNOWN_VEN = frozenset({"452", "463"})


class VtnError(RuntimeError):
    """The VTN could not be reached or answered with something unusable; worth another try later."""


class VtnRefusedError(VtnError):
    """The VTN read the message and said no. ``code`` is OpenADR's response code."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reply:
    """A VTN's answer: the message's name, and the message itself (None for an empty answer)."""

    name: str
    message: Element | None

    def text(self, path: str) -> str:
        """Text at ``path`` of the message, empty when there is none."""
        return "" if self.message is None else text(self.message, path)


@dataclass(frozen=True, slots=True)
class Registration:
    """What the VTN granted; a ``poll_interval`` of zero means that it asks for none."""

    registration_id: str
    vtn_id: str
    poll_interval: timedelta


class VtnClient:
    """Requests of one VEN. Every method raises VtnError."""

    def __init__(
        self,
        vtn_url: str,
        ven_name: str,
        ven_id: str,
        *,
        tls: ssl.SSLContext | None = None,
        envelope: Envelope | None = None,
    ) -> None:
        self._url, self._ven_name, self._ven_id = vtn_url, ven_name, ven_id
        self._tls, self._envelope = tls, envelope or PlainEnvelope()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def register(self, registration_id: str) -> Registration:
        """Register, or register again under ``registration_id`` (empty: as somebody new)."""
        reply = await self.request(
            "EiRegisterParty",
            "oadrCreatePartyRegistration",
            request_id=generate_id(),
            ven_name=escape(self._ven_name),
            registration_id=escape(registration_id) or None,
            http_pull_model=True,
            xml_signature=self._envelope.signs,
            report_only=False,
            profile_name="2.0b",
            transport_name="simpleHttp",
            transport_address=None,
        )
        refused_unless_ok(reply, "eiResponse")
        found, ven_id = reply.text("registrationID"), reply.text("venID")
        if reply.name != "oadrCreatedPartyRegistration" or not found:
            raise VtnRefusedError(
                reply.text("eiResponse/responseCode"),
                f"registration of {self._ven_name}: {reply.name} without registrationID; "
                "expected a VEN the VTN knows",
            )
        if ven_id != self._ven_id:
            reason = f"registration of {self._ven_name}: venID {ven_id}; expected {self._ven_id}"
            raise VtnRefusedError("", reason)
        asked = timedelta(0)
        if reply.text("oadrRequestedOadrPollFreq/duration"):
            try:
                asked = duration(reply.message, "oadrRequestedOadrPollFreq/duration")
            except MessageError as error:
                # A frequency that cannot be read is none: no reason to stay away.
                LOGGER.warning("poll frequency ignored", extra={"reason": str(error)})
        return Registration(found, reply.text("vtnID"), asked)

    async def cancel_registration(self, registration_id: str) -> None:
        """End the registration."""
        reply = await self.request(
            "EiRegisterParty",
            "oadrCancelPartyRegistration",
            request_id=generate_id(),
            registration_id=escape(registration_id),
        )
        refused_unless_ok(reply, "eiResponse")

    async def poll(self) -> Reply:
        """What the VTN has for us."""
        reply = await self.request("OadrPoll", "oadrPoll")
        refused_unless_ok(reply, "eiResponse")
        return reply

    async def request_events(self) -> Reply:
        """All events on offer."""
        reply = await self.request("EiEvent", "oadrRequestEvent", request_id=generate_id())
        refused_unless_ok(reply, "eiResponse")
        return reply

    async def created_event(self, request_id: str, responses: list[dict[str, Any]]) -> None:
        """Answer events."""
        head = {"response_code": OK, "response_description": "OK", "request_id": escape(request_id)}
        reply = await self.request("EiEvent", "oadrCreatedEvent", response=head, event_responses=responses)
        refused_unless_ok(reply, "eiResponse")

    async def acknowledge(self, service: str, message_type: str, request_id: str, **payload: Any) -> Reply:
        """Answer a message of the VTN's that came with a poll: all is well."""
        head = {"response_code": OK, "response_description": "OK", "request_id": escape(request_id)}
        return await self.request(service, message_type, response=head, **payload)

    async def request(self, service: str, message_type: str, **payload: Any) -> Reply:
        """Send a message to a service; the VTN's answer as it is."""
        content = self._envelope.seal(message_type, {"ven_id": self._ven_id, **payload})
        answer = await self._send(f"{self._url}/{service}", content)
        if not answer.strip():
            return Reply("", None)
        try:
            document = read_document(answer)
            await self._envelope.check(document)
        except UnsafeXmlError as error:
            raise VtnError(f"{service}: answer refused: {error}") from error
        except (MessageError, SignatureError) as error:
            raise VtnError(f"{service}: answer cannot be used: {error}") from error
        message = message_of(document)
        return Reply(name_of(message), message)

    async def _send(self, url: str, content: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT, headers={"Content-Type": "application/xml"}
            )
        try:
            async with self._session.post(
                url, data=content, allow_redirects=False, ssl=self._tls or True
            ) as reply:
                answer = bytearray()
                async for chunk in reply.content.iter_chunked(65536):
                    answer += chunk
                    if len(answer) > MAX_BYTES:
                        raise VtnError(f"{url}: answer over {MAX_BYTES} bytes")
                if reply.status != OK:
                    raise VtnError(f"{url}: HTTP {reply.status}")
                return bytes(answer)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise VtnError(f"{url}: {type(error).__name__}: {error}") from error


def refused_unless_ok(reply: Reply, path: str) -> None:
    """Raise VtnRefusedError when the answer carries a response code that is no success."""
    if reply.message is None or find(reply.message, path) is None:
        return
    code = reply.text(f"{path}/responseCode")
    if not code.startswith("2"):
        reason = reply.text(f"{path}/responseDescription")
        raise VtnRefusedError(code, f"{reply.name}: response {code} {reason}; expected 200")
