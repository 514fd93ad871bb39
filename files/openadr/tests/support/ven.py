"""Settings of a VEN on loopback, how to ask it, and a FlexMeasures double."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from cariflex_openadr.clients.flexmeasures import BeliefCollisionError, PostError
from cariflex_openadr.domain.model import SensorValue, SignalKind
from cariflex_openadr.settings import Listen
from cariflex_openadr.settings.ven import FlexMeasuresSettings, PostingUser, SensorRef, VenSettings
from cariflex_openadr.storage.outbox import Post
from cariflex_openadr.ven import Ven
from support import VEN_ID

SENSORS = {
    SignalKind.PRICE: SensorRef(84, "EUR/MWh", timedelta(hours=1)),
    SignalKind.LOAD_CONTROL: SensorRef(86, "%", timedelta(minutes=1)),
    SignalKind.DEMAND_RESPONSE: SensorRef(87, "dimensionless", timedelta(minutes=1)),
}


IN_MEMORY = Path(":memory:")
POSTER = "OpenADR VTN"


def flexmeasures_settings(port: int) -> FlexMeasuresSettings:
    """FlexMeasures on ``port`` of loopback, with the VEN's user and another one."""
    users = [
        PostingUser(POSTER, "openadr@cariflex.internal", "x"),
        PostingUser("SOC Simulator", "soc@cariflex.internal", "y"),
    ]
    return FlexMeasuresSettings("127.0.0.1", port, False, {user.name: user for user in users})


def ven_config(port: int, poll_s: float = 0.05, database: Path = IN_MEMORY) -> VenSettings:
    """Settings of a VEN whose VTN listens on ``port``."""
    return VenSettings(
        ven_name="cariflex-ven",
        ven_id=VEN_ID,
        registration_id="reg-1",
        vtn_url=f"http://127.0.0.1:{port}/OpenADR2/Simple/2.0b",
        poll_interval=timedelta(seconds=poll_s),
        status=Listen("127.0.0.1", 0),
        flexmeasures=flexmeasures_settings(1),
        sensors=SENSORS,
        log_level="info",
        database=database,
    )


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


async def status(ven: Ven, path: str = "/status") -> Any:
    """The VEN's answer on its status face."""
    url = f"http://127.0.0.1:{ven.status_port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        return await (reply.json() if "json" in reply.content_type else reply.text())


def put_power(ven: Ven, start: datetime, minutes: int, power_kw: float) -> None:
    """What the S2 service hands over: mean power of a slot."""
    length = timedelta(minutes=minutes)
    post = Post(
        sensor_id=71,
        event_id="s2:battery_01",
        modification=int(start.timestamp()),
        unit="kW",
        resolution=length,
        values=(SensorValue(start, power_kw),),
        belief_time=start + length,
        poster="SOC Simulator",
    )
    ven.sender.outbox.put(post)
