"""EiReport as a VEN speaks it, by openleadr's templates."""

from datetime import UTC, datetime, timedelta
from typing import Any

from cariflex_openadr.messages.document import EI, Element
from cariflex_openadr.vtn import Vtn
from support.messages import ask, code

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def offer(specifier: str = "usage", name: str = "METADATA_TELEMETRY_USAGE") -> dict[str, Any]:
    points = [
        {
            "r_id": r_id,
            "report_type": "usage",
            "reading_type": "Direct Read",
            "report_data_source": {"resource_id": f"battery_{r_id}"},
            "measurement": {
                "ns": "power",
                "name": "powerReal",
                "description": "RealPower",
                "unit": "W",
                "scale": "k",
                "power_attributes": {"hertz": 50, "voltage": 230, "ac": True},
            },
            "sampling_rate": {"min_period": QUARTER, "max_period": QUARTER, "on_change": False},
        }
        for r_id in ("p1", "p2")
    ]
    return {
        "report_name": name,
        "report_specifier_id": specifier,
        "report_request_id": "0",
        "created_date_time": START,
        "duration": timedelta(hours=1),
        "report_descriptions": points,
    }


async def register_report(vtn: Vtn, *offers: dict[str, Any]) -> tuple[str, list[str], Element]:
    kind, message = await ask(vtn, "EiReport", "oadrRegisterReport", reports=list(offers))
    assert kind == "oadrRegisteredReport"
    return code(message), [item.text for item in message.iter(f"{EI}reportRequestID")], message


def update(request_id: str, r_id: str = "p1", value: object = 1.5) -> dict[str, Any]:
    interval = {"dtstart": START, "duration": QUARTER, "report_payload": {"r_id": r_id, "value": value}}
    return {
        "reports": [
            {
                "report_id": "report",
                "report_request_id": request_id,
                "report_specifier_id": "usage",
                "report_name": "TELEMETRY_USAGE",
                "created_date_time": START,
                "intervals": [interval],
            }
        ]
    }
