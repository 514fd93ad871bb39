"""The post queue and the classification of FlexMeasures' answers, through the real flexmeasures-client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from cariflex_openadr.clients.flexmeasures import (
    BeliefCollisionError,
    FlexMeasuresPoster,
    PostError,
    PostRefusedError,
)
from cariflex_openadr.domain.model import SensorValue
from cariflex_openadr.poster import PostQueue
from cariflex_openadr.runtime import start_site
from cariflex_openadr.settings import Listen
from cariflex_openadr.settings.ven import FlexMeasuresSettings
from cariflex_openadr.storage.ven import Post
from support import NOON, TurnableClock, eventually
from support.ven import FlexMeasuresDouble

START = NOON.replace(second=0)


def load_post(value: float = 40.0) -> Post:
    minute = timedelta(minutes=1)
    return Post(86, "%", minute, (SensorValue(START, value), SensorValue(START + minute, value)), NOON)


@asynccontextmanager
async def working(queue: PostQueue) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_queue__server_down_then_up__posted_late_with_unchanged_belief_time() -> None:
    server = FlexMeasuresDouble(down=True)
    queue, post = PostQueue(server, TurnableClock(), first_wait_s=0.01), load_post()
    async with working(queue):
        queue.put(post)
        await eventually(lambda: queue.failures >= 2)
        assert post.error
        assert post.posted_at is None
        server.down = False
        await eventually(lambda: post.posted_at is not None)
    assert (post.belief_time, post.error) == (NOON, "")


async def test_queue__same_belief_second_taken__one_second_later_and_stable_when_reposted() -> None:
    server = FlexMeasuresDouble()
    queue = PostQueue(server, TurnableClock())
    first, second, again = load_post(40), load_post(70), load_post(70)
    async with working(queue):
        for post in (first, second, again):
            queue.put(post)
        await eventually(lambda: again.posted_at is not None)
    assert first.belief_time == NOON
    assert second.belief_time == again.belief_time == NOON + timedelta(seconds=1)


class FlexMeasuresHttpDouble:
    """FlexMeasures' login and data endpoint; tokens can be made to end."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answer: tuple[int, dict[str, Any]] = (200, {"message": "ok", "status": "PROCESSED"})
        self.token = 0
        self.login_refused = False
        self.app = web.Application()
        self.app.add_routes(
            [
                web.post("/api/requestAuthToken", self._login),
                web.post("/api/v3_0/sensors/{id}/data", self._data),
            ]
        )

    async def _login(self, _: web.Request) -> web.Response:
        if self.login_refused:
            return web.json_response({"errors": ["Invalid password"], "status": 401}, status=401)
        self.token += 1
        return web.json_response({"auth_token": str(self.token), "user_id": 1})

    async def _data(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != str(self.token):
            return web.json_response({"message": "token ended", "status": "UNAUTHORIZED"}, status=401)
        self.bodies.append(await request.json())
        status, body = self.answer
        return web.json_response(body, status=status)


@asynccontextmanager
async def http_poster(server: FlexMeasuresHttpDouble) -> AsyncIterator[FlexMeasuresPoster]:
    runner, port = await start_site(server.app, Listen("127.0.0.1", 0))
    poster = FlexMeasuresPoster(FlexMeasuresSettings("127.0.0.1", port, False, "a@cariflex.internal", "pw"))
    yield poster
    await poster.close()
    await runner.cleanup()


async def test_post__accepted__start_duration_unit_and_prior_on_the_wire() -> None:
    server = FlexMeasuresHttpDouble()
    async with http_poster(server) as poster:
        await poster.post(load_post())
    body = server.bodies[0]
    assert (body["values"], body["unit"], body["duration"]) == ([40.0, 40.0], "%", "P0DT0H2M0S")
    assert body["start"].startswith("2026-11-23T16:00:00")
    assert body["prior"].startswith("2026-11-23T16:00:30")


async def test_post__token_ended__logs_in_again() -> None:
    server = FlexMeasuresHttpDouble()
    async with http_poster(server) as poster:
        await poster.post(load_post())
        server.token = 7
        await poster.post(load_post())
    assert (len(server.bodies), server.token) == (2, 8)


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (403, "Some of the data represents a replacement", BeliefCollisionError),
        (403, "You cannot be authorized", PostRefusedError),
        (422, "Required unit is kW", PostRefusedError),
        (429, "Too many requests", PostError),
        (503, "database away", PostError),
        (404, "", PostRefusedError),
    ],
)
async def test_post__refused__classified(status: int, message: str, expected: type[PostError]) -> None:
    server = FlexMeasuresHttpDouble()
    server.answer = (status, {"message": message, "status": "X"})
    async with http_poster(server) as poster:
        with pytest.raises(PostError) as caught:
            await poster.post(load_post())
    assert type(caught.value) is expected


async def test_post__nobody_listens__passing_trouble() -> None:
    poster = FlexMeasuresPoster(FlexMeasuresSettings("127.0.0.1", 1, False, "a@cariflex.internal", "pw"))
    with pytest.raises(PostError) as caught:
        await poster.post(load_post())
    await poster.close()
    assert type(caught.value) is PostError


async def test_post__a_day_of_prices__accepted_by_the_client() -> None:
    """The client refuses a duration text of more than 99 minutes, PT1440M for instance."""
    server, hour = FlexMeasuresHttpDouble(), timedelta(hours=1)
    values = tuple(SensorValue(START + n * hour, float(n)) for n in range(24))
    async with http_poster(server) as poster:
        await poster.post(Post(84, "EUR/MWh", hour, values, NOON))
    assert (server.bodies[0]["duration"], len(server.bodies[0]["values"])) == ("P1DT0H0M0S", 24)


async def test_post__login_refused__tried_again_later() -> None:
    """The posting user may be made, or given its new password, after the VEN has started."""
    server = FlexMeasuresHttpDouble()
    server.login_refused = True
    async with http_poster(server) as poster:
        with pytest.raises(PostError) as caught:
            await poster.post(load_post())
        assert type(caught.value) is PostError
        server.login_refused = False
        await poster.post(load_post())
    assert len(server.bodies) == 1


async def test_queue__one_post_keeps_failing__others_pass_it() -> None:
    class OneSensorDown(FlexMeasuresDouble):
        async def post(self, post: Post) -> None:
            self.down = post.sensor_id == 84
            await super().post(post)

    queue = PostQueue(OneSensorDown(), TurnableClock(), first_wait_s=0.01, longest_wait_s=0.02)
    stuck, other = load_post(), load_post()
    stuck.sensor_id = 84
    async with working(queue):
        queue.put(stuck)
        queue.put(other)
        await eventually(lambda: other.posted_at is not None)
    assert stuck.posted_at is None
