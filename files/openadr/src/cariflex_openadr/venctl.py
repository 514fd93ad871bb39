"""venctl: look at the VEN and steer it, from inside its container."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from cariflex_openadr.control import ControlError, call, exit_on_error, show
from cariflex_openadr.settings import Listen, listen_address, read_config
from cariflex_service.reading import SettingsError

Rows = list[list[str]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="venctl", description=__doc__)
    parser.add_argument("--url", metavar="HOST:PORT", help="status address; default: from the configuration")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the service's answer as JSON")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("health", parents=[common], help="exit 0 when the VEN polls and its outbox drains")
    commands.add_parser("status", parents=[common], help="last poll, and what became of each event")
    outbox = commands.add_parser("outbox", parents=[common], help="posts to FlexMeasures")
    outbox.add_argument("action", nargs="?", choices=["list", "retry", "drop"], default="list")
    outbox.add_argument("--state", choices=["pending", "sent", "dead"], help="list these only")
    outbox.add_argument("--sensor", type=int, metavar="ID", help="list, retry or drop this sensor's only")
    outbox.add_argument(
        "--id",
        type=int,
        help="this post; retry without it: every pending and dead one; drop: needs it or --sensor",
    )
    opt = commands.add_parser("opt", help="opt schedules and opts for events").add_subparsers(
        dest="action", required=True
    )
    opt.add_parser("list", parents=[common], help="every opt, and whether the VTN knows it")
    for name, words in (("out", "take no part"), ("in", "take part again")):
        made = opt.add_parser(name, parents=[common], help=f"{words}: in one event, or in a time")
        made.add_argument("--event", metavar="ID", help="an event that `venctl status` shows")
        made.add_argument("--start", metavar="TIME", help="ISO 8601 with offset")
        made.add_argument("--end", metavar="TIME", help="ISO 8601 with offset")
        made.add_argument("--market-context", metavar="URI", help="default: all")
        made.add_argument("--reason", default="notParticipating" if name == "out" else "participating")
    cancelled = opt.add_parser("cancel", parents=[common], help="take an opt back")
    cancelled.add_argument("opt_id")
    registration = commands.add_parser("registration", parents=[common], help="end it, or register again")
    registration.add_argument("action", choices=["cancel", "renew"])
    return parser


def _status_rows(answer: dict[str, Any]) -> Rows:
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


def _outbox_rows(answer: dict[str, Any]) -> Rows:
    keys = ("id", "state", "sensor_id", "start", "values", "event_id", "modification", "attempts")
    rows = [
        [*(str(post[key]) for key in keys), str(post["sent_at"] or post["error"] or "-")]
        for post in answer["posts"]
    ]
    return [["ID", "STATE", "SENSOR", "START", "VALUES", "EVENT", "MOD", "TRIES", "SENT"], *rows]


def _opt_rows(answer: dict[str, Any]) -> Rows:
    rows = [
        [
            opt["opt_id"],
            opt["opt"],
            opt["reason"],
            opt["event_id"] or f"{opt['start']} to {opt['end']}",
            opt["market_context"] or "all",
            opt["state"],
            opt["error"] or "-",
        ]
        for opt in answer.get("opts", [answer])
    ]
    return [["OPT", "TYPE", "REASON", "FOR", "MARKET CONTEXT", "STATE", "ERROR"], *rows]


def _run(arguments: argparse.Namespace, at: Listen) -> tuple[dict[str, Any], Rows]:
    """The service's answer, and its table."""
    if arguments.command == "health":
        answer = call(at, "/healthz")
        return answer, [["STATUS"], [str(answer["status"])]]
    if arguments.command == "status":
        answer = call(at, "/status")
        return answer, _status_rows(answer)
    if arguments.command == "outbox" and arguments.action == "retry":
        answer = call(at, "/outbox/retry", _which(arguments), post=True)
        return answer, [["RETRIED"], [str(answer["retried"])]]
    if arguments.command == "outbox":
        dropping = arguments.action == "drop"
        asked = {"state": arguments.state, "sensor_id": arguments.sensor}
        query = urlencode({key: value for key, value in asked.items() if value is not None})
        answer = (
            call(at, "/outbox/drop", _which(arguments), post=True)
            if dropping
            else call(at, f"/outbox?{query}")
        )
        return answer, _outbox_rows(answer)
    if arguments.command == "registration":
        answer = call(at, "/registration", {"action": arguments.action}, post=True)
        return answer, [["REGISTRATION"], [arguments.action]]
    answer = _run_opt(arguments, at)
    return answer, _opt_rows(answer)


def _which(arguments: argparse.Namespace) -> dict[str, int]:
    """Posts by number or sensor, as the service wants them."""
    given = {"id": arguments.id, "sensor_id": arguments.sensor}
    return {key: value for key, value in given.items() if value is not None}


def _run_opt(arguments: argparse.Namespace, at: Listen) -> dict[str, Any]:
    if arguments.action == "list":
        return call(at, "/opts")
    if arguments.action == "cancel":
        return call(at, "/opts/cancel", {"opt_id": arguments.opt_id}, post=True)
    body = {
        "opt": "optOut" if arguments.action == "out" else "optIn",
        "reason": arguments.reason,
        "event_id": arguments.event,
        "start": arguments.start,
        "end": arguments.end,
        "market_context": arguments.market_context,
    }
    return call(at, "/opts", body, post=True)


def run(argv: Sequence[str]) -> int:
    """Run one command; the exit code: 0 done, 1 failing or unreachable."""
    arguments = _parser().parse_args(argv)
    try:
        at = listen_address(arguments.url) if arguments.url else listen_address(read_config(), "status")
        answer, rows = _run(arguments, at)
    except (ControlError, SettingsError) as error:
        return exit_on_error(error)
    show(answer, rows, as_json=arguments.json)
    return 0


def main() -> None:
    """Entry point of the command."""
    sys.exit(run(sys.argv[1:]))
