"""Command line to the running simulator, inside its container."""

import argparse
import asyncio
import json
import sys
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from cariflex_service.reading import SettingsError
from cariflex_simulator.settings import read_settings

TIMEOUT_S = 10.0


class CallError(RuntimeError):
    """The simulator refused or does not answer."""


async def call(base: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """One request; the answer's JSON. Raises CallError."""
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=TIMEOUT_S)) as session,
            session.request(method, base + path, json=body) as response,
        ):
            answer: dict[str, Any] = await response.json()
    except (ClientError, TimeoutError, OSError, ValueError) as error:
        raise CallError(f"{base}: {error or type(error).__name__}; expected a running simulator") from error
    if response.status >= 400:
        raise CallError(answer.get("error") or "; ".join(answer.get("problems", [])))
    return answer


async def set_devices(base: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Set one device or all of a kind by hand; rows of what they are now."""
    devices = (await call(base, "GET", "/devices"))["devices"]
    chosen = [
        row
        for row in devices
        if options.device in ("all", row["device_id"]) or row["device_id"].startswith(f"{options.device}_")
    ]
    if not chosen:
        raise CallError(f"device {options.device!r}; expected all, battery, ev or a device's id")
    rows = []
    for row in chosen:
        body: dict[str, Any] = {}
        if options.fill_share is not None:
            width = row["max_fill_kwh"] - row["min_fill_kwh"]
            body["fill_kwh"] = row["min_fill_kwh"] + options.fill_share * width
        if options.presence and row["device_id"].startswith("ev_"):
            body["presence"] = options.presence
        rows.append(await call(base, "PATCH", f"/devices/{row['device_id']}", body))
    return rows


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [f"{'DEVICE':<12} {'POWER kW':>9} {'FILL kWh':>9} {'PRESENT':<8} {'CONTROL':<8} CEM"]
    for row in rows:
        cem = {True: "connected", False: "away", None: "-"}[row["s2_connected"]]
        present = "yes" if row["present"] else "no"
        lines.append(
            f"{row['device_id']:<12} {row['power_kw']:>9.2f} {row['fill_kwh']:>9.2f} {present:<8} "
            f"{row['control']:<8} {cem}"
        )
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="simctl", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("health", help="exit 0 when the simulation runs")
    commands.add_parser("record", help="energy record and balance of every device, as JSON")
    listing = commands.add_parser("devices", help="what every device does")
    change = commands.add_parser("set", help="set devices by hand: all, battery, ev or one id")
    change.add_argument("device")
    change.add_argument("--fill-share", type=float, help="fill level between minimum (0) and maximum (1)")
    change.add_argument("--presence", choices=["home", "away", "auto"], help="vehicles only")
    for command in (listing, change):
        command.add_argument("--json", action="store_true")
    return top


async def answer(options: argparse.Namespace) -> str:
    """What the command prints. Raises CallError and SettingsError."""
    status = read_settings().status
    base = f"http://{status.host}:{status.port}"
    if options.command == "health":
        return json.dumps(await call(base, "GET", "/healthz"))
    if options.command == "record":
        return json.dumps(await call(base, "GET", "/record"), indent=2)
    if options.command == "set":
        rows = await set_devices(base, options)
    else:
        rows = (await call(base, "GET", "/devices"))["devices"]
    return json.dumps({"devices": rows}) if options.json else _table(rows)


def main() -> None:
    """Entry point ``simctl``."""
    try:
        print(asyncio.run(answer(parser().parse_args())))
    except (CallError, SettingsError) as error:
        sys.exit(f"simctl: {error}")
