"""Publishes an event at the VTN and follows it to the values that FlexMeasures' API shows.

FlexMeasures accepts, but does not store again, values that it already holds. For prices republished unchanged
the VEN's record of (event, modification) therefore proves the post, and ``visible`` that the values hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import ApiError
from .events import Expected, expected_values, moment, row_problem, values_problem, ven_row
from .http import Api
from .model import Trace
from .services import Control

INTERVAL_S = 1.0


@dataclass(frozen=True)
class Follower:
    """Where to look. ``timeout_s`` bounds the way of one event from its publication to FlexMeasures."""

    vtn: Control
    ven: Control
    api: Api
    sensor_map: Mapping[str, Any]
    timeout_s: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def follow(self, kind: str, *command: str) -> Trace:
        """Run vtnctl's ``command`` and follow what it published; what goes wrong stands in the trace."""
        trace = Trace(kind)
        try:
            event = self.vtn.call(*command)
            trace.event_id, trace.modification = event["event_id"], event["modification"]
            self._follow(trace, event)
        except ApiError as error:
            trace.problem = str(error)
        except (KeyError, TypeError, ValueError, LookupError) as error:
            trace.problem = f"unexpected answer: {error!r}"
        return trace

    def _follow(self, trace: Trace, event: Mapping[str, Any]) -> None:
        expected = expected_values(event, self.sensor_map)
        trace.sensor_id, trace.unit, trace.values = expected.sensor_id, expected.unit, len(expected.values)
        trace.begins_at = expected.start.isoformat()
        created, until = moment(event["created_at"]), self.clock() + self.timeout_s

        def posted() -> str:
            row = ven_row(self.ven.call("status"), event, expected.sensor_id)
            for hop, key in (
                ("delivered", "received_at"),
                ("responded", "responded_at"),
                ("posted", "posted_at"),
            ):
                if row is not None and row[key]:
                    trace.hops_s[hop] = round((moment(row[key]) - created).total_seconds(), 2)
            return row_problem(row, expected)

        def visible() -> str:
            problem = self._visible(expected)
            if not problem:
                now = datetime.now(UTC)
                trace.hops_s["visible"] = round((now - created).total_seconds(), 2)
            return problem

        trace.problem = self._until(posted, until) or self._until(visible, until)

    def _until(self, problem_of: Callable[[], str], until: float) -> str:
        """Look again until nothing is wrong or time is up; the last problem."""
        while True:
            problem = problem_of()
            if not problem:
                return ""
            if self.clock() >= until:
                return f"after {self.timeout_s:.0f} s: {problem}"
            self.sleep(INTERVAL_S)

    def _visible(self, expected: Expected) -> str:
        path = f"/api/v3_0/sensors/{expected.sensor_id}"
        unit = self.api.get(path)["unit"]
        if unit != expected.unit:
            return f"sensor {expected.sensor_id} has the unit {unit}, expected {expected.unit}"
        answer = self.api.get(
            f"{path}/data",
            start=expected.start.isoformat(),
            duration=f"PT{expected.duration_s // 60}M",
            resolution=f"PT{expected.step_s // 60}M",
            unit=expected.unit,
        )
        return values_problem(answer["values"], expected)
