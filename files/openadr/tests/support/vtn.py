"""Settings of a VTN on loopback, and how to ask it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp

from cariflex_openadr.domain.program import Program
from cariflex_openadr.settings.vtn import DatabaseSettings, VtnSettings, program_settings, vtn_settings
from cariflex_openadr.vtn import Vtn
from support import VEN_ID

PRICES = [100.0 + n for n in range(24)]
TOKEN = "operator-of-this-test"


def raw_program(**changes: Any) -> dict[str, Any]:
    """A program as the configuration file has it; ``changes`` replace keys."""
    return {
        "timezone": "America/Martinique",
        "prices_eur_per_mwh": PRICES,
        "load_control": {"start": "18:00", "duration_s": 14400, "capacity": 0.6},
        "demand_response": {"start": "19:00", "duration_s": 3600, "level": 2},
        "market_contexts": {
            "price": "http://test/price",
            "load_control": "http://test/load",
            "demand_response": "http://test/dr",
        },
        "day_ahead_at": None,
        **changes,
    }


def program(**changes: Any) -> Program:
    """A checked program."""
    return program_settings(raw_program(**changes))


def raw_vtn_config(directory: Path, **changes: Any) -> dict[str, Any]:
    """A configuration file of the VTN; secrets and keys are in ``directory``."""
    (directory / "token").write_text(f"{TOKEN}\n", encoding="utf-8")
    (directory / "password").write_text("unused\n", encoding="utf-8")
    return {
        "vtn_id": "CARIFLEX_VTN",
        "openadr": {"host": "127.0.0.1", "port": 0},
        "operator": {"host": "127.0.0.1", "port": 0},
        "admin_token_file": str(directory / "token"),
        "poll_interval_s": 1,
        "vens": [{"ven_name": "cariflex-ven", "ven_id": VEN_ID, "registration_id": "reg-1"}],
        "program": raw_program(),
        "database": {
            "host": "127.0.0.1",
            "port": 5432,
            "name": "openadr",
            "user": "openadr",
            "password_file": str(directory / "password"),
        },
        "security": {
            "pki_dir": str(directory),
            "tls": None,
            "tls_names": ["localhost", "127.0.0.1"],
            "key_type": "ec",
            "signature_required": False,
            "replay_window_s": 60,
            "requests_per_s": 1000,
            "burst": 1000,
        },
        "reports": {"granularity_s": 60, "report_back_s": 60},
        "log_level": "info",
        **changes,
    }


def vtn_config(directory: Path, database: DatabaseSettings, **changes: Any) -> VtnSettings:
    """Checked settings of a VTN on a database of the test's."""
    return replace(vtn_settings(raw_vtn_config(directory, **changes)), database=database)


async def operator(
    vtn: Vtn, method: str, path: str, body: dict[str, Any] | None = None, token: str = TOKEN
) -> tuple[int, Any]:
    """Status and answer of the operator's face."""
    url = f"http://127.0.0.1:{vtn.operator_port}{path}"
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.request(method, url, json=body) as reply,
    ):
        text = await reply.text()
        return reply.status, json.loads(text) if text.startswith("{") else text


def openadr_url(vtn: Vtn, service: str) -> str:
    """Where a service of the VTN is."""
    return f"http://127.0.0.1:{vtn.openadr_port}/OpenADR2/Simple/2.0b/{service}"
