"""Stock openleadr as a server of its own: everything in memory, the same VENs and events.

Arguments: port, number of VENs, whether events wait (``events``) or not (``idle``), and files of certificate
and key for signed replies.
"""

import asyncio
import contextlib
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from openleadr import OpenADRServer
from openleadr.objects import ActivePeriod, Event, EventDescriptor, EventSignal, Interval, Target

HOUR = timedelta(hours=1)


def event(event_id: str, ven_id: str, signal: tuple[str, str], hours: int, step: timedelta) -> Event:
    """An event with one signal; prices have 24 hours."""
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    name, kind = signal
    intervals = [Interval(dtstart=start + n * step, duration=step, signal_payload=0.1) for n in range(hours)]
    return Event(
        event_descriptor=EventDescriptor(
            event_id=event_id,
            modification_number=0,
            market_context=f"http://bench/{name}",
            event_status="far",
            created_date_time=start,
        ),
        active_period=ActivePeriod(dtstart=start, duration=hours * step),
        event_signals=[EventSignal(signal_id="s", signal_type=kind, signal_name=name, intervals=intervals)],
        targets=[Target(ven_id=ven_id)],
        response_required="always",
    )


async def serve(port: int, vens: int, mode: str, cert: str | None, key: str | None) -> None:
    """Serve until killed."""

    def lookup(ven_id: str) -> dict[str, Any]:
        return {"ven_id": ven_id, "ven_name": ven_id, "fingerprint": "", "registration_id": f"reg-{ven_id}"}

    async def answered(ven_id: str, event_id: str, opt_type: str) -> None:
        del ven_id, event_id, opt_type

    server = OpenADRServer(
        vtn_id="STOCK", http_port=port, ven_lookup=lookup, cert=cert, key=key, show_fingerprint=False
    )
    if mode == "events":
        for ven in (f"ven-{number}" for number in range(vens)):
            for name, kind, hours in (
                ("ENERGY_PRICE", "price", 24),
                ("LOAD_CONTROL", "x-loadControlCapacity", 1),
            ):
                step = HOUR if hours > 1 else 4 * HOUR
                server.add_raw_event(ven, event(f"{name}-{ven}", ven, (name, kind), hours, step), answered)
    with contextlib.redirect_stdout(sys.stderr):
        await server.run()
    await asyncio.Event().wait()


if __name__ == "__main__":
    files = [*sys.argv[4:6], None, None][:2]
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], *files))
