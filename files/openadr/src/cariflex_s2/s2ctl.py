"""s2ctl: look at the S2 service from inside its container."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from cariflex_openadr.control import ControlError, call, show
from cariflex_openadr.settings.reading import listen_address, read_config
from cariflex_s2.settings import config_path
from cariflex_service.reading import SettingsError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="s2ctl", description=__doc__)
    parser.add_argument("--url", metavar="HOST:PORT", help="status address; default: from the configuration")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the service's answer as JSON")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("health", parents=[common], help="exit 0 when the service can do its work")
    commands.add_parser("sessions", parents=[common], help="every resource, connected or not")
    commands.add_parser("schedules", parents=[common], help="the schedules in use")
    commands.add_parser("forecasts", parents=[common], help="how far FlexMeasures has forecast each sensor")
    instructions = commands.add_parser("instructions", parents=[common], help="newest first")
    instructions.add_argument("--resource", default="", help="of one resource only")
    instructions.add_argument("--limit", type=int, default=50)
    return parser


def _path(arguments: argparse.Namespace) -> str:
    if arguments.command == "health":
        return "/healthz"
    if arguments.command == "instructions":
        return f"/instructions?resource={arguments.resource}&limit={arguments.limit}"
    return f"/{arguments.command}"


def _rows(command: str, answer: dict[str, Any]) -> list[list[str]]:
    if command == "health":
        return [
            ["STATUS", "SESSIONS", "WARNINGS"],
            [*map(_text, (answer["status"], answer["sessions"])), "; ".join(answer["warnings"]) or "-"],
        ]
    if command == "sessions":
        keys = ("resource_id", "phase", "since", "fill_level_kwh", "power_w", "messages", "refused")
        return [
            ["RESOURCE", "PHASE", "SINCE", "FILL_KWH", "POWER_W", "MESSAGES", "REFUSED"],
            *([_text(row.get(key)) for key in keys] for row in answer["sessions"]),
        ]
    if command == "schedules":
        rows = [
            [row["resource_id"], row["start"], str(len(row["powers_w"])), row["read_at"]]
            for row in answer["schedules"]
        ]
        return [["RESOURCE", "START", "SLOTS", "READ"], *rows]
    if command == "forecasts":
        forecasts = [
            [row["sensor"], _text(row["known_until"]), row["problem"] or "-"] for row in answer["forecasts"]
        ]
        return [["SENSOR", "KNOWN_UNTIL", "PROBLEM"], *forecasts]
    columns = (
        "created_at",
        "resource_id",
        "event_id",
        "modification",
        "interval",
        "revision",
        "power_w",
        "status",
    )
    return [
        ["AT", "RESOURCE", "EVENT", "MOD", "INTERVAL", "REV", "POWER_W", "STATUS"],
        *([_text(row[key]) for key in columns] for row in answer["instructions"]),
    ]


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def run(argv: Sequence[str]) -> int:
    """Run one command; the exit code: 0 done, 1 failing or unreachable."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.url:
            address = listen_address(arguments.url)
        else:
            address = listen_address(read_config(config_path()), "status")
        answer = call(address, _path(arguments))
    except (ControlError, SettingsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    show(answer, _rows(arguments.command, answer), as_json=arguments.json)
    return 0


def main() -> None:
    """Entry point of the command."""
    sys.exit(run(sys.argv[1:]))
