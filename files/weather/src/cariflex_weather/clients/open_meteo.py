"""Asks Open-Meteo through openmeteo-requests: cached on disk, retried, and told how old an answer is."""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from openmeteo_requests import Client
from openmeteo_requests.Client import OpenMeteoRequestsError
from requests_cache import CachedSession
from retry_requests import retry

from cariflex_weather.settings import OpenMeteo, Site
from cariflex_weather.weather import HOUR, Outlook

# In the order of the answer. Irradiance is the mean of the hour before its time, the others hold at it.
_HOURLY = {
    "shortwave_radiation": ("irradiance", -HOUR),
    "temperature_2m": ("temperature", timedelta(0)),
    "wind_speed_10m": ("wind", timedelta(0)),
}
_RETRIED = (429, 500, 502, 503, 504)
# The cache's answers are a little younger than the interval, or each other round would find an old one.
_CACHE_SHARE = 0.9


class OpenMeteoError(RuntimeError):
    """No usable answer; the message says what was tried and what came."""


class OpenMeteoClient:
    """One place's weather. Blocking: call it from a thread."""

    def __init__(self, settings: OpenMeteo, site: Site, interval_s: int) -> None:
        self._settings, self._site = settings, site
        self._interval_s = interval_s
        self._answered_at: datetime | None = None

    def outlook(self, past_days: int, forecast_hours: int) -> Outlook:
        """Hours from ``past_days`` ago to ``forecast_hours`` ahead. Raises OpenMeteoError."""
        settings = self._settings
        question = {
            "latitude": self._site.latitude,
            "longitude": self._site.longitude,
            "hourly": list(_HOURLY),
            "wind_speed_unit": "ms",
            "timezone": "UTC",
            "past_days": past_days,
            # Days of UTC; one more, because the present day has partly gone.
            "forecast_days": -(-forecast_hours // 24) + 1,
        }
        try:
            with CachedSession(
                str(settings.cache_file),
                backend="sqlite",
                expire_after=self._interval_s * _CACHE_SHARE,
                allowable_codes=(200,),
            ) as cache:
                cache.hooks["response"].append(self._note_age)
                session = retry(cache, retries=settings.retries, backoff_factor=0.5, status_to_retry=_RETRIED)
                client = Client(session=session)
                return self._read(
                    client.weather_api(settings.url, params=question, timeout=settings.timeout_s)
                )
        except (requests.RequestException, OpenMeteoRequestsError, OSError) as error:
            raise OpenMeteoError(f"{settings.url}: {error}") from error
        except (ValueError, AttributeError, IndexError, TypeError, struct.error) as error:
            raise OpenMeteoError(f"{settings.url}: unexpected answer: {error!r}") from error

    def _note_age(self, response: Any, *_: Any, **__: Any) -> Any:
        created_at = getattr(response, "created_at", None)
        self._answered_at = created_at.replace(tzinfo=created_at.tzinfo or UTC) if created_at else None
        return response

    def _read(self, answers: list[Any]) -> Outlook:
        hourly = answers[0].Hourly()
        begin, interval_s = datetime.fromtimestamp(hourly.Time(), UTC), hourly.Interval()
        if interval_s != HOUR.total_seconds():
            raise ValueError(f"interval of {interval_s} s, expected 3600")
        series = {}
        for index, (quantity, shift) in enumerate(_HOURLY.values()):
            values = hourly.Variables(index).ValuesAsNumpy()
            series[quantity] = {
                begin + shift + n * HOUR: round(float(value), 2) for n, value in enumerate(values)
            }
        # Whole seconds: FlexMeasures tells beliefs by the second.
        known_at = (self._answered_at or datetime.now(UTC)).replace(microsecond=0)
        return Outlook(known_at=known_at, series=series)
