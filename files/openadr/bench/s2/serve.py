"""The measured server as its own process: ``cem`` is the S2 service, ``peer`` a bare websocket broadcast.

Both print their port as one line of JSON. The peer decides nothing, and sends every client the same ready-
made text when POST /go comes.
"""

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from bench.s2.rows import fleet
from cariflex_openadr.settings import Listen
from cariflex_s2.messages import outbound
from cariflex_s2.service import Service
from s2.support import service_settings


def _tell_port(port: int) -> None:
    sys.stdout.write(json.dumps({"port": port}) + "\n")
    sys.stdout.flush()


async def _cem(directory: Path, size: int) -> None:
    service = Service(service_settings(directory, fleet(size)))
    await service.start()
    _tell_port(service.port)
    await service.ended()


def _text(factor: float) -> str:
    identifier, part = uuid.uuid4(), str(uuid.uuid4())
    return outbound.instruction(identifier, part, part, factor, datetime.now(UTC)).to_json()


async def _peer() -> None:
    sockets: list[web.WebSocketResponse] = []

    async def connect(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        sockets.append(socket)
        await socket.send_str(_text(1.0))
        async for _ in socket:
            pass
        return socket

    async def go(_: web.Request) -> web.Response:
        text = _text(0.4)
        for socket in sockets:
            await socket.send_str(text)
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/s2/{name}", connect), web.post("/go", go)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    listen = Listen("127.0.0.1", 0)
    await web.TCPSite(runner, listen.host, listen.port, backlog=1024).start()
    _tell_port(int(runner.addresses[0][1]))
    await asyncio.sleep(timedelta(hours=1).total_seconds())


def main() -> None:
    """``cem DIRECTORY SIZE`` or ``peer``."""
    if sys.argv[1] == "cem":
        asyncio.run(_cem(Path(sys.argv[2]), int(sys.argv[3])))
    else:
        asyncio.run(_peer())


if __name__ == "__main__":
    main()
