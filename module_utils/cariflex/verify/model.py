"""What a verification found: plain values, their JSON and their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

HOPS = ("delivered", "responded", "posted", "visible")


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
    sensor_id: int = 0
    values: int = 0
    unit: str = ""
    hops_s: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(HOPS))
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """All checks and traces of one run."""

    environment: str
    at: str
    checks: Sequence[Check]
    traces: Sequence[Trace]

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
        return failed + lost

    def as_json(self) -> dict[str, Any]:
        """Return the document for machines."""
        return {
            "environment": self.environment,
            "at": self.at,
            "ok": not self.failures,
            "checks": [asdict(check) for check in self.checks],
            "events": [asdict(trace) for trace in self.traces],
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
            rows = [["EVENT", "ID", "MOD", "SENSOR", "VALUES", "OK", *(f"{hop} s".upper() for hop in HOPS)]]
            for trace in self.traces:
                hops = [trace.hops_s[hop] for hop in HOPS]
                rows.append(
                    [
                        trace.kind,
                        trace.event_id or "-",
                        str(trace.modification),
                        str(trace.sensor_id or "-"),
                        f"{trace.values} {trace.unit}".strip(),
                        "NO" if trace.problem else "yes",
                        *("-" if seconds is None else f"{seconds:.1f}" for seconds in hops),
                    ]
                )
            lines += [
                "",
                *_aligned(rows),
                "",
                "Seconds count from the creation of the modification in the VTN.",
            ]
        return lines


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
