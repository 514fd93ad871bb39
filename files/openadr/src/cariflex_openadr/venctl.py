"""venctl: look at the VEN from inside its container."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from cariflex_openadr.control import ControlError, call, exit_on_error, show
from cariflex_openadr.settings import SettingsError, listen_address, read_config


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="venctl", description=__doc__)
    parser.add_argument("--url", metavar="HOST:PORT", help="status address; default: from the configuration")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the service's answer as JSON")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("health", parents=[common], help="exit 0 when the VEN polls its VTN")
    commands.add_parser("status", parents=[common], help="last poll, and what became of each event")
    return parser


def _rows(command: str, answer: dict[str, Any]) -> list[list[str]]:
    if command == "health":
        return [["STATUS"], [str(answer["status"])]]
    rows = [
        [
            event["event_id"],
            str(event["modification"]),
            event["opt"],
            str(event["responded_at"] or "-"),
            str(event["sensor_id"] or "-"),
            str(len(event["values"])),
            str(event["posted_at"] or event["error"] or event["reason"] or "-"),
        ]
        for event in answer["events"]
    ]
    return [["EVENT", "MOD", "OPT", "RESPONDED", "SENSOR", "VALUES", "POSTED"], *rows]


def run(argv: Sequence[str]) -> int:
    """Run one command; the exit code: 0 done, 1 failing or unreachable."""
    arguments = _parser().parse_args(argv)
    try:
        listen = listen_address(arguments.url) if arguments.url else listen_address(read_config(), "status")
        answer = call(listen, "/healthz" if arguments.command == "health" else "/status")
    except (ControlError, SettingsError) as error:
        return exit_on_error(error)
    show(answer, _rows(arguments.command, answer), as_json=arguments.json)
    return 0


def main() -> None:
    """Entry point of the command."""
    sys.exit(run(sys.argv[1:]))
