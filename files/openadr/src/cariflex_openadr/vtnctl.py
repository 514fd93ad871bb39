"""vtnctl: look at and steer the VTN from inside its container."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cariflex_openadr import vtnctl_tables as tables
from cariflex_openadr.control import Body, ControlError, call, exit_on_error, show
from cariflex_openadr.settings import Listen, listen_address, read_config
from cariflex_openadr.settings.reading import secret, text
from cariflex_service.reading import SettingsError

Json = dict[str, Any]
Arguments = argparse.Namespace
WAIT_STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """The operator's face of a VTN."""

    listen: Listen
    token: str

    def ask(self, path: str, body: Json | Body | None = None, *, method: str = "GET") -> Json:
        """Its answer. Raises ControlError."""
        return call(self.listen, path, body, method=method, token=self.token)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vtnctl", description=__doc__)
    parser.add_argument(
        "--url", metavar="HOST:PORT", help="operator address; default: from the configuration"
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help="operator's token; default: from the configuration"
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print the service's answer as JSON")
    offer = argparse.ArgumentParser(add_help=False)
    offer.add_argument("--duration", type=int, required=True, metavar="SECONDS", help="a multiple of 60")
    offer.add_argument("--start", metavar="ISO8601", help="full minute with UTC offset; default: next")
    offer.add_argument("--replace", action="store_true", help="cancel operators' events that are in the way")
    offer.add_argument("--test", action="store_true", help="a test event: answered, not followed")
    offer.add_argument(
        "--ven", action="append", default=[], metavar="ID", help="only for this VEN; repeatable"
    )
    offer.add_argument("--resource", action="append", default=[], metavar="ID", help="only for this resource")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, words: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        return commands.add_parser(name, parents=[common, *parents], help=words)

    add("health", "exit 0 when the service is healthy")
    add("events", "events with the answers to them")
    add("event", "one event").add_argument("event_id")
    add("vens", "VENs, last polls, answers, reports")
    add("reports", "what VENs report, with the newest values").add_argument("--ven", metavar="ID")
    load = add("load-control", "cap the site's power", offer).add_mutually_exclusive_group(required=True)
    load.add_argument("--capacity", type=float, help="allowed share of the capacity, 0 to 1")
    load.add_argument("--percent-offset", type=float, help="percent by which the limit moves, -100 to 100")
    simple = add("simple", "demand response by level", offer)
    simple.add_argument("--level", type=int, required=True, help="0, 1, 2 or 3")
    modify = add("modify", "change an event that has not ended")
    modify.add_argument("event_id")
    modify.add_argument("--value", type=float, help="capacity, percent offset or level, as the event has it")
    modify.add_argument("--duration", type=int, metavar="SECONDS", help="needed with --value")
    modify.add_argument("--start", metavar="ISO8601", help="full minute with UTC offset")
    modify.add_argument("--priority", type=int, help="1 is highest, 0 none")
    add("cancel", "cancel an event").add_argument("event_id")
    add("republish-price", "today's prices as a new modification")
    program = add("program", "take a day's program in place of the profile")
    program.add_argument("day", metavar="YYYY-MM-DD")
    program.add_argument("file", metavar="FILE", help="JSON, or CSV with hour,price_eur_per_mwh; - for stdin")
    wait = add("wait", "wait until every VEN has answered an event")
    wait.add_argument("event_id")
    wait.add_argument("--timeout", type=float, default=60, metavar="SECONDS")
    ven = commands.add_parser("ven", help="add, show or revoke a VEN").add_subparsers(
        dest="action", required=True
    )
    new = ven.add_parser("add", parents=[common], help="issue a certificate; again: a new one in its place")
    new.add_argument("ven_id")
    new.add_argument("--name", help="name the VEN registers with; default: its id")
    new.add_argument("--key-type", choices=["ec", "rsa"], default="ec", help="P-256 or RSA with 2048 bits")
    ven.add_parser("show", parents=[common], help="one VEN").add_argument("ven_id")
    ven.add_parser("revoke", parents=[common], help="end a VEN's access for good").add_argument("ven_id")
    report = commands.add_parser("report", help="ask a VEN for a report, or take that back").add_subparsers(
        dest="action", required=True
    )
    ask = report.add_parser("ask", parents=[common], help="beside what is asked for anyway; see reports")
    ask.add_argument("ven_id")
    ask.add_argument("specifier_id", help="as the VEN has offered it")
    ask.add_argument("--point", action="append", default=[], metavar="ID", help="repeatable; default: all")
    ask.add_argument("--every", type=int, metavar="SECONDS", help="a value each; default: as configured")
    ask.add_argument("--back", type=int, metavar="SECONDS", help="a message each; default: as configured")
    report.add_parser("cancel", parents=[common], help="take a request back").add_argument("request_id")
    return parser


def _event_path(arguments: Arguments, tail: str = "") -> str:
    return f"/events/{quote(arguments.event_id, safe='')}{tail}"


def _offer(service: Service, arguments: Arguments) -> Json:
    body: Json = {
        "duration_s": arguments.duration,
        "replace": arguments.replace,
        "test": arguments.test,
        "ven_ids": arguments.ven,
        "resource_ids": arguments.resource,
    }
    if arguments.start:
        body["start"] = arguments.start
    if arguments.command == "simple":
        body |= {"type": "simple", "level": arguments.level}
    elif arguments.capacity is not None:
        body |= {"type": "load_control", "value": arguments.capacity}
    else:
        body |= {"type": "load_control_offset", "percent": arguments.percent_offset}
    return service.ask("/events", body, method="POST")


def _modify(service: Service, arguments: Arguments) -> Json:
    given = {
        "value": arguments.value,
        "duration_s": arguments.duration,
        "start": arguments.start,
        "priority": arguments.priority,
    }
    body = {key: value for key, value in given.items() if value is not None}
    return service.ask(_event_path(arguments), body, method="PATCH")


def _program(service: Service, arguments: Arguments) -> Json:
    try:
        content = sys.stdin.buffer.read() if arguments.file == "-" else Path(arguments.file).read_bytes()
    except OSError as error:
        raise ControlError(f"{arguments.file}: {error.strerror}; expected a readable file") from error
    kind = "application/json" if content.lstrip().startswith(b"{") else "text/csv"
    return service.ask(f"/program/{quote(arguments.day, safe='')}", Body(content, kind), method="PUT")


def _wait(service: Service, arguments: Arguments) -> Json:
    deadline = time.monotonic() + arguments.timeout
    while True:
        event = service.ask(_event_path(arguments))
        answered, expected = len(event["opts"]), event["vens_expected"]
        if not arguments.json:
            sys.stderr.write(f"{event['event_id']}: {answered} of {expected} VENs have answered\n")
        if answered >= expected:
            return event
        if time.monotonic() > deadline:
            raise ControlError(f"{event['event_id']}: {answered} of {expected} VENs answered; expected all")
        time.sleep(WAIT_STEP_S)


def _ven(service: Service, arguments: Arguments) -> Json:
    if arguments.action == "add":
        body = {"ven_id": arguments.ven_id, "key_type": arguments.key_type}
        if arguments.name:
            body["ven_name"] = arguments.name
        return service.ask("/vens", body, method="POST")
    path = f"/vens/{quote(arguments.ven_id, safe='')}"
    if arguments.action == "revoke":
        return service.ask(f"{path}/revoke", method="POST")
    return service.ask(path)


def _report(service: Service, arguments: Arguments) -> Json:
    if arguments.action == "cancel":
        path = f"/reports/requests/{quote(arguments.request_id, safe='')}/cancel"
        return service.ask(path, method="POST")
    body: Json = {
        "ven_id": arguments.ven_id,
        "specifier_id": arguments.specifier_id,
        "r_ids": arguments.point,
    }
    given = {"granularity_s": arguments.every, "report_back_s": arguments.back}
    body |= {key: value for key, value in given.items() if value is not None}
    return service.ask("/reports/requests", body, method="POST")


def _reports(service: Service, arguments: Arguments) -> Json:
    return service.ask(f"/reports?ven_id={quote(arguments.ven, safe='')}" if arguments.ven else "/reports")


COMMANDS: dict[str, tuple[Callable[[Service, Arguments], Json], Callable[[Json], tables.Rows]]] = {
    "health": (lambda service, _: service.ask("/healthz"), tables.health),
    "events": (lambda service, _: service.ask("/events"), tables.events),
    "event": (lambda service, arguments: service.ask(_event_path(arguments)), tables.event),
    "vens": (lambda service, _: service.ask("/vens"), tables.vens),
    "reports": (_reports, tables.reports),
    "load-control": (_offer, tables.event),
    "simple": (_offer, tables.event),
    "modify": (_modify, tables.event),
    "cancel": (lambda service, a: service.ask(_event_path(a, "/cancel"), method="POST"), tables.event),
    "republish-price": (
        lambda service, _: service.ask("/events/price/today/modify", method="POST"),
        tables.event,
    ),
    "program": (_program, tables.events),
    "wait": (_wait, tables.event),
    "ven": (_ven, tables.ven),
    "report": (_report, tables.reports),
}


def _service(arguments: Arguments) -> Service:
    config = {} if arguments.url and arguments.token_file else read_config()
    listen = listen_address(arguments.url) if arguments.url else listen_address(config, "operator")
    return Service(listen, secret(arguments.token_file or text(config, "admin_token_file")))


def run(argv: Sequence[str]) -> int:
    """Run one command; the exit code: 0 done, 1 refused or unreachable."""
    arguments = _parser().parse_args(argv)
    act, rows = COMMANDS[arguments.command]
    try:
        answer = act(_service(arguments), arguments)
    except (ControlError, SettingsError) as error:
        return exit_on_error(error)
    show(answer, [] if arguments.json else rows(answer), as_json=arguments.json)
    if "key" in answer and not arguments.json:
        sys.stdout.write(tables.credentials(answer))
    return 0


def main() -> None:
    """Entry point of the command."""
    sys.exit(run(sys.argv[1:]))
