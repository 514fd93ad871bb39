"""What a verification found: plain values, their JSON and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

HOPS = ("delivered", "responded", "posted", "visible")
DEVICE_HOPS = ("instructed", "obeyed")


@dataclass(frozen=True)
class Check:
    """One service, asked. ``detail`` says what it answered, or what was expected."""

    service: str
    question: str
    ok: bool
    detail: str
    seconds: float


@dataclass
class Trace:
    """One event on its way. ``hops_s``: seconds since the VTN created this modification, None if not seen."""

    kind: str
    event_id: str = ""
    modification: int = 0
    begins_at: str = ""
    sensor_id: int = 0
    values: int = 0
    unit: str = ""
    hops_s: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(HOPS))
    problem: str = ""


@dataclass
class DeviceTrace:
    """An event at one device. ``hops_s``: seconds since it began, None if not seen; powers in kW."""

    device: str
    greatest_kw: float = 0.0
    allowed_kw: float = 0.0
    power_kw: float | None = None
    status: str = ""
    hops_s: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(DEVICE_HOPS))
    problem: str = "not looked at"


@dataclass(frozen=True)
class Report:
    """All checks and traces of one run."""

    environment: str
    at: str
    checks: Sequence[Check]
    traces: Sequence[Trace]
    devices: Sequence[DeviceTrace] = ()

    @property
    def failures(self) -> list[str]:
        """Everything that is not as it should be; empty when all is well."""
        failed = [
            f"{check.service}, {check.question}: {check.detail}" for check in self.checks if not check.ok
        ]
        lost = [
            f"event {trace.kind} {trace.event_id} modification {trace.modification}: {trace.problem}"
            for trace in self.traces
            if trace.problem
        ]
        deaf = [f"device {trace.device}: {trace.problem}" for trace in self.devices if trace.problem]
        return failed + lost + deaf

    def as_json(self) -> dict[str, Any]:
        """Return the document for machines."""
        return {
            "environment": self.environment,
            "at": self.at,
            "ok": not self.failures,
            "checks": [asdict(check) for check in self.checks],
            "events": [asdict(trace) for trace in self.traces],
            "devices": [asdict(trace) for trace in self.devices],
            "failures": self.failures,
        }

    def table(self) -> list[str]:
        """Return the lines for people."""
        rows = [["SERVICE", "QUESTION", "OK", "SECONDS", "ANSWER"]]
        rows += [
            [check.service, check.question, "yes" if check.ok else "NO", f"{check.seconds:.2f}", check.detail]
            for check in self.checks
        ]
        lines = _aligned(rows)
        if self.traces:
            lines += ["", *_aligned(_event_rows(self.traces)), ""]
            lines += ["Seconds count from the creation of the modification in the VTN."]
        if self.devices:
            lines += ["", *_aligned(_device_rows(self.devices)), ""]
            lines += ["Seconds count from the event's begin."]
        return lines


def _event_rows(traces: Sequence[Trace]) -> list[list[str]]:
    rows = [["EVENT", "ID", "MOD", "SENSOR", "VALUES", "OK", *(f"{hop} s".upper() for hop in HOPS)]]
    for trace in traces:
        head = [trace.kind, trace.event_id or "-", str(trace.modification), str(trace.sensor_id or "-")]
        values = f"{trace.values} {trace.unit}".strip()
        rows.append([*head, values, _ok(trace.problem), *(_seconds(trace.hops_s[hop]) for hop in HOPS)])
    return rows


def _device_rows(devices: Sequence[DeviceTrace]) -> list[list[str]]:
    hops = (f"{hop} s".upper() for hop in DEVICE_HOPS)
    rows = [["DEVICE", "MOST KW", "ALLOWED KW", "DRAWS KW", "INSTRUCTION", "OK", *hops]]
    for trace in devices:
        power = "-" if trace.power_kw is None else f"{trace.power_kw:.2f}"
        head = [trace.device, f"{trace.greatest_kw:.2f}", f"{trace.allowed_kw:.2f}", power]
        times = [_seconds(trace.hops_s[hop]) for hop in DEVICE_HOPS]
        rows.append([*head, trace.status or "-", _ok(trace.problem), *times])
    return rows


def _ok(problem: str) -> str:
    return "NO" if problem else "yes"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
