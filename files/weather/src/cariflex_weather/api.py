"""The service's status: HTTP with JSON inside its container; others see metrics only."""

from datetime import timedelta
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from cariflex_service.runtime import iso, metrics_for_others
from cariflex_weather.service import WeatherService

# A round may wait for its requests; past this the loop is dead.
SLACK = timedelta(minutes=10)


class StatusApi:
    """Routes: /healthz, /metrics, /status."""

    def __init__(self, service: WeatherService) -> None:
        self._service = service
        self._registry = CollectorRegistry()
        self._rounds = Gauge(
            "cariflex_weather_rounds", "Rounds by outcome", ["outcome"], registry=self._registry
        )
        self._clear_sky = Gauge(
            "cariflex_weather_clear_sky", "1 while the clear-sky model stands in", registry=self._registry
        )
        self._post_age = Gauge(
            "cariflex_weather_post_age_seconds", "Since values were last posted", registry=self._registry
        )
        self.app = web.Application(middlewares=[metrics_for_others])
        self.app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._metrics),
                web.get("/status", self._status),
            ]
        )

    def _problems(self) -> list[str]:
        service = self._service
        if service.last_round is None:
            return ["weather: no round yet; expected one at the start"]
        longest = timedelta(seconds=service.settings.interval_s) + SLACK
        age = service.clock() - service.last_round
        if age > longest:
            return [f"weather: last round {age} ago; expected at most {longest}"]
        return []

    async def _healthz(self, _: web.Request) -> web.Response:
        # Open-Meteo's and FlexMeasures' trouble is not ours: it shows in the status and the metrics.
        problems = self._problems()
        body = {"status": "failing" if problems else "ok", "problems": problems}
        return web.json_response(body, status=503 if problems else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        service = self._service
        for outcome, count in service.rounds.items():
            self._rounds.labels(outcome).set(count)
        self._clear_sky.set(service.in_use == service.settings.flexmeasures.clear_sky.name)
        if service.last_posted is not None:
            self._post_age.set((service.clock() - service.last_posted).total_seconds())
        return web.Response(body=generate_latest(self._registry), content_type="text/plain")

    async def _status(self, _: web.Request) -> web.Response:
        service = self._service
        moments = {
            "last_round": service.last_round,
            "last_posted": service.last_posted,
            "observed_until": service.observed_until,
            "known_at": service.known_at,
        }
        body: dict[str, Any] = {
            "source": service.in_use or None,
            "open_meteo_error": service.open_meteo_error,
            "post_error": service.post_error,
            **{name: iso(moment) if moment else None for name, moment in moments.items()},
        }
        return web.json_response(body)
