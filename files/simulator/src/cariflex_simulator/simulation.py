"""The running simulation: lets time pass, queues what ended, keeps the state."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pandas as pd

from cariflex_service.flexmeasures import Post
from cariflex_service.runtime import Clock, floor_hour
from cariflex_simulator.domain.device import Interval
from cariflex_simulator.domain.fleet import Fleet
from cariflex_simulator.domain.photovoltaics import power_kw
from cariflex_simulator.domain.prices import production_price
from cariflex_simulator.fleet_builder import PAST_STEP_S, build_fleet, lived_fleet
from cariflex_simulator.poster import PostQueue
from cariflex_simulator.s2.manager import ResourceManager
from cariflex_simulator.settings import Sensor, Settings
from cariflex_simulator.state import load, restore, save, snapshot
from cariflex_simulator.weather import Weather

LOGGER = logging.getLogger(__name__)
HOUR = timedelta(hours=1)
# Prices are known this far ahead, as on a day-ahead market.
PRICES_AHEAD = timedelta(hours=36)
TICK_S = 1.0
SAVE_EVERY_TICKS = 10
# Powers and energies are posted to the watt and the watt-hour.
DECIMALS = 3


@dataclass(slots=True)
class Simulation:
    """Everything that runs. The resource managers share the devices with it, in the same event loop."""

    settings: Settings
    sensors: dict[str, Sensor]
    fleet: Fleet
    queue: PostQueue
    weather: Weather
    clock: Clock
    managers: list[ResourceManager] = field(default_factory=list)
    prices_until: datetime | None = None
    last_tick: datetime | None = None

    async def run(self) -> None:
        """Tick until cancelled, saving the state in between and at the end."""
        ticks = 0
        try:
            while True:
                await self.tick()
                ticks += 1
                if ticks % SAVE_EVERY_TICKS == 0:
                    self.save()
                await asyncio.sleep(TICK_S)
        finally:
            self.save()

    async def tick(self) -> None:
        """Bring everything to the present."""
        now = self.clock()
        closed = self.fleet.advance(now)
        for manager in self.managers:
            manager.expire_hold()
        self._queue_storage(closed)
        await self._queue_photovoltaics(sorted({item.start for item in closed}))
        self._queue_prices(now)
        self.last_tick = now

    def save(self) -> None:
        """Write the state file."""
        state = snapshot(self.fleet, self.prices_until, list(self.queue.waiting))
        save(self.settings.state_file, state)

    def _queue_storage(self, closed: list[Interval]) -> None:
        """Devices under S2 control report to the CEM, which posts for them; the others post themselves."""
        plain = {item.id: item for item in self.settings.devices if item.control == "plain"}
        for interval in closed:
            if interval.device_id in plain:
                item = plain[interval.device_id]
                self._queue(item.power_sensor, interval.start, interval.power_kw, interval.end)
                self._queue(item.level_sensor, interval.end, interval.fill_kwh, interval.end)

    async def _queue_photovoltaics(self, starts: list[datetime]) -> None:
        plants = {item.plant.plant_id: item for item in self.settings.photovoltaics}
        if not (plants and starts):
            return
        hours = {
            hour: await self.weather.hour(hour) for hour in sorted({floor_hour(item) for item in starts})
        }
        # utc: after a restart some moments carry the state reader's own UTC.
        middles = pd.to_datetime([start + self.settings.interval / 2 for start in starts], utc=True)
        powers = power_kw([item.plant for item in plants.values()], self.settings.site, middles, hours)
        for plant_id, values in powers.items():
            for start, value in zip(starts, values.tolist(), strict=True):
                self._queue(plants[plant_id].sensor, start, value, start + self.settings.interval)

    def _queue_prices(self, now: datetime) -> None:
        hour = self.prices_until or floor_hour(now)
        while hour < now + PRICES_AHEAD:
            self._queue(self.settings.price_sensor, hour, production_price(self.settings.seed, hour), now)
            hour += HOUR
        self.prices_until = hour

    def _queue(self, name: str, start: datetime, value: float, belief_time: datetime) -> None:
        sensor = self.sensors[name]
        self.queue.put(
            Post(
                source=sensor.source,
                sensor_id=sensor.id,
                unit=sensor.unit,
                resolution_s=sensor.resolution_s,
                start=start,
                values=(round(value, DECIMALS),),
                belief_time=belief_time,
            )
        )


def begin(settings: Settings, queue: PostQueue, now: datetime) -> tuple[Fleet, datetime | None]:
    """The fleet where it stopped, or, the first time, as its simulated past left it; and known prices' end.

    After a pause the devices live through it with what they were last told, and its intervals are posted.
    Raises StateError.
    """
    state = load(settings.state_file)
    fleet = build_fleet(settings, now)
    if state is None or not restore(fleet, state):
        LOGGER.info("no state: the fleet begins with its simulated past")
        return lived_fleet(settings, now)[0], None
    for device in fleet.devices.values():
        long_pause = now - device.now > HOUR
        device.step_s = PAST_STEP_S if long_pause else settings.step_s
    queue.waiting = deque(state.waiting)
    return fleet, state.prices_until
