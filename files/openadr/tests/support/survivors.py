"""Doubles of FlexMeasures and of a VTN's memory, in a file that outlives a VEN killed in a step."""

import os
import signal
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cariflex_openadr.clients.flexmeasures import BeliefCollisionError, PostError
from cariflex_openadr.storage.outbox import Post
from cariflex_openadr.storage.ven_database import to_moment, to_text


class Survivors:
    """What FlexMeasures believes and which answers the VTN has. ``down`` is FlexMeasures' state."""

    def __init__(self, path: Path) -> None:
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS belief "
            "(sensor_id, slot, belief, value, PRIMARY KEY (sensor_id, slot, belief))"
        )
        self._file.execute("CREATE TABLE IF NOT EXISTS answer (event_id, modification, opt)")
        self.down = False

    async def post(self, post: Post) -> None:
        """As FlexMeasures: the same belief again is no error, another value for it is refused."""
        if self.down:
            raise PostError("status code 503")
        belief = to_text(post.belief_time)
        self._file.execute("BEGIN")
        for item in post.values:
            key = (post.sensor_id, to_text(item.start), belief)
            found = self._file.execute(
                "SELECT value FROM belief WHERE sensor_id = ? AND slot = ? AND belief = ?", key
            ).fetchone()
            if found is not None and found[0] != item.value:
                self._file.execute("ROLLBACK")
                raise BeliefCollisionError("replacement")
            if found is None:
                self._file.execute("INSERT INTO belief VALUES (?, ?, ?, ?)", (*key, item.value))
        self._file.execute("COMMIT")

    async def close(self) -> None:
        """Nothing to close: the file stays open for the next VEN."""

    def hear(self, event_id: str, modification: int, opt: str) -> None:
        """As the VTN: keep an answer."""
        self._file.execute("INSERT INTO answer VALUES (?, ?, ?)", (event_id, modification, opt))

    def answers(self) -> dict[tuple[str, int], set[str]]:
        """Opts by event id and modification."""
        found: dict[tuple[str, int], set[str]] = {}
        for event_id, modification, opt in self._file.execute("SELECT * FROM answer"):
            found.setdefault((event_id, modification), set()).add(opt)
        return found

    def beliefs(self) -> set[tuple[int, datetime, datetime, float]]:
        """Every belief: sensor, slot, belief time, value."""
        rows = self._file.execute("SELECT * FROM belief")
        return {(sensor, to_moment(slot), to_moment(belief), value) for sensor, slot, belief, value in rows}

    def shown(self) -> dict[tuple[int, datetime], float]:
        """The newest belief of each slot of each sensor."""
        rows = self._file.execute("SELECT * FROM belief ORDER BY belief")
        return {(sensor, to_moment(slot)): value for sensor, slot, _, value in rows}


def in_a_process(
    step: Callable[[Callable[[sqlite3.Connection], sqlite3.Connection]], None], kill_at: int
) -> bool:
    """Run ``step`` in a process that SIGKILLs itself at its ``kill_at``-th SQL statement (0: never).

    ``step`` passes each connection that it opens through its argument. True when it came to its end.
    """
    child = os.fork()
    if child == 0:
        statements = [0]

        def count(_: str) -> None:
            statements[0] += 1
            if statements[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        def watched(connection: sqlite3.Connection) -> sqlite3.Connection:
            connection.set_trace_callback(count)
            return connection

        code = 1
        try:
            step(watched)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    assert killed or os.WEXITSTATUS(status) == 0, "the step raised"
    return not killed
