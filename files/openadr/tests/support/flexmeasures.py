"""A double of FlexMeasures' login and data endpoint; like it this refuses a second value for a belief."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from openleadr.utils import parse_duration

Belief = tuple[int, datetime, datetime]


class FlexMeasuresHttpDouble:
    """Keeps beliefs by (sensor, slot, belief second), one value each. Tokens can be made to end."""

    def __init__(self) -> None:
        self.beliefs: dict[Belief, float] = {}
        self.bodies: list[dict[str, Any]] = []
        self.emails: list[str] = []
        self.tokens: set[str] = set()
        self.answer: tuple[int, dict[str, Any]] = (200, {"message": "ok", "status": "PROCESSED"})
        self.login_refused = False
        self.app = web.Application()
        self.app.add_routes(
            [
                web.post("/api/requestAuthToken", self._login),
                web.post("/api/v3_0/sensors/{id}/data", self._data),
            ]
        )

    async def _login(self, request: web.Request) -> web.Response:
        if self.login_refused:
            return web.json_response({"errors": ["Invalid password"], "status": 401}, status=401)
        self.emails.append((await request.json())["email"])
        token = f"token-{len(self.emails)}"
        self.tokens.add(token)
        return web.json_response({"auth_token": token, "user_id": 1})

    async def _data(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] not in self.tokens:
            return web.json_response({"message": "token ended", "status": "UNAUTHORIZED"}, status=401)
        body = await request.json()
        self.bodies.append(body)
        status, answer = self.answer
        if status == 200 and not self._believe(int(request.match_info["id"]), body):
            status, answer = 403, {"message": "represents a replacement", "status": "INVALID_REPLACEMENT"}
        return web.json_response(answer, status=status)

    def _believe(self, sensor_id: int, body: dict[str, Any]) -> bool:
        start = datetime.fromisoformat(body["start"]).astimezone(UTC)
        belief = datetime.fromisoformat(body["prior"]).astimezone(UTC).replace(microsecond=0)
        step: timedelta = parse_duration(body["duration"]) / len(body["values"])
        fresh = {
            (sensor_id, start + index * step, belief): value for index, value in enumerate(body["values"])
        }
        if any(self.beliefs.get(key, value) != value for key, value in fresh.items()):
            return False
        self.beliefs |= fresh
        return True

    def latest(self, sensor_id: int) -> dict[datetime, float]:
        """The newest belief of each slot."""
        rows = sorted(
            (belief, start, value)
            for (sensor, start, belief), value in self.beliefs.items()
            if sensor == sensor_id
        )
        return {start: value for _, start, value in rows}
