"""What is posted by whom, what survives a restart, and what the loopback API lets an operator do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from cariflex_service.flexmeasures import Post, PostRefusedError
from cariflex_simulator.api import StatusApi
from cariflex_simulator.domain.device import Command
from cariflex_simulator.poster import PostQueue
from cariflex_simulator.settings import Settings, read_sensors
from cariflex_simulator.simulation import Simulation, begin
from cariflex_simulator.weather import Weather
from service_support import FlexMeasuresDouble, TurnableClock, eventually
from support import NOON, settings_in

INSTRUCTION = "5f6e1a6c-0000-4000-8000-000000000001"


def _simulation(settings: Settings, clock: TurnableClock, double: FlexMeasuresDouble) -> Simulation:
    sensors, queue = read_sensors(settings), PostQueue(double, first_wait_s=0.01)
    fleet, prices_until = begin(settings, queue, clock())
    weather = Weather(
        reader=double,
        reader_source="Simulated",
        irradiance=sensors["irradiance"],
        temperature=sensors["temperature"],
        wind=sensors["wind_speed"],
        site=settings.site,
        seed=settings.seed,
    )
    return Simulation(settings, sensors, fleet, queue, weather, clock, prices_until=prices_until)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def clock() -> TurnableClock:
    return TurnableClock(NOON)


@pytest.fixture
def double() -> FlexMeasuresDouble:
    return FlexMeasuresDouble()


async def test_tick__interval_ended__each_value_under_its_own_source(
    settings: Settings, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    simulation = _simulation(settings, clock, double)
    await simulation.tick()
    simulation.queue.waiting.clear()
    clock.forward(minutes=5, seconds=1)

    await simulation.tick()

    found = {(post.sensor_id, post.source) for post in simulation.queue.waiting}
    batteries = {(n, "SOC Simulator") for n in [*range(56, 61), *range(1006, 1011)]}
    vehicles = {(n, "Charge Simulator") for n in [*range(66, 71), *range(1016, 1021)]}
    plants = {(n, "Production Simulator") for n in range(41, 51)}
    assert found - {(85, "Simulated")} == batteries | vehicles | plants


async def test_tick__devices_under_s2__are_never_posted_by_the_simulator(
    settings: Settings, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    simulation = _simulation(settings, clock, double)

    clock.forward(hours=1)
    await simulation.tick()

    posted = {post.sensor_id for post in simulation.queue.waiting}
    assert not posted & {*range(51, 56), *range(61, 66), *range(1001, 1006), *range(1011, 1016)}


async def test_tick__levels_and_powers__lie_at_the_right_moments(
    settings: Settings, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    """A level is instantaneous at the interval's end; a power is a mean from its start on."""
    simulation = _simulation(settings, clock, double)
    clock.forward(minutes=5)

    await simulation.tick()

    level = next(post for post in simulation.queue.waiting if post.sensor_id == 56)
    power = next(post for post in simulation.queue.waiting if post.sensor_id == 1006)
    assert (level.start, level.unit, level.resolution_s) == (NOON + timedelta(minutes=5), "kWh", 0)
    assert (power.start, power.unit, power.resolution_s) == (NOON, "kW", 300)
    assert level.values[0] == round(simulation.fleet.devices["battery_06"].fill_kwh, 3)


