"""Posts over real HTTP: who posts what, and which trouble may pass."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cariflex_service.flexmeasures import FlexMeasuresUsers, Post, PostError, PostRefusedError, status_of

POST = Post(
    source="SOC Simulator",
    sensor_id=51,
    unit="kWh",
    resolution_s=300,
    start=datetime(2026, 11, 23, 16, 0, tzinfo=UTC),
    values=(1.0, 2.0),
    belief_time=datetime(2026, 11, 23, 16, 10, tzinfo=UTC),
)


@dataclass(frozen=True)
class Somebody:
    """A user."""

    email: str

    def password(self) -> str:
        return f"of-{self.email}"


@dataclass
class Server:
    """A double of FlexMeasures' login and data endpoint, and where it is."""

    status: int = 200
    logins: list[dict[str, str]] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0
    ssl: bool = False

    async def login(self, request: web.Request) -> web.Response:
        self.logins.append(await request.json())
        return web.json_response({"auth_token": "a-token", "user_id": 1})

    async def data(self, request: web.Request) -> web.Response:
        self.posts.append({"sensor": request.match_info["id"], **(await request.json())})
        return web.json_response({"message": "as the test wants it"}, status=self.status)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found, app = Server(), web.Application()
    app.add_routes(
        [
            web.post("/api/requestAuthToken", found.login),
            web.post("/api/v3_0/sensors/{id}/data", found.data),
        ]
    )
    async with TestServer(app) as running:
        assert running.port is not None
        found.port = running.port
        yield found


@pytest.fixture
async def users(server: Server) -> AsyncIterator[FlexMeasuresUsers]:
    found = FlexMeasuresUsers(server, {"SOC Simulator": Somebody("soc@example.org")})
    yield found
    await found.close()


async def test_post__values__go_out_as_their_user_with_their_belief_time(
    server: Server, users: FlexMeasuresUsers
) -> None:
    await users.post(POST)
    await users.post(POST)

    assert server.logins == [{"email": "soc@example.org", "password": "of-soc@example.org"}]
    body = server.posts[0]
    assert (body["sensor"], body["unit"], body["values"]) == ("51", "kWh", [1.0, 2.0])
    assert body["duration"] in ("PT10M", "P0DT0H10M0S")
    assert datetime.fromisoformat(body["start"]) == POST.start
    assert datetime.fromisoformat(body["prior"]) == POST.belief_time


@pytest.mark.parametrize("status", [403, 422])
async def test_post__refused_for_good__is_told_apart(
    server: Server, users: FlexMeasuresUsers, status: int
) -> None:
    server.status = status

    with pytest.raises(PostRefusedError):
        await users.post(POST)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_post__passing_trouble__may_be_tried_again(
    server: Server, users: FlexMeasuresUsers, status: int
) -> None:
    server.status = status

    with pytest.raises(PostError) as caught:
        await users.post(POST)

    assert not isinstance(caught.value, PostRefusedError)
    assert len(server.posts) == 1


async def test_post__nobody_listens__may_be_tried_again() -> None:
    users = FlexMeasuresUsers(Server(port=1), {"SOC Simulator": Somebody("soc@example.org")})

    with pytest.raises(PostError) as caught:
        await users.post(POST)

    assert not isinstance(caught.value, PostRefusedError)
    await users.close()


@pytest.mark.parametrize(
    ("reason", "status"),
    [("Request failed with status code 422 and", 422), ("503, message='Service'", 503), ("no route", 0)],
)
def test_status_of__clients_words__hold_the_status(reason: str, status: int) -> None:
    assert status_of(reason) == status
