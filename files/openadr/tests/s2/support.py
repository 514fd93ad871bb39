"""A running S2 service on loopback with its files in a directory, and the VEN's side of the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cariflex_openadr.settings import Listen
from cariflex_openadr.storage.intents import Intent, IntentInterval, Intents
from cariflex_openadr.storage.outbox import Entry, Outbox
from cariflex_openadr.storage.ven_database import open_ven_database
from cariflex_s2.resource import Resource
from cariflex_s2.service import Service
from cariflex_s2.settings import Settings
from s2.devices import resource

LOOPBACK = Listen("127.0.0.1", 0)


def token_of(resource_id: str) -> str:
    return f"token-of-{resource_id}-0123456789"


def service_settings(directory: Path, resources: list[Resource] | None = None) -> Settings:
    """Settings for batteries 01-03, or the given resources, without scheduling."""
    rows = resources or [resource(number) for number in (1, 2, 3)]
    return Settings(
        listen=LOOPBACK,
        status=LOOPBACK,
        ven_database=directory / "ven.sqlite3",
        ledger=directory / "s2.sqlite3",
        resources={row.resource_id: row for row in rows},
        tokens={row.resource_id: token_of(row.resource_id) for row in rows},
        fill_level_interval=timedelta(seconds=60),
        scheduling=None,
        log_level="info",
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """The service between start and stop."""
    service = Service(settings)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


class VenSide:
    """What the VEN writes into the shared database, and what it finds there."""

    def __init__(self, path: Path) -> None:
        self._connection = open_ven_database(path)

    def close(self) -> None:
        self._connection.close()

    def promise(
        self,
        signal_type: str,
        value: float,
        event_id: str = "event-1",
        modification: int = 0,
        minutes: float = 60,
        targets: tuple[str, ...] = (),
        test: bool = False,
        starts_in: timedelta = timedelta(seconds=-60),
    ) -> None:
        """Opt in to an event that began a minute ago."""
        start = datetime.now(UTC) + starts_in
        end = start + timedelta(minutes=minutes)
        Intents(self._connection).put(
            Intent(
                vtn_id="CARIFLEX_VTN",
                event_id=event_id,
                modification=modification,
                kind="demand_response" if signal_type == "level" else "load_control",
                signal_type=signal_type,
                priority=1,
                status="active",
                start=start,
                end=end,
                intervals=(IntentInterval(start, end, value),),
                targets=targets,
                test=test,
            )
        )

    def cancel(self, event_id: str = "event-1") -> None:
        Intents(self._connection).cancel("CARIFLEX_VTN", event_id)

    def posts(self) -> list[Entry]:
        """What waits for FlexMeasures, oldest first."""
        return list(reversed(Outbox(self._connection).entries()))
