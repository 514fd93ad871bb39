"""What the services' tests share: a clock to turn, waiting, a sensor map on disk, a FlexMeasures double."""

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cariflex_service.flexmeasures import Post, PostError

SENSOR_MAP_SCHEMA = Path(__file__).resolve().parents[3] / "roles/sensor_map/files/sensor_map.schema.json"


@dataclass
class TurnableClock:
    """A clock that only moves when told."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **step: float) -> None:
        self.now += timedelta(**step)


@dataclass
class FlexMeasuresDouble:
    """A double: keeps posts and answers with ``hours`` by sensor; ``down`` makes it fail."""

    posts: list[Post] = field(default_factory=list)
    hours: dict[int, float] = field(default_factory=dict)
    down: bool = False

    async def post(self, post: Post) -> None:
        if self.down:
            raise PostError("status code 503")
        self.posts.append(post)

    async def hour_value(self, source: str, sensor_id: int, unit: str, start: datetime) -> float | None:
        del source, unit, start
        if self.down:
            raise PostError("status code 503")
        return self.hours.get(sensor_id)

    def values(self, sensor_id: int, source: str) -> dict[datetime, list[tuple[datetime, float]]]:
        """By event's begin: (belief time, value) of every post."""
        found: dict[datetime, list[tuple[datetime, float]]] = {}
        for post in self.posts:
            if (post.sensor_id, post.source) == (sensor_id, source):
                for n, value in enumerate(post.values):
                    begin = post.start + n * timedelta(seconds=post.resolution_s)
                    found.setdefault(begin, []).append((post.belief_time, value))
        return found


def write_sensor_map(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write ``rows`` as a sensor map to ``path``, filled up to whole ones, with its schema beside it."""
    asset = {"id": 1, "name": "Site", "asset_type": "site", "account": "Cariflex", "parent": None}
    row = {"asset": "Site", "asset_type": "site", "type": "Site", "sign": "none", "source": "Nobody"}
    sensor_map = {
        "schema_version": 1,
        "timezone": "America/Martinique",
        "assets": [{**asset, "flex_context": {}, "flex_model": {}}],
        "sensors": [{**row, **each} for each in rows],
    }
    path.write_text(json.dumps(sensor_map), encoding="utf-8")
    shutil.copyfile(SENSOR_MAP_SCHEMA, path.with_name("sensor_map.schema.json"))


async def eventually(check: Callable[[], bool], timeout_s: float = 8.0) -> None:
    """Wait until ``check`` is true; AssertionError when it never is."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not check():
        assert asyncio.get_running_loop().time() < deadline, "condition not met in time"
        await asyncio.sleep(0.01)
