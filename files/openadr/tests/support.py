"""Shared by the tests: settings of a VTN and a VEN on loopback, a clock to turn, a FlexMeasures double."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cariflex_openadr.clients.flexmeasures import BeliefCollisionError, PostError
from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.settings import (
    FlexMeasuresSettings,
    Listen,
    SensorRef,
    VenSettings,
    VtnSettings,
    vtn_settings,
)
from cariflex_openadr.storage.ven import Post

NOON = datetime(2026, 11, 23, 16, 0, 30, tzinfo=UTC)  # 12:00:30 in Martinique
PRICES = [100.0 + n for n in range(24)]
VEN_ID = "ven-cariflex"


def raw_vtn_config(**program: Any) -> dict[str, Any]:
    """A configuration file of the VTN; ``program`` replaces keys of its program."""
    return {
        "vtn_id": "CARIFLEX_VTN",
        "openadr": {"host": "127.0.0.1", "port": 0},
        "operator": {"host": "127.0.0.1", "port": 0},
        "poll_interval_s": 1,
        "vens": [{"ven_name": "cariflex-ven", "ven_id": VEN_ID, "registration_id": "reg-1"}],
        "program": {
            "timezone": "America/Martinique",
            "prices_eur_per_mwh": PRICES,
            "load_control": {"start": "18:00", "duration_s": 14400, "capacity": 0.6},
            "demand_response": {"start": "19:00", "duration_s": 3600, "level": 2},
            "market_contexts": {
                "price": "http://test/price",
                "load_control": "http://test/load",
                "demand_response": "http://test/dr",
            },
            **program,
        },
        "log_level": "info",
    }


def vtn_config(**program: Any) -> VtnSettings:
    """Checked settings of the VTN."""
    return vtn_settings(raw_vtn_config(**program))


def ven_config(port: int, poll_s: float = 0.05) -> VenSettings:
    """Settings of a VEN whose VTN listens on ``port``."""
    return VenSettings(
        ven_name="cariflex-ven",
        ven_id=VEN_ID,
        registration_id="reg-1",
        vtn_url=f"http://127.0.0.1:{port}/OpenADR2/Simple/2.0b",
        poll_interval=timedelta(seconds=poll_s),
        status=Listen("127.0.0.1", 0),
        flexmeasures=FlexMeasuresSettings("127.0.0.1", 1, False, "openadr@cariflex.internal", "x"),
        sensors=SENSORS,
        log_level="info",
    )


SENSORS = {
    SignalKind.PRICE: SensorRef(84, "EUR/MWh", timedelta(hours=1)),
    SignalKind.LOAD_CONTROL: SensorRef(86, "%", timedelta(minutes=1)),
    SignalKind.DEMAND_RESPONSE: SensorRef(87, "dimensionless", timedelta(minutes=1)),
}


@dataclass
class TurnableClock:
    """A clock that only moves when told."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


@dataclass
class FlexMeasuresDouble:
    """Keeps posts; like the server it refuses another value for the same slot and belief second."""

    beliefs: dict[tuple[int, datetime, datetime], float] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    down: bool = False

    async def post(self, post: Post) -> None:
        if self.down:
            raise PostError("status code 503")
        fresh = {(post.sensor_id, item.start, post.belief_time): item.value for item in post.values}
        if any(self.beliefs.get(key, value) != value for key, value in fresh.items()):
            raise BeliefCollisionError("replacement")
        self.beliefs |= fresh
        self.posts.append(replace(post))

    async def close(self) -> None:
        return None

    def latest(self, sensor_id: int) -> dict[datetime, float]:
        """The newest belief of each slot."""
        rows = sorted(
            (belief, start, value)
            for (sensor, start, belief), value in self.beliefs.items()
            if sensor == sensor_id
        )
        return {start: value for _, start, value in rows}


async def eventually(check: Callable[[], bool], timeout_s: float = 8.0) -> None:
    """Wait until ``check`` is true; AssertionError when it never is."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not check():
        assert asyncio.get_running_loop().time() < deadline, "condition not met in time"
        await asyncio.sleep(0.02)
