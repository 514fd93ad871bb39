"""Follows a load-control event to the devices under the S2 service: instructed, answered, obeyed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import ApiError
from .events import moment
from .model import DeviceTrace, Trace
from .services import Control

INTERVAL_S = 1.0
# A meter may be off by this share of the device's greatest power.
TOLERANCE = 0.005
REFUSED = frozenset({"REFUSED", "REJECTED", "ABORTED", "REVOKED"})


def ask_devices(s2: Control, devices: Sequence[str]) -> str:
    """Check that every one of ``devices`` is under control."""
    phases = {row["resource_id"]: row["phase"] for row in s2.call("sessions")["sessions"]}
    away = [f"{name} {phases.get(name, 'unknown')}" for name in devices if phases.get(name) != "control"]
    if away:
        raise ApiError(f"not under control: {', '.join(away)}")
    return f"{sum(phase == 'control' for phase in phases.values())} of {len(phases)} under control"


@dataclass(frozen=True)
class DeviceFollower:
    """Looks at the S2 service. ``timeout_s`` counts from the event's begin."""

    s2: Control
    timeout_s: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time

    def follow(self, event: Trace, share: float, devices: Sequence[str]) -> list[DeviceTrace]:
        """Follow a cap at ``share`` of the greatest power; what goes wrong stands in the traces."""
        traces = [DeviceTrace(name) for name in devices]
        try:
            start = moment(event.begins_at)
            self._wait(start.timestamp())
            while True:
                self._look(traces, event, start, share)
                late = self.clock() >= start.timestamp() + self.timeout_s
                if late or not any(trace.problem for trace in traces):
                    return traces
                self.sleep(INTERVAL_S)
        except ApiError as error:
            return _failed(traces, str(error))
        except (KeyError, TypeError, ValueError, LookupError) as error:
            return _failed(traces, f"unexpected answer: {error!r}")

    def _wait(self, until: float) -> None:
        while (left := until - self.clock()) > 0:
            self.sleep(min(left, INTERVAL_S))

    def _look(self, traces: Sequence[DeviceTrace], event: Trace, start: datetime, share: float) -> None:
        sessions = {row["resource_id"]: row for row in self.s2.call("sessions")["sessions"]}
        given = self.s2.call("instructions", "--limit", str(20 * len(traces)))["instructions"]
        for trace in traces:
            rows = [row for row in given if row["resource_id"] == trace.device and _caused_by(row, event)]
            trace.problem = _advance(trace, sessions.get(trace.device, {}), rows, start, share)


def _failed(traces: list[DeviceTrace], problem: str) -> list[DeviceTrace]:
    for trace in traces:
        trace.problem = trace.problem and problem
    return traces


def _caused_by(row: Mapping[str, Any], event: Trace) -> bool:
    """Whether an instruction follows this modification of the event; of several in force it names all."""
    causes = zip(row["event_id"].split("+"), row["modification"].split("+"), strict=True)
    return (event.event_id, str(event.modification)) in causes


def _advance(
    trace: DeviceTrace,
    session: Mapping[str, Any],
    instructions: Sequence[Mapping[str, Any]],
    start: datetime,
    share: float,
) -> str:
    """Note how far the event has come at a device; what is still missing, empty when it obeys."""
    if session.get("phase") != "control":
        return "no session with the S2 service"
    trace.greatest_kw = session["max_power_w"] / 1000
    trace.allowed_kw = trace.greatest_kw * share
    if session["power_w"] is not None:
        trace.power_kw = session["power_w"] / 1000
    if not instructions:
        return "not instructed"
    newest = instructions[0]
    trace.status = newest["status"]
    trace.hops_s["instructed"] = _after(start, min(row["created_at"] for row in instructions))
    if trace.status in REFUSED:
        return f"instruction {trace.status}: {newest['reason']}"
    if trace.status == "NEW":
        return "instructed, but not answered"
    if trace.power_kw is None or moment(session["measured_at"]) < start:
        return "no power measured since the event began"
    if trace.power_kw > trace.allowed_kw + TOLERANCE * trace.greatest_kw:
        return f"draws {trace.power_kw:.2f} kW, expected at most {trace.allowed_kw:.2f} kW"
    if trace.hops_s["obeyed"] is None:
        trace.hops_s["obeyed"] = _after(start, session["measured_at"])
    return ""


def _after(start: datetime, at: str) -> float:
    return round((moment(at) - start).total_seconds(), 2)
