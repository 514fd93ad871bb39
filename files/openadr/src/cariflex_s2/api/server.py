"""The websocket server: /s2/<resource_id>, one token a resource manager. A bad peer harms only itself.

Each connection has its own writer, so that a peer that does not read holds up nobody; what it may send is
limited in size and rate, and silence is ended by a ping.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import WSCloseCode, WSMsgType, web

from cariflex_s2.api.session import Hub, Phase, Session, SessionEndedError
from cariflex_s2.messages import outbound
from cariflex_s2.messages.inbound import MAX_MESSAGE_BYTES
from cariflex_s2.resource import Resource

LOGGER = logging.getLogger(__name__)
PATH = "/s2/{resource_id}"
HEARTBEAT_S = 20.0
HANDSHAKE_WITHIN_S = 15.0
WRITE_WITHIN_S = 10.0
MOST_WAITING = 500
MESSAGES_PER_S, BURST = 50.0, 200.0


@dataclass(slots=True)
class _Allowance:
    """A token bucket: how much a peer may still say."""

    left: float = BURST
    at: float = 0.0

    def take(self, now: float) -> bool:
        self.left = min(BURST, self.left + (now - self.at) * MESSAGES_PER_S)
        self.at = now
        self.left -= 1
        return self.left >= 0


@dataclass(slots=True)
class S2Server:
    """Keeps at most one session a resource: a new connection with the token takes the old one's place."""

    resources: Mapping[str, Resource]
    tokens: Mapping[str, str]
    hub: Hub
    clock: Callable[[], datetime]
    sessions: dict[str, Session] = field(default_factory=dict)
    strangers: int = 0
    app: web.Application = field(init=False)
    _sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.app = web.Application()
        self.app.add_routes([web.get(PATH, self._connect)])

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        resource = self._authenticate(request)
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_MESSAGE_BYTES, compress=False)
        await socket.prepare(request)
        await self._replace(resource.resource_id, socket)
        outgoing: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        session = Session(resource, _sender(outgoing), self.hub, self.clock)
        self.sessions[resource.resource_id] = session
        writer = asyncio.create_task(self._write(socket, outgoing))
        fields = {"resource_id": resource.resource_id, "peer": request.remote}
        LOGGER.info("resource manager connected", extra=fields)
        reason = "connection closed"
        try:
            reason = await self._serve(session, socket)
        except SessionEndedError as ended:
            reason = str(ended)
        except Exception:
            LOGGER.exception("session failed", extra=fields)
            reason = "internal error"
        finally:
            await self._finish(session, socket, outgoing, writer, reason)
            LOGGER.info("resource manager gone", extra={**fields, "reason": reason})
        return socket

    def _authenticate(self, request: web.Request) -> Resource:
        """The resource of the path, if the token is its own. Strangers do not learn what was wrong."""
        resource_id = request.match_info["resource_id"]
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expected = self.tokens.get(resource_id, "")
        matches = hmac.compare_digest(token.strip().encode(), expected.encode())
        if scheme.lower() != "bearer" or not expected or not matches or resource_id not in self.resources:
            self.strangers += 1
            LOGGER.warning("stranger turned away", extra={"peer": request.remote, "path": request.path})
            raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"}, text="token required\n")
        return self.resources[resource_id]

    async def _replace(self, resource_id: str, socket: web.WebSocketResponse) -> None:
        previous = self._sockets.get(resource_id)
        self._sockets[resource_id] = socket
        if previous is not None:
            await _close(previous, WSCloseCode.POLICY_VIOLATION, "replaced by a newer connection")

    async def _serve(self, session: Session, socket: web.WebSocketResponse) -> str:
        loop = asyncio.get_running_loop()
        allowance = _Allowance(at=loop.time())
        deadline = loop.call_later(HANDSHAKE_WITHIN_S, self._check_handshake, session, socket)
        try:
            async for message in socket:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    return "connection failed"
                if not allowance.take(loop.time()):
                    raise SessionEndedError(f"more than {MESSAGES_PER_S:g} messages a second")
                session.receive(message.data)
        finally:
            deadline.cancel()
        return "connection closed"

    def _check_handshake(self, session: Session, socket: web.WebSocketResponse) -> None:
        if session.phase in (Phase.HANDSHAKE, Phase.DETAILS):
            self.drop(session, "no handshake in time", socket)

    def drop(self, session: Session, reason: str, socket: web.WebSocketResponse | None = None) -> None:
        """Close a session's connection; its resource manager is expected to come back."""
        resource_id = session.resource.resource_id
        found = socket or self._sockets.get(resource_id)
        LOGGER.warning("session dropped", extra={"resource_id": resource_id, "reason": reason})
        if found is not None:
            task = asyncio.create_task(_close(found, WSCloseCode.POLICY_VIOLATION, reason))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _write(self, socket: web.WebSocketResponse, outgoing: asyncio.Queue[str]) -> None:
        try:
            while True:
                text = await outgoing.get()
                async with asyncio.timeout(WRITE_WITHIN_S):
                    await socket.send_str(text)
        except (OSError, TimeoutError, ConnectionError) as error:
            LOGGER.warning("peer does not read", extra={"reason": f"{type(error).__name__}: {error}"})
            await _close(socket, WSCloseCode.GOING_AWAY, "not read in time")

    async def _finish(
        self,
        session: Session,
        socket: web.WebSocketResponse,
        outgoing: asyncio.Queue[str],
        writer: asyncio.Task[None],
        reason: str,
    ) -> None:
        resource_id = session.resource.resource_id
        session.phase = Phase.ENDED
        if self.sessions.get(resource_id) is session:
            del self.sessions[resource_id]
        if self._sockets.get(resource_id) is socket:
            del self._sockets[resource_id]
        writer.cancel()
        with suppress(asyncio.CancelledError):
            await writer
        # The refusal that ended the session is still on its way.
        with suppress(OSError, TimeoutError, ConnectionError):
            async with asyncio.timeout(1.0):
                while not outgoing.empty() and not socket.closed:
                    await socket.send_str(outgoing.get_nowait())
        await _close(socket, WSCloseCode.POLICY_VIOLATION, reason)

    async def goodbye(self) -> None:
        """Ask every resource manager to come back later, then close."""
        await asyncio.gather(*(_farewell(socket) for socket in list(self._sockets.values())))


async def _farewell(socket: web.WebSocketResponse) -> None:
    with suppress(OSError, TimeoutError, ConnectionError):
        async with asyncio.timeout(1.0):
            await socket.send_str(outbound.reconnect_later().to_json())
    await _close(socket, WSCloseCode.GOING_AWAY, "the CEM restarts")


def _sender(outgoing: asyncio.Queue[str]) -> Callable[[str], None]:
    def send(text: str) -> None:
        try:
            outgoing.put_nowait(text)
        except asyncio.QueueFull as error:
            raise SessionEndedError(f"{MOST_WAITING} messages unread") from error

    return send


async def _close(socket: web.WebSocketResponse, code: WSCloseCode, reason: str) -> None:
    with suppress(OSError, TimeoutError, ConnectionError):
        async with asyncio.timeout(2.0):
            await socket.close(code=code, message=reason.encode()[:120])
