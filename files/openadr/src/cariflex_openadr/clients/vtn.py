"""The VTN as the VEN sees it: OpenADR 2.0b over HTTP, built and parsed by openleadr's messaging.

openleadr's own client is not used: it gives up when the VTN is down at its start, and one raising handler
opts out of every event of a message.
"""

from datetime import timedelta
from typing import Any

import aiohttp
from lxml.etree import XMLSyntaxError
from openleadr.messaging import create_message, parse_message, validate_xml_schema
from openleadr.utils import generate_id

from cariflex_openadr.messages.xml_guard import MAX_BYTES, UnsafeXmlError, check_xml

TIMEOUT = aiohttp.ClientTimeout(total=20, sock_connect=5, sock_read=10)
OK = 200

Reply = tuple[str, dict[str, Any]]


class VtnError(RuntimeError):
    """The VTN could not be reached or answered with something unusable; worth another try later."""


class VtnClient:
    """Requests of one VEN. Every method raises VtnError."""

    def __init__(self, vtn_url: str, ven_name: str, ven_id: str, registration_id: str) -> None:
        self._url, self._ven_name, self._ven_id = vtn_url, ven_name, ven_id
        self._registration_id = registration_id
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def register(self) -> timedelta:
        """Register or re-register; the poll interval the VTN asks for (zero when it names none)."""
        kind, payload = await self._request(
            "EiRegisterParty",
            "oadrCreatePartyRegistration",
            request_id=generate_id(),
            ven_name=self._ven_name,
            registration_id=self._registration_id,
            http_pull_model=True,
            xml_signature=False,
            report_only=False,
            profile_name="2.0b",
            transport_name="simpleHttp",
            transport_address=None,
        )
        registration, ven_id = payload.get("registration_id"), payload.get("ven_id")
        if kind != "oadrCreatedPartyRegistration" or not registration:
            raise VtnError(f"registration of {self._ven_name}: refused; expected a VEN the VTN knows")
        if str(ven_id) != self._ven_id:
            raise VtnError(f"registration of {self._ven_name}: venID {ven_id}; expected {self._ven_id}")
        self._registration_id = str(registration)
        asked = payload.get("requested_oadr_poll_freq")
        return asked if isinstance(asked, timedelta) else timedelta(0)

    async def poll(self) -> Reply:
        """What the VTN has for us: message type and payload."""
        return await self._request("OadrPoll", "oadrPoll")

    async def request_events(self) -> Reply:
        """All events on offer."""
        return await self._request("EiEvent", "oadrRequestEvent", request_id=generate_id())

    async def created_event(self, request_id: str, responses: list[dict[str, Any]]) -> None:
        """Answer events. A VTN that does not know one of them (452) has forgotten it: nothing left to do."""
        head = {"response_code": OK, "response_description": "OK", "request_id": request_id}
        await self._request("EiEvent", "oadrCreatedEvent", response=head, event_responses=responses)

    async def acknowledge(self, service: str, request_id: str | None) -> None:
        """An empty oadrResponse, as oadrRequestReregistration wants it."""
        head = {"response_code": OK, "response_description": "OK", "request_id": request_id}
        await self._request(service, "oadrResponse", response=head)

    async def _request(self, service: str, message_type: str, **payload: Any) -> Reply:
        message = create_message(message_type, ven_id=self._ven_id, **payload)
        content = await self._send(f"{self._url}/{service}", message)
        if not content:
            return "", {}
        try:
            check_xml(content)
            validate_xml_schema(content)
            kind, answer = parse_message(content)
        except UnsafeXmlError as error:
            raise VtnError(f"{service}: answer refused: {error}") from error
        except (XMLSyntaxError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise VtnError(f"{service}: no OpenADR message ({type(error).__name__}: {error})") from error
        return str(kind), dict(answer)

    async def _send(self, url: str, message: str) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=TIMEOUT, headers={"Content-Type": "application/xml"}
            )
        try:
            async with self._session.post(url, data=message.encode(), allow_redirects=False) as reply:
                content = bytearray()
                async for chunk in reply.content.iter_chunked(65536):
                    content += chunk
                    if len(content) > MAX_BYTES:
                        raise VtnError(f"{url}: answer over {MAX_BYTES} bytes")
                if reply.status != OK:
                    raise VtnError(f"{url}: HTTP {reply.status}")
                return bytes(content)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise VtnError(f"{url}: {type(error).__name__}: {error}") from error
