"""What operators see: HTTP with JSON inside its container; others see metrics only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from cariflex_s2.api.server import S2Server
from cariflex_s2.api.session import Phase
from cariflex_s2.controller import Controller
from cariflex_s2.forecasting import Forecaster
from cariflex_s2.metrics import Metrics
from cariflex_s2.promises import Promises
from cariflex_s2.scheduling import Scheduler
from cariflex_s2.storage.ledger import Instruction
from cariflex_service.runtime import iso, metrics_for_others

MOST_ROWS = 1000


@dataclass(slots=True)
class StatusApi:
    """Routes: /healthz, /metrics, /sessions, /instructions?resource=&limit=, /schedules, /forecasts."""

    server: S2Server
    controller: Controller
    promises: Promises
    metrics: Metrics
    clock: Callable[[], datetime]
    scheduler: Scheduler | None = None
    forecaster: Forecaster | None = None
    app: web.Application = field(init=False)

    def __post_init__(self) -> None:
        self.app = web.Application(middlewares=[metrics_for_others])
        self.app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._metrics),
                web.get("/sessions", self._sessions),
                web.get("/instructions", self._instructions),
                web.get("/schedules", self._schedules),
                web.get("/forecasts", self._forecasts),
            ]
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        """Failing without the VEN's database; trouble in FlexMeasures is only told: a restart cures none."""
        problems = [f"VEN database: {self.promises.problem}"] if self.promises.problem else []
        planners = (self.scheduler, self.forecaster)
        warnings = [planner.problem for planner in planners if planner is not None and planner.problem]
        body = {
            "status": "failing" if problems else "ok",
            "problems": problems,
            "warnings": warnings,
            "sessions": self._controlled(),
        }
        return web.json_response(body, status=503 if problems else 200)

    def _controlled(self) -> int:
        return sum(session.phase is Phase.CONTROL for session in self.server.sessions.values())

    async def _metrics(self, _: web.Request) -> web.Response:
        self.metrics.sessions.set(self._controlled())
        self.metrics.strangers.set(self.server.strangers)
        self.metrics.refused_messages.set(sum(s.refused for s in self.server.sessions.values()))
        return web.Response(text=self.metrics.text())

    async def _sessions(self, _: web.Request) -> web.Response:
        """One row a resource of the mapping table, connected or not."""
        rows = [self._session_row(resource_id) for resource_id in sorted(self.controller.resources)]
        return web.json_response({"sessions": rows})

    def _session_row(self, resource_id: str) -> dict[str, Any]:
        session = self.server.sessions.get(resource_id)
        if session is None:
            return {"resource_id": resource_id, "phase": "absent"}
        limits = session.resource.limits_w
        return {
            "resource_id": resource_id,
            "phase": session.phase.value,
            "since": iso(session.since),
            "described": session.device is not None,
            "fill_level_kwh": session.fill_level_kwh,
            "power_w": session.power_w,
            "measured_at": iso(session.measured_at),
            "min_power_w": limits.low,
            "max_power_w": limits.high,
            "messages": session.received,
            "refused": session.refused,
            "last_refusal": session.last_refusal,
        }

    async def _instructions(self, request: web.Request) -> web.Response:
        resource_id = request.query.get("resource") or None
        if resource_id is not None and resource_id not in self.controller.resources:
            known = ", ".join(sorted(self.controller.resources))
            return web.json_response(
                {"error": f"resource: {resource_id!r}; expected one of {known}"}, status=404
            )
        asked = request.query.get("limit", "100")
        if not asked.isdigit():
            return web.json_response({"error": f"limit: {asked!r}; expected a number"}, status=400)
        found = self.controller.ledger.recent(resource_id, min(int(asked), MOST_ROWS))
        return web.json_response({"instructions": [_instruction_row(item) for item in found]})

    async def _schedules(self, _: web.Request) -> web.Response:
        scheduler = self.scheduler
        rows = [
            {
                "resource_id": resource_id,
                "start": iso(schedule.start),
                "resolution_s": schedule.resolution.total_seconds(),
                "powers_w": schedule.powers_w,
                "read_at": iso(schedule.read_at),
            }
            for resource_id, schedule in sorted(self.controller.schedules.items())
        ]
        return web.json_response(
            {
                "last_run": iso(scheduler.last_run) if scheduler else None,
                "last_success": iso(scheduler.last_success) if scheduler else None,
                "problem": scheduler.problem if scheduler else "scheduling is off",
                "schedules": rows,
            }
        )

    async def _forecasts(self, _: web.Request) -> web.Response:
        forecaster = self.forecaster
        if forecaster is None:
            return web.json_response({"problem": "forecasting is off", "forecasts": []})
        rows = [
            {
                "sensor": name,
                "known_until": iso(forecaster.known_until.get(name)),
                "problem": forecaster.problems.get(name, ""),
            }
            for name in sorted(forecaster.settings.sensors)
        ]
        return web.json_response({"problem": forecaster.problem, "forecasts": rows})


def _instruction_row(item: Instruction) -> dict[str, Any]:
    return {
        "instruction_id": item.instruction_id,
        "resource_id": item.resource_id,
        "event_id": item.cause.event,
        "modification": item.cause.modification,
        "interval": iso(item.cause.interval),
        "revision": item.revision,
        "power_w": item.power_w,
        "created_at": iso(item.created_at),
        "status": item.status,
        "reason": item.reason,
    }
