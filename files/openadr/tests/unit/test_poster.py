"""The outbox sender, and the classification of FlexMeasures' answers through the real flexmeasures-client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from cariflex_openadr.clients.flexmeasures import (
    BeliefCollisionError,
    FlexMeasuresPoster,
    PostError,
    PostRefusedError,
    SensorPoster,
)
from cariflex_openadr.domain.model import SensorValue
from cariflex_openadr.metrics import VenMetrics
from cariflex_openadr.poster import OutboxSender
from cariflex_openadr.settings import Listen
from cariflex_openadr.storage.outbox import DEAD, PENDING, SENT, Outbox, Post
from cariflex_openadr.storage.ven_database import open_ven_database
from cariflex_service.runtime import start_site
from support import NOON, TurnableClock, eventually
from support.flexmeasures import FlexMeasuresHttpDouble
from support.ven import POSTER, FlexMeasuresDouble, flexmeasures_settings

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
START = NOON.replace(second=0)


def load_post(value: float = 40.0, modification: int = 0, sensor_id: int = 86) -> Post:
    values = (SensorValue(START, value), SensorValue(START + MINUTE, value))
    return Post(sensor_id, "load-1", modification, "%", MINUTE, values, NOON, POSTER)


def latest_wait(_: float, longest: float) -> float:
    return longest


class Bench:
    """A sender over an outbox in memory, with a clock to turn."""

    def __init__(self, poster: SensorPoster, jitter: Callable[[float, float], float] = latest_wait) -> None:
        self.clock = TurnableClock()
        self.outbox = Outbox(open_ven_database(":memory:"), self.clock)
        self.metrics = VenMetrics()
        self.sender = OutboxSender(self.outbox, poster, self.metrics, self.clock, jitter=jitter)

    async def drain(self) -> None:
        while await self.sender.send_next():
            pass

    def beliefs(self) -> list[datetime]:
        return [entry.post.belief_time for entry in reversed(self.outbox.entries())]


async def test_sender__an_hour_down__posted_once_with_unchanged_belief_time() -> None:
    server = FlexMeasuresDouble(down=True)
    bench = Bench(server)
    bench.outbox.put(load_post())
    for _ in range(60):
        await bench.drain()
        bench.clock.forward(minutes=1)
    assert bench.outbox.counts() == {PENDING: 1, SENT: 0, DEAD: 0}
    server.down = False
    await bench.drain()
    assert bench.outbox.counts() == {PENDING: 0, SENT: 1, DEAD: 0}
    assert [(post.belief_time, post.poster) for post in server.posts] == [(NOON, POSTER)]
    assert 'cariflex_ven_posts_total{result="failed"} 60.0' in bench.metrics.text()


async def test_sender__failing__waits_twice_as_long_up_to_a_minute() -> None:
    bench = Bench(FlexMeasuresDouble(down=True))
    bench.outbox.put(load_post())
    waits = []
    for _ in range(9):
        assert await bench.sender.send_next()
        assert not await bench.sender.send_next()
        due = bench.outbox.entries()[0].next_attempt
        waits.append((due - bench.clock()).total_seconds())
        bench.clock.now = due
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_sender__jitter__between_half_and_all_of_the_wait() -> None:
    seen: list[tuple[float, float]] = []

    def record(least: float, longest: float) -> float:
        seen.append((least, longest))
        return least

    bench = Bench(FlexMeasuresDouble(down=True), record)
    bench.outbox.put(load_post())
    await bench.drain()
    assert seen == [(0.5, 1.0)]


class LosesReplies(FlexMeasuresDouble):
    """Takes the values, but its first three replies never arrive."""

    lost = 0

    async def post(self, post: Post) -> None:
        await super().post(post)
        if self.lost < 3:
            self.lost += 1
            raise PostError("connection reset")


async def test_sender__same_belief_second_taken__one_second_later_and_the_same_when_reposted() -> None:
    server = LosesReplies()
    bench = Bench(server)
    server.beliefs[86, START, NOON] = 99.0
    bench.outbox.put(load_post())
    for _ in range(4):
        await bench.drain()
        bench.clock.forward(minutes=1)
    assert bench.beliefs() == [NOON + SECOND]
    assert {post.belief_time for post in server.posts} == {NOON + SECOND}
    assert len(server.posts) == 4


async def test_sender__raised_past_a_later_modification__the_later_one_still_wins() -> None:
    server = FlexMeasuresDouble()
    bench = Bench(server)
    server.beliefs[86, START, NOON] = 99.0
    bench.outbox.put(load_post(40))
    bench.outbox.put(replace(load_post(70, modification=1), belief_time=NOON + SECOND))
    await bench.drain()
    assert server.latest(86)[START] == 70.0
    assert bench.beliefs() == [NOON + SECOND, NOON + 2 * SECOND]


async def test_sender__reply_lost_after_the_server_took_it__no_double_effect() -> None:
    server = LosesReplies()
    bench = Bench(server)
    bench.outbox.put(load_post())
    for _ in range(5):
        await bench.drain()
        bench.clock.forward(minutes=1)
    assert bench.outbox.counts()[SENT] == 1
    assert len(server.posts) == 4
    assert len(server.beliefs) == 2


async def test_sender__refused__dead_letter_seen_counted_and_retried_on_demand() -> None:
    class Refuses(FlexMeasuresDouble):
        refusing = True

        async def post(self, post: Post) -> None:
            if self.refusing:
                raise PostRefusedError("Required unit is kW")
            await super().post(post)

    server = Refuses()
    bench = Bench(server)
    bench.outbox.put(load_post())
    await bench.drain()
    assert [entry.error for entry in bench.outbox.entries(DEAD)] == ["Required unit is kW"]
    assert 'cariflex_ven_posts_total{result="dead"} 1.0' in bench.metrics.text()
    server.refusing = False
    assert bench.outbox.retry() == 1
    await bench.drain()
    assert bench.outbox.counts()[SENT] == 1


async def test_sender__every_second_taken__gives_up_as_dead_letter() -> None:
    class AlwaysCollides(FlexMeasuresDouble):
        async def post(self, post: Post) -> None:
            raise BeliefCollisionError(f"replacement at {post.belief_time}")

    bench = Bench(AlwaysCollides())
    bench.outbox.put(load_post())
    await bench.drain()
    assert "30 belief seconds" in bench.outbox.entries(DEAD)[0].error


async def test_sender__one_sensor_keeps_failing__others_pass_it() -> None:
    class OneSensorDown(FlexMeasuresDouble):
        async def post(self, post: Post) -> None:
            self.down = post.sensor_id == 84
            await super().post(post)

    bench = Bench(OneSensorDown())
    for sensor_id in (84, 84, 86, 87):
        bench.outbox.put(load_post(sensor_id=sensor_id, modification=sensor_id))
    await bench.drain()
    assert {entry.post.sensor_id for entry in bench.outbox.entries(SENT)} == {86, 87}


async def test_sender__running__takes_what_another_process_puts_in(tmp_path: object) -> None:
    path = f"{tmp_path}/ven.sqlite3"
    server = FlexMeasuresDouble()
    sender = OutboxSender(Outbox(open_ven_database(path)), server, VenMetrics(), idle_s=0.01)
    task = asyncio.create_task(sender.run())
    Outbox(open_ven_database(path)).put(load_post())
    await eventually(lambda: bool(server.posts))
    task.cancel()


@asynccontextmanager
async def http_poster(server: FlexMeasuresHttpDouble) -> AsyncIterator[FlexMeasuresPoster]:
    runner, port = await start_site(server.app, Listen("127.0.0.1", 0))
    poster = FlexMeasuresPoster(flexmeasures_settings(port))
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


async def test_post__each_poster_logs_in_as_itself() -> None:
    server = FlexMeasuresHttpDouble()
    async with http_poster(server) as poster:
        await poster.post(load_post())
        await poster.post(replace(load_post(), poster="SOC Simulator"))
        with pytest.raises(PostRefusedError, match="poster 'Nobody'; expected one of OpenADR VTN, SOC"):
            await poster.post(replace(load_post(), poster="Nobody"))
    assert server.emails == ["openadr@cariflex.internal", "soc@cariflex.internal"]


async def test_post__instantaneous_sensor__duration_of_zero() -> None:
    server = FlexMeasuresHttpDouble()
    instant = replace(load_post(), resolution=timedelta(), values=(SensorValue(NOON, 1.0),))
    async with http_poster(server) as poster:
        await poster.post(instant)
    assert server.bodies[0]["duration"] == "P0DT0H0M0S"


async def test_post__token_ended__logs_in_again() -> None:
    server = FlexMeasuresHttpDouble()
    async with http_poster(server) as poster:
        await poster.post(load_post())
        server.tokens.clear()
        await poster.post(load_post())
    assert (len(server.bodies), len(server.emails)) == (2, 2)


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (403, "Some of the data represents a replacement", BeliefCollisionError),
        (403, "You cannot be authorized", PostError),
        (422, "Required unit is kW", PostRefusedError),
        (429, "Too many requests", PostError),
        (503, "database away", PostError),
        (404, "", PostError),
        (400, "Naive time", PostRefusedError),
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
    poster = FlexMeasuresPoster(flexmeasures_settings(1))
    with pytest.raises(PostError) as caught:
        await poster.post(load_post())
    await poster.close()
    assert type(caught.value) is PostError


async def test_post__a_day_of_prices__accepted_by_the_client() -> None:
    """The client refuses a duration text of more than 99 minutes, PT1440M for instance."""
    server, hour = FlexMeasuresHttpDouble(), timedelta(hours=1)
    values = tuple(SensorValue(START + n * hour, float(n)) for n in range(24))
    async with http_poster(server) as poster:
        await poster.post(Post(84, "price-1", 0, "EUR/MWh", hour, values, NOON, POSTER))
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
