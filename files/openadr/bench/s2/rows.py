"""One figure of the result file, and the fleet that all measurements use."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cariflex_s2.resource import Resource
from s2.devices import resource

SIZES = (10, 100, 1_000, 10_000)


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, and what it is compared with."""

    name: str
    value: float
    unit: str
    peer_value: float | None = None
    goal: float | None = None

    def as_row(self) -> dict[str, Any]:
        """The row of the result file; a goal is met by a value that is not greater."""
        ratio = self.value / self.peer_value if self.peer_value else None
        return {
            "name": self.name,
            "value": round(self.value, 6),
            "unit": self.unit,
            "peer_value": None if self.peer_value is None else round(self.peer_value, 6),
            "ratio": None if ratio is None else round(ratio, 3),
            "goal": self.goal,
            "met": None if self.goal is None else self.value <= self.goal,
        }


def fleet(size: int) -> list[Resource]:
    """Batteries that charge with 50 kW when nobody asks for anything else."""
    return [resource(number, baseline_w=50_000, name=f"device_{number:05d}") for number in range(1, size + 1)]


def resident_bytes(process_id: int) -> int:
    """Memory that a process holds."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_s(process_id: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
