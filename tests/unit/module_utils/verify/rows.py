"""What the VEN reports of an event, for the tests of verify."""

from typing import Any


def row(**changes: Any) -> dict[str, Any]:
    """One row of `venctl status`: a load-control event of two minutes that was answered and posted."""
    values = [{"start": f"2026-11-23T11:0{n}:00+00:00", "value": 40.0, "unit": "%"} for n in range(2)]
    return {
        "event_id": "e1",
        "modification": 2,
        "received_at": "2026-11-23T10:59:31Z",
        "responded_at": "2026-11-23T10:59:32Z",
        "posted_at": "2026-11-23T10:59:33Z",
        "opt": "optIn",
        "reason": "",
        "error": "",
        "sensor_id": 86,
        "values": values,
        **changes,
    }
