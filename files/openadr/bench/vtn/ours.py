"""Our VTN with many VENs: rows in its database, processes that serve them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cariflex_openadr.settings.vtn import DatabaseSettings
from support.postgres import Cluster
from support.processes import VtnProcess
from support.vtn import raw_program

# Of the program: 24 h of prices and 4 h of load control, as the goal says.
PROGRAM = raw_program(
    demand_response=None, load_control={"start": "18:00", "duration_s": 14400, "capacity": 0.6}
)
REGISTERED = (
    "INSERT INTO ven (ven_id, ven_name, registration_id, origin, registered) "
    "SELECT 'ven-' || n, 'ven-' || n, 'bench-' || n, 'operator', true FROM generate_series(0, %s) AS n"
)
ANSWERED = (
    "INSERT INTO opt SELECT ven_id, event_id, modification, 'optIn', 200, 'OK', now() "
    "FROM ven CROSS JOIN event ON CONFLICT DO NOTHING"
)


def ven_ids(count: int) -> list[str]:
    """Ids of the first VENs."""
    return [f"ven-{number}" for number in range(count)]


@contextmanager
def serving(
    cluster: Cluster,
    directory: Path,
    vens: int,
    *,
    processes: int = 1,
    answered: bool,
    prefixes: Sequence[Sequence[str]] = (),
) -> Iterator[list[VtnProcess]]:
    """VTNs on one database with registered VENs, which have answered everything or nothing."""
    database = cluster.database()
    changes: dict[str, Any] = {"program": PROGRAM, "log_level": "warning"}
    with ExitStack() as stack:
        first = VtnProcess(directory / "first", database, changes)
        first.start()
        _fill(cluster, database, vens, answered)
        first.stop()
        running: list[VtnProcess] = []
        for number in range(processes):
            prefix = tuple(prefixes[number]) if prefixes else ()
            vtn = VtnProcess(directory / str(number), database, changes, prefix=prefix)
            vtn.start()
            stack.callback(vtn.kill)
            running.append(vtn)
        yield running


def _fill(cluster: Cluster, database: DatabaseSettings, vens: int, answered: bool) -> None:
    with cluster.connect(database.name) as connection:
        connection.execute(REGISTERED, [vens - 1])
        if answered:
            connection.execute(ANSWERED)
