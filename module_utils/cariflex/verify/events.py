"""Pure rules of following an event: which values it must leave on its sensor, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

# Signal name on the wire -> name of the sensor, and factor from the VTN's unit to the sensor's.
SIGNALS: Mapping[str, tuple[str, float]] = {
    "ENERGY_PRICE": ("consumption_price", 1.0),
    "ELECTRICITY_PRICE": ("consumption_price", 1.0),
    "LOAD_CONTROL": ("load_control_signal", 100.0),
    "SIMPLE": ("demand_response_signal", 1 / 3),
}
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Expected:
    """Values that the sensor must show, one per resolution step from ``start``."""

    sensor_id: int
    unit: str
    start: datetime
    step_s: int
    values: tuple[float, ...]

    @property
    def duration_s(self) -> int:
        """Length of the stretch in seconds."""
        return self.step_s * len(self.values)


def moment(text: str) -> datetime:
    """Read an ISO 8601 moment with its offset, Z included."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def expected_values(event: Mapping[str, Any], sensor_map: Mapping[str, Any]) -> Expected:
    """Values that the VTN's ``event`` (vtnctl's JSON) must leave; ValueError if the map lacks the sensor."""
    signal = event["signals"][0]
    if signal["name"] not in SIGNALS:
        raise ValueError(f"signal {signal['name']}, expected one of {', '.join(SIGNALS)}")
    name, factor = SIGNALS[signal["name"]]
    sensor = next((row for row in sensor_map["sensors"] if row["name"] == name), None)
    if sensor is None:
        raise ValueError(f"the sensor map has no {name}")
    step = int(sensor["resolution_s"])
    values: list[float] = []
    for interval in signal["intervals"]:
        values += [factor * float(interval["value"])] * (int(interval["duration_s"]) // step)
    start = moment(signal["intervals"][0]["start"])
    if not values or start.timestamp() % step:
        raise ValueError(f"intervals from {start.isoformat()} do not fit {name}'s resolution of {step} s")
    return Expected(int(sensor["id"]), str(sensor["unit"]), start, step, tuple(values))


def ven_row(status: Mapping[str, Any], event: Mapping[str, Any], sensor_id: int) -> Mapping[str, Any] | None:
    """Find the VEN's row (venctl's JSON) of exactly this event and modification, best for the sensor."""
    rows = [
        row
        for row in status["events"]
        if row["event_id"] == event["event_id"] and row["modification"] == event["modification"]
    ]
    return next((row for row in rows if row["sensor_id"] == sensor_id), rows[0] if rows else None)


def row_problem(row: Mapping[str, Any] | None, expected: Expected) -> str:
    """Say what the VEN has not done yet; empty when it answered optIn and posted what was expected."""
    if row is None:
        return "not delivered to the VEN"
    if row["opt"] != "optIn":
        return f"the VEN answered {row['opt']} ({row['reason']}), expected optIn"
    if not row["responded_at"]:
        return "delivered, but the VEN's answer has not reached the VTN"
    if row["sensor_id"] != expected.sensor_id:
        return f"the VEN posts to sensor {row['sensor_id']}, expected {expected.sensor_id}"
    if not row["posted_at"]:
        return f"not posted to FlexMeasures: {row['error'] or 'waiting'}"
    start, step = expected.start, timedelta(seconds=expected.step_s)
    posted = {moment(item["start"]): (float(item["value"]), item["unit"]) for item in row["values"]}
    for index, value in enumerate(expected.values):
        at = start + index * step
        # The VEN posts a run of equal values by its slots; a missing slot shows in FlexMeasures too.
        if at in posted and not _same(posted[at][0], value):
            return f"the VEN posted {posted[at][0]:g} for {at.isoformat()}, expected {value:g}"
    units = {unit for _, unit in posted.values()}
    if units - {expected.unit}:
        return f"the VEN posted in {', '.join(sorted(units))}, expected {expected.unit}"
    return ""


def values_problem(found: Sequence[float | None], expected: Expected) -> str:
    """Say where FlexMeasures' values differ from the expected ones; empty when they agree."""
    if len(found) != len(expected.values):
        return f"FlexMeasures shows {len(found)} values, expected {len(expected.values)}"
    for index, (value, wanted) in enumerate(zip(found, expected.values, strict=True)):
        if value is None or not _same(float(value), wanted):
            at = expected.start + timedelta(seconds=index * expected.step_s)
            return f"sensor {expected.sensor_id} shows {value} at {at.isoformat()}, expected {wanted:g}"
    return ""


def _same(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= TOLERANCE * max(1.0, abs(wanted))
