#!/usr/bin/python
"""Ansible module: ask every service of the stack, and follow events from the VTN to FlexMeasures."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ems_verify
short_description: Ask every service, and follow events from the VTN to FlexMeasures' API
description:
  - Asks PostgreSQL, Redis, FlexMeasures through Traefik, the worker registry, the VEN and the VTN; then
    publishes today's prices as a new modification with unchanged values and, with O(dispatch), a real
    load-control event of five minutes, and follows both, matched by event id and modification number; the
    load-control event also to every one of O(devices), until it draws no more than the event allows.
  - Does not fail on what it finds; the caller decides on RV(report.failures). In check mode it only asks.
author: [Cariflex EMS]
requirements: [psycopg2, docker]
options:
  environment: {description: Name for the report., type: str, required: true}
  dispatch: {description: Publish a real load-control event too., type: bool, default: false}
  devices: {description: S2 resources that must be under control., type: list, elements: str, default: []}
  timeout_s: {description: Most seconds for one event's way., type: int, default: 90}
  sensor_map: {description: Path of the rendered sensor map., type: path, required: true}
  domain: {description: Host name of FlexMeasures., type: str, required: true}
  address: {description: Address at which Traefik listens., type: str, default: 127.0.0.1}
  port: {description: HTTPS port of Traefik., type: int, default: 443}
  ca_file: {description: PEM file that vouches for Traefik; empty is the system's., type: str, default: ''}
  email: {description: User that reads the values., type: str, required: true}
  password: {description: Its password., type: str, required: true}
  worker: {description: Host name of the worker's container., type: str, default: flexmeasures-worker}
  db_host: {description: Address of PostgreSQL., type: str, required: true}
  db_password: {description: Password of the role flexmeasures., type: str, required: true}
  redis_host: {description: Address of Redis., type: str, required: true}
  redis_password: {description: Password of Redis., type: str, required: true}
"""

RETURN = r"""
report: {description: "environment, at, ok, checks, events, devices, failures.", type: dict, returned: always}
table: {description: The same for people., type: list, elements: str, returned: always}
"""

import json
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.cariflex.verify.http import Api
from ansible.module_utils.cariflex.verify.model import Check, DeviceTrace, Report, Trace

try:
    from ansible.module_utils.cariflex.verify import services
    from ansible.module_utils.cariflex.verify.devices import DeviceFollower, ask_devices
    from ansible.module_utils.cariflex.verify.follow import Follower
except ImportError:
    PSYCOPG2_ERROR: str | None = traceback.format_exc()
else:
    PSYCOPG2_ERROR = None

REDIS_PORT = 6379
REQUIRED = ("environment", "domain", "email", "db_host", "redis_host")
SECRETS = ("password", "db_password", "redis_password")
ARGUMENTS = {
    **{key: {"type": "str", "required": True} for key in REQUIRED},
    **{key: {"type": "str", "required": True, "no_log": True} for key in SECRETS},
    "dispatch": {"type": "bool", "default": False},
    "devices": {"type": "list", "elements": "str", "default": []},
    "timeout_s": {"type": "int", "default": 90},
    "sensor_map": {"type": "path", "required": True},
    "address": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 443},
    "ca_file": {"type": "str", "default": ""},
    "worker": {"type": "str", "default": "flexmeasures-worker"},
}
CAPACITY = 0.4
LOAD_CONTROL = ("load-control", "--capacity", str(CAPACITY), "--duration", "300", "--replace")


def ask(params: dict[str, Any], api: Api, vtn: Any, ven: Any, s2: Any) -> list[Check]:
    """Ask every service its question."""
    login = {"host": params["db_host"], "user": "flexmeasures", "dbname": "flexmeasures"}
    login["password"] = params["db_password"]
    redis = (params["redis_host"], REDIS_PORT, params["redis_password"])
    worker = params["worker"]
    return [
        services.check("flexmeasures-db", "SELECT 1", lambda: services.ask_sql(login)),
        services.check("flexmeasures-redis", "PING", lambda: services.ask_redis(*redis)),
        services.check("flexmeasures-server", "ready through Traefik", lambda: services.ask_ready(api)),
        services.check(worker, "live registration", lambda: services.ask_worker(*redis, worker)),
        services.check("openadr-vtn", "VENs", lambda: services.ask_vtn(vtn)),
        services.check("openadr-ven", "last poll", lambda: services.ask_ven(ven)),
        services.check("openadr-ven", "S2 sessions", lambda: ask_devices(s2, params["devices"])),
        services.check("flexmeasures-server", "log in", lambda: log_in(params, api)),
    ]


def log_in(params: dict[str, Any], api: Api) -> str:
    """Get the token with which the values are read."""
    api.log_in(params["email"], params["password"])
    return f"as {params['email']}"


def follow(
    params: dict[str, Any], api: Api, vtn: Any, ven: Any, s2: Any
) -> tuple[list[Trace], list[DeviceTrace]]:
    """Publish and follow."""
    sensor_map = json.loads(Path(params["sensor_map"]).read_text(encoding="utf-8"))
    follower = Follower(vtn, ven, api, sensor_map, params["timeout_s"])
    price = follower.follow("price", "republish-price")
    if not params["dispatch"]:
        return [price], []
    event = follower.follow("load control", *LOAD_CONTROL)
    devices = DeviceFollower(s2, params["timeout_s"]).follow(event, CAPACITY, params["devices"])
    return [price, event], devices


def main() -> None:
    """Ask, follow, report."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if PSYCOPG2_ERROR:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=PSYCOPG2_ERROR)
    params = module.params
    api = Api(params["domain"], params["address"], params["port"], params["ca_file"])
    vtn = services.Control(module.run_command, "openadr-vtn", "vtnctl")
    ven = services.Control(module.run_command, "openadr-ven", "venctl")
    s2 = services.Control(module.run_command, "openadr-ven", "s2ctl")
    checks = ask(params, api, vtn, ven, s2)
    traces: list[Trace] = []
    devices: list[DeviceTrace] = []
    if not module.check_mode:
        if not all(check.ok for check in checks):
            # An event would only wait for a service that is known to be down.
            traces = [Trace("price", problem="not published, because services above failed")]
        elif not Path(params["sensor_map"]).is_file():
            traces = [Trace("price", problem=f"{params['sensor_map']} is missing: run the sensor_map role")]
        else:
            traces, devices = follow(params, api, vtn, ven, s2)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    report = Report(params["environment"], at, checks, traces, devices)
    changed = any(trace.event_id for trace in traces)
    module.exit_json(changed=changed, report=report.as_json(), table=report.table())


if __name__ == "__main__":
    main()
