"""Which image to build next when several are built at a time: pure scheduling."""

from __future__ import annotations

from collections.abc import Mapping


class Schedule:
    """At most `parallel` builds at a time, a base before its users; after a failure no more are started.

    `bases` gives each image's base (references, in build order). A base that is no image of `bases` is taken
    as present. Raises ValueError when `parallel` is below 1.
    """

    def __init__(self, bases: Mapping[str, str], parallel: int) -> None:
        if parallel < 1:
            raise ValueError(f"{parallel} builds at a time; expected 1 or more")
        self._bases = bases
        self._parallel = parallel
        self.waiting = list(bases)
        self.running: list[str] = []
        self.built: list[str] = []
        self.failed: list[str] = []

    def start(self) -> list[str]:
        """Take what may start now, and count it as running."""
        if self.failed:
            return []
        unfinished = self.waiting + self.running
        ready = [ref for ref in self.waiting if self._bases[ref] not in unfinished]
        started = ready[: self._parallel - len(self.running)]
        self.running += started
        self.waiting = [ref for ref in self.waiting if ref not in started]
        return started

    def finish(self, ref: str, failed: bool) -> None:
        """Note that a running build has ended."""
        self.running.remove(ref)
        (self.failed if failed else self.built).append(ref)