async def test_tick__prices__each_hour_once_and_before_it_begins(
    settings: Settings, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    simulation = _simulation(settings, clock, double)
    for _ in range(3):
        await simulation.tick()
        clock.forward(minutes=59)

    prices = [post for post in simulation.queue.waiting if post.sensor_id == 85]

    starts = [post.start for post in prices]
    assert starts == [NOON + timedelta(hours=n) for n in range(len(starts))]
    assert starts[-1] >= clock() + timedelta(hours=34)
    assert all(post.belief_time <= post.start for post in prices[1:])


async def test_plants__weather_in_flexmeasures__is_what_they_see(
    settings: Settings, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    clear = _simulation(settings, clock, FlexMeasuresDouble(hours={81: 800.0, 82: 27.0, 83: 5.0}))
    dark = _simulation(settings, clock, FlexMeasuresDouble(hours={81: 0.0, 82: 27.0, 83: 5.0}))
    unknown = _simulation(settings, clock, double)
    clock.forward(minutes=5)

    found = []
    for simulation in (clear, dark, unknown):
        await simulation.tick()
        found.append(next(post.values[0] for post in simulation.queue.waiting if post.sensor_id == 41))

    assert found[0] > 10
    assert found[1] == 0
    assert found[2] > 0
    assert (clear.weather.simulated_hours, unknown.weather.simulated_hours) == (0, 1)


async def test_restart__state_kept__devices_commands_and_posts_go_on(
    settings: Settings, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    before = _simulation(settings, clock, double)
    battery = before.fleet.devices["battery_01"]
    battery.command(Command(clock(), -13.0, INSTRUCTION))
    clock.forward(minutes=7)
    await before.tick()
    before.save()
    waiting, prices = list(before.queue.waiting), before.prices_until

    after = _simulation(settings, clock, double)

    resumed = after.fleet.devices["battery_01"]
    assert resumed.fill_kwh == battery.fill_kwh
    assert resumed.record == battery.record
    assert (list(after.queue.waiting), after.prices_until) == (waiting, prices)
    clock.forward(minutes=30)
    await after.tick()
    assert resumed.power_kw == -13.0
    levels = [post.start for post in after.queue.waiting if post.sensor_id == 56]
    assert levels == [NOON + timedelta(minutes=5 * n) for n in range(1, 8)]


async def test_queue__server_down_then_up__everything_arrives_once(double: FlexMeasuresDouble) -> None:
    double.down = True
    queue = PostQueue(double, first_wait_s=0.01)
    posts = [Post("Simulated", n, "kW", 300, NOON, (1.0,), NOON) for n in range(5)]
    for post in posts:
        queue.put(post)

    worker = asyncio.create_task(queue.run())
    await eventually(lambda: queue.failures > 2)

    double.down = False
    await eventually(lambda: len(double.posts) == 5)

    worker.cancel()
    assert sorted(post.sensor_id for post in double.posts) == [0, 1, 2, 3, 4]
    assert not queue.waiting


async def test_queue__refused_for_good__holds_up_nothing() -> None:
    class Refusing(FlexMeasuresDouble):
        async def post(self, post: Post) -> None:
            if post.sensor_id == 0:
                raise PostRefusedError("status code 422")
            await super().post(post)

    refusing = Refusing()
    queue = PostQueue(refusing)
    for n in range(2):
        queue.put(Post("Simulated", n, "kW", 300, NOON, (1.0,), NOON))
    worker = asyncio.create_task(queue.run())

    await eventually(lambda: queue.posted == 1)

    worker.cancel()
    assert queue.refused == 1
    assert [post.sensor_id for post in refusing.posts] == [1]


@pytest.fixture
async def client(
    settings: Settings, clock: TurnableClock, double: FlexMeasuresDouble
) -> AsyncIterator[TestClient[Request, Application]]:
    simulation = _simulation(settings, clock, double)
    await simulation.tick()
    async with TestClient(TestServer(StatusApi(simulation).app)) as found:
        yield found


async def test_api__fill_level_and_presence__are_set_by_hand(
    client: TestClient[Request, Application],
) -> None:
    answer = await client.patch("/devices/ev_01", json={"fill_kwh": 20.0, "presence": "home"})

    row = await answer.json()
    assert (row["fill_kwh"], row["presence"], row["present"]) == (20.0, "home", True)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/devices/ev_99", {}, 404, "ev_99"),
        ("/devices/ev_01", {"fill_kwh": 99}, 400, "6.0 to 60.0"),
        ("/devices/battery_01", {"presence": "away"}, 400, "battery_01"),
        ("/devices/battery_01", {"power": 1}, 400, "power"),
        ("/devices/battery_01", {"fill_kwh": "full"}, 400, "full"),
    ],
)
async def test_api__what_makes_no_sense__is_refused_with_reason(
    client: TestClient[Request, Application], path: str, body: dict[str, object], status: int, words: str
) -> None:
    answer = await client.patch(path, json=body)

    assert answer.status == status
    assert words in (await answer.json())["error"]


async def test_api__health_metrics_and_record__answer(client: TestClient[Request, Application]) -> None:
    health = await (await client.get("/healthz")).json()
    metrics = await (await client.get("/metrics")).text()
    record = await (await client.get("/record")).json()

    assert health["status"] == "ok"
    assert 'cariflex_simulator_fill_kwh{device="battery_01"}' in metrics
    assert len(record["devices"]) == 20
    assert all(row["balance_error"] <= 0.01 for row in record["devices"])


async def test_health__no_tick_for_too_long__fails(
    settings: Settings, clock: TurnableClock, double: FlexMeasuresDouble
) -> None:
    simulation = _simulation(settings, clock, double)
    await simulation.tick()
    clock.forward(minutes=1)

    async with TestClient(TestServer(StatusApi(simulation).app)) as found:
        answer = await found.get("/healthz")

        assert answer.status == 503
        assert "ticked 60 s ago" in (await answer.json())["problems"][0]
