"""The service's rounds: ask Open-Meteo, else take the clear-sky model, and post what is new."""

import asyncio
import json
import logging
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from cariflex_service.flexmeasures import Post, Poster, PostError
from cariflex_service.runtime import Clock, iso
from cariflex_weather.clear_sky import clear_sky_outlook
from cariflex_weather.clients.open_meteo import OpenMeteoError
from cariflex_weather.settings import Sensor, Settings
from cariflex_weather.weather import HOUR, Outlook, full_hour, runs

LOGGER = logging.getLogger(__name__)
# Open-Meteo gives no more past days with a forecast.
MOST_PAST_DAYS = 60


class WeatherSource(Protocol):
    """Asked in a thread."""

    def outlook(self, past_days: int, forecast_hours: int) -> Outlook:
        """Raises OpenMeteoError."""


@dataclass(slots=True)
class WeatherService:
    """Rounds for ever. ``observed_until``: hours before it have been posted as observations."""

    settings: Settings
    sensors: dict[str, Sensor]
    source: WeatherSource
    poster: Poster
    clock: Clock
    observed_until: datetime | None = None
    known_at: datetime | None = None
    clear_sky_at: datetime | None = None
    in_use: str = ""
    last_round: datetime | None = None
    last_posted: datetime | None = None
    open_meteo_error: str = ""
    post_error: str = ""
    rounds: dict[str, int] = field(default_factory=lambda: {"open_meteo": 0, "clear_sky": 0, "failed": 0})

    def __post_init__(self) -> None:
        kept = _load(self.settings.state_file)
        self.observed_until, self.known_at = kept.get("observed_until"), kept.get("known_at")

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            done = await self.round()
            await asyncio.sleep(self.settings.interval_s if done else self.settings.retry_s)

    async def round(self) -> bool:
        """One round; False when it should soon be tried again. Never raises for trouble of others."""
        now = self.clock()
        try:
            outlook = await asyncio.to_thread(
                self.source.outlook, self._past_days(now), self.settings.forecast_hours
            )
            self.open_meteo_error = ""
        except OpenMeteoError as error:
            self.open_meteo_error = str(error)
            LOGGER.warning("no answer from Open-Meteo: clear-sky model", extra={"reason": str(error)})
            outlook = None
        try:
            if outlook is None:
                await self._post_clear_sky(now)
            else:
                await self._post_open_meteo(outlook)
            self.post_error = ""
        except PostError as error:
            self.post_error = str(error)
            self.rounds["failed"] += 1
            LOGGER.warning("weather not posted", extra={"reason": str(error)})
        self.last_round = now
        return outlook is not None and not self.post_error

    def _past_days(self, now: datetime) -> int:
        if self.observed_until is None:
            return self.settings.past_days
        return min(MOST_PAST_DAYS, (now - self.observed_until).days + 1)

    async def _post_open_meteo(self, outlook: Outlook) -> None:
        user = self.settings.flexmeasures.open_meteo.name
        ended = full_hour(outlook.known_at)
        if outlook.known_at != self.known_at:
            first = min(self.observed_until or ended - timedelta(days=self.settings.past_days), ended)
            await self._post(user, outlook, first, ended + self.settings.forecast_hours * HOUR)
            self.observed_until, self.known_at = ended, outlook.known_at
            _save(self.settings.state_file, {"observed_until": ended, "known_at": outlook.known_at})
        self.in_use, self.clear_sky_at = user, None
        self.rounds["open_meteo"] += 1

    async def _post_clear_sky(self, now: datetime) -> None:
        """Once an hour at most: without news, the model has nothing new to say."""
        user = self.settings.flexmeasures.clear_sky.name
        begin = full_hour(now)
        if self.clear_sky_at != begin:
            hours = self.settings.forecast_hours
            outlook = clear_sky_outlook(self.settings.site, begin, hours, now.replace(microsecond=0))
            await self._post(user, outlook, begin, begin + hours * HOUR)
            self.clear_sky_at = begin
        self.in_use = user
        self.rounds["clear_sky"] += 1

    async def _post(self, user: str, outlook: Outlook, begin: datetime, end: datetime) -> None:
        for quantity, sensor in self.sensors.items():
            for first, values in runs(outlook.series[quantity], begin, end):
                post = Post(
                    source=user,
                    sensor_id=sensor.id,
                    unit=sensor.unit,
                    resolution_s=sensor.resolution_s,
                    start=first,
                    values=tuple(values),
                    belief_time=outlook.known_at,
                )
                await self.poster.post(post)
        self.last_posted = self.clock()
        fields = {"source": user, "known_at": iso(outlook.known_at), "begin": iso(begin), "end": iso(end)}
        LOGGER.info("weather posted", extra=fields)


def _save(path: Path, state: dict[str, datetime]) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({key: iso(value) for key, value in state.items()}), encoding="utf-8")
    os.replace(draft, path)


def _load(path: Path) -> dict[str, datetime]:
    """What was kept; a file that cannot be read only means that the past days are posted once more."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {key: datetime.fromisoformat(value) for key, value in raw.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        LOGGER.warning("state not read", extra={"file": str(path), "reason": str(error)})
        return {}
