"""Prints how long each phase (play) of a run took, and keeps the figures as JSON."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: phases
type: aggregate
short_description: wall time of each play
description:
  - Prints one line a play at the end of the run and writes them to C(build/phases.json) of the repository.
requirements: [enabled in ansible.cfg]
"""

REPORT = Path(__file__).resolve().parents[2] / "build" / "phases.json"


class CallbackModule(CallbackBase):
    """Collects play start times; a play ends where the next one starts."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "phases"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._starts: list[tuple[str, float]] = []
        self._tasks = 0

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Note when a phase begins."""
        self._starts.append((play.get_name(), time.monotonic()))

    def v2_runner_on_ok(self, result: Any) -> None:
        """Count the tasks that really ran."""
        self._tasks += 1

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the table once all is done."""
        ends = [start for _, start in self._starts[1:]] + [time.monotonic()]
        phases: list[dict[str, Any]] = []
        for (name, start), end in zip(self._starts, ends, strict=True):
            if phases and phases[-1]["name"] == name:
                phases[-1]["duration_s"] = round(phases[-1]["duration_s"] + end - start, 1)
            else:
                phases.append({"name": name, "duration_s": round(end - start, 1)})
        total_s = round(sum(phase["duration_s"] for phase in phases), 1)
        self._display.banner("PHASES")
        for phase in phases:
            self._display.display(f"{phase['duration_s']:>8.1f} s  {phase['name']}")
        self._display.display(f"{total_s:>8.1f} s  in all, {self._tasks} tasks")
        report = {"total_s": total_s, "tasks": self._tasks, "phases": phases}
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
