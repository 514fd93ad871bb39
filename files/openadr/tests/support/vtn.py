"""Settings of a VTN on loopback, and how to ask it."""

import json
from typing import Any

import aiohttp

from cariflex_openadr.settings.vtn import VtnSettings, vtn_settings
from cariflex_openadr.vtn import Vtn
from support import VEN_ID

PRICES = [100.0 + n for n in range(24)]


def raw_vtn_config(**program: Any) -> dict[str, Any]:
    """A configuration file of the VTN; ``program`` replaces keys of its program."""
    return {
        "vtn_id": "CARIFLEX_VTN",
        "openadr": {"host": "127.0.0.1", "port": 0},
        "operator": {"host": "127.0.0.1", "port": 0},
        "poll_interval_s": 1,
        "vens": [{"ven_name": "cariflex-ven", "ven_id": VEN_ID, "registration_id": "reg-1"}],
        "program": {
            "timezone": "America/Martinique",
            "prices_eur_per_mwh": PRICES,
            "load_control": {"start": "18:00", "duration_s": 14400, "capacity": 0.6},
            "demand_response": {"start": "19:00", "duration_s": 3600, "level": 2},
            "market_contexts": {
                "price": "http://test/price",
                "load_control": "http://test/load",
                "demand_response": "http://test/dr",
            },
            **program,
        },
        "log_level": "info",
    }


def vtn_config(**program: Any) -> VtnSettings:
    """Checked settings of the VTN."""
    return vtn_settings(raw_vtn_config(**program))


async def operator(vtn: Vtn, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{vtn.operator_port}{path}"
    async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as reply:
        text = await reply.text()
        return reply.status, json.loads(text) if text.startswith("{") else text


def openadr_url(vtn: Vtn, service: str) -> str:
    return f"http://127.0.0.1:{vtn.openadr_port}/OpenADR2/Simple/2.0b/{service}"
