"""openleadr's own VTN as a process: one a process, because it keeps keys and lookups in its classes.

Reads its setup as JSON from the first argument; writes what it hears as JSON lines.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from openleadr import OpenADRServer
from openleadr.objects import ActivePeriod, Event, EventDescriptor, EventSignal, Interval, Target

MINUTE = timedelta(minutes=1)
MEASUREMENT = {
    "name": "currencyPerKWh",
    "description": "currencyPerKWh",
    "unit": "EUR",
    "scale": "none",
}


def say(**words: Any) -> None:
    """One line for the test."""
    sys.stdout.write(json.dumps(words, default=str) + "\n")
    sys.stdout.flush()


def price_event(ven_id: str, start: datetime) -> Event:
    """Two hours of prices, with the unit that its convenience function leaves out."""
    prices = [
        Interval(dtstart=start + hour * 60 * MINUTE, duration=60 * MINUTE, signal_payload=0.1 + hour / 10)
        for hour in range(2)
    ]
    signal = EventSignal(
        intervals=prices,
        signal_name="ENERGY_PRICE",
        signal_type="price",
        signal_id="price",
        measurement=MEASUREMENT,
    )
    descriptor = EventDescriptor(
        event_id="stock-price",
        modification_number=0,
        market_context="http://test/price",
        event_status="near",
        created_date_time=datetime.now(UTC),
    )
    return Event(
        active_period=ActivePeriod(dtstart=start, duration=120 * MINUTE),
        event_descriptor=descriptor,
        event_signals=[signal],
        targets=[Target(ven_id=ven_id)],
        response_required="always",
    )


async def main(setup: dict[str, Any]) -> None:
    """Serve until killed."""
    ven_id = setup["ven_id"]
    known = {
        "ven_id": ven_id,
        "ven_name": setup["ven_name"],
        "fingerprint": setup["fingerprint"],
        "registration_id": "stock-registration",
    }
    server = OpenADRServer(
        vtn_id="STOCK_VTN",
        http_port=setup["port"],
        requested_poll_freq=timedelta(seconds=1),
        ven_lookup=lambda ven_id: known if ven_id == known["ven_id"] else None,
        show_fingerprint=False,
        **setup["server"],
    )

    async def register(registration_info: dict[str, Any]) -> tuple[str, str]:
        say(registered=registration_info["ven_name"])
        return ven_id, "stock-registration"

    async def offer_report(
        ven_id: str,
        resource_id: str,
        measurement: str,
        unit: str,
        scale: str,
        min_sampling_interval: timedelta,
        max_sampling_interval: timedelta,
    ) -> tuple[Any, timedelta]:
        say(report=resource_id, unit=unit, ven_id=ven_id, measurement=measurement, scale=scale)
        say(sampling=[min_sampling_interval, max_sampling_interval])
        return hear_report, MINUTE

    async def hear_report(data: list[tuple[datetime, float]]) -> None:
        say(values=data)

    async def heard(ven_id: str, event_id: str, opt_type: str) -> None:
        say(opt=opt_type, event_id=event_id, ven_id=ven_id)

    server.add_handler("on_create_party_registration", register)
    server.add_handler("on_register_report", offer_report)
    await server.run()
    say(port=setup["port"])
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + 60 * MINUTE
    server.add_raw_event(ven_id, price_event(ven_id, start), callback=heard)
    server.add_event(
        ven_id=ven_id,
        signal_name="LOAD_CONTROL",
        signal_type="x-loadControlCapacity",
        intervals=[{"dtstart": start, "duration": 5 * MINUTE, "signal_payload": 0.4}],
        event_id="stock-load",
        market_context="http://test/load",
        callback=heard,
    )
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    server.cancel_event(ven_id, "stock-load")
    say(cancelled="stock-load")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
