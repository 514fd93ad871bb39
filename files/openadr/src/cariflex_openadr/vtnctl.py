"""vtnctl: look at and steer the VTN from inside its container."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from cariflex_openadr.control import ControlError, call, exit_on_error, show
from cariflex_openadr.settings import Listen, SettingsError, listen_address, read_config

JsonObject = dict[str, Any]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vtnctl", description=__doc__)
    parser.add_argument("--url", metavar="HOST:PORT", help="operator address; default: from the config")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the service's answer as JSON")
    timing = argparse.ArgumentParser(add_help=False)
    timing.add_argument("--duration", type=int, required=True, metavar="SECONDS", help="a multiple of 60")
    timing.add_argument("--start", metavar="ISO8601", help="full minute with UTC offset; default: next")
    timing.add_argument("--replace", action="store_true", help="cancel operators' events that are in the way")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("health", parents=[common], help="exit 0 when the service is healthy")
    commands.add_parser("events", parents=[common], help="events with the answers to them")
    commands.add_parser("vens", parents=[common], help="VENs, last polls, answers")
    load = commands.add_parser("load-control", parents=[common, timing], help="cap the site's power")
    load.add_argument("--capacity", type=float, required=True, help="allowed share of the capacity, 0 to 1")
    simple = commands.add_parser("simple", parents=[common, timing], help="demand response by level")
    simple.add_argument("--level", type=int, required=True, help="0, 1, 2 or 3")
    commands.add_parser("republish-price", parents=[common], help="today's prices as a new modification")
    cancel = commands.add_parser("cancel", parents=[common], help="cancel an event")
    cancel.add_argument("event_id")
    return parser


def _request(listen: Listen, arguments: argparse.Namespace) -> JsonObject:
    command: str = arguments.command
    if command == "health":
        return call(listen, "/healthz")
    if command in ("events", "vens"):
        return call(listen, f"/{command}")
    if command == "republish-price":
        return call(listen, "/events/price/today/modify", post=True)
    if command == "cancel":
        return call(listen, f"/events/{quote(arguments.event_id, safe='')}/cancel", post=True)
    body: JsonObject = {"duration_s": arguments.duration, "replace": arguments.replace}
    if arguments.start:
        body["start"] = arguments.start
    if command == "load-control":
        body |= {"type": "load_control", "value": arguments.capacity}
    else:
        body |= {"type": "simple", "level": arguments.level}
    return call(listen, "/events", body, post=True)


def _rows(command: str, answer: JsonObject) -> list[list[str]]:
    if command == "health":
        return [["STATUS"], [str(answer["status"])]]
    if command == "vens":
        rows = [
            [
                ven["ven_name"],
                ven["ven_id"],
                str(ven["registered"]),
                str(ven["last_poll"]),
                str(len(ven["opts"])),
            ]
            for ven in answer["vens"]
        ]
        return [["VEN", "ID", "REGISTERED", "LAST POLL", "OPTS"], *rows]
    events = answer["events"] if command == "events" else [answer]
    rows = [
        [
            event["event_id"],
            str(event["modification"]),
            event["status"],
            event["start"],
            f"{event['duration_s']} s",
            " ".join(f"{opt['ven_id']}={opt['opt']}" for opt in event["opts"]) or "-",
        ]
        for event in events
    ]
    return [["EVENT", "MOD", "STATUS", "START", "DURATION", "OPTS"], *rows]


def run(argv: Sequence[str]) -> int:
    """Run one command; the exit code: 0 done, 1 refused or unreachable."""
    arguments = _parser().parse_args(argv)
    try:
        listen = listen_address(arguments.url) if arguments.url else listen_address(read_config(), "operator")
        answer = _request(listen, arguments)
    except (ControlError, SettingsError) as error:
        return exit_on_error(error)
    show(answer, _rows(arguments.command, answer), as_json=arguments.json)
    return 0


def main() -> None:
    """Entry point of the command."""
    sys.exit(run(sys.argv[1:]))
