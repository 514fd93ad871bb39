#!/usr/bin/python
"""Ansible module: find the known troubles of a running stack, and mend what can be mended safely."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ems_doctor
short_description: Find known troubles of the running stack, and mend them on demand
description:
  - Each check says what was seen, what it means and what to do. With O(fix), what can be mended safely is,
    and the check looks again until it is well. In check mode nothing is mended.
  - Does not fail on what it finds; the caller decides on RV(troubles).
author: [Cariflex EMS]
options:
  fix: {description: Mend., type: bool, default: false}
  only: {description: Names of the checks to make; all when empty., type: list, elements: str, default: []}
  root: {description: Directory of the deployment., type: path, required: true}
  disks: {description: Paths whose file systems must have room., type: list, elements: path, required: true}
  domain: {description: Name whose certificate is looked at., type: str, required: true}
  address: {description: Address at which Traefik listens., type: str, default: 127.0.0.1}
"""

RETURN = r"""
findings: {description: "check, state (ok, trouble, mended, unknown), seen, means, done.", type: list}
troubles: {description: Names of the checks in trouble., type: list, elements: str, returned: always}
table: {description: The findings for people., type: list, elements: str, returned: always}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.doctor import data, machine, openadr, queue
from ansible.module_utils.cariflex.doctor.host import Host
from ansible.module_utils.cariflex.doctor.model import Look, examine


def checks(host: Host, params: dict[str, Any]) -> dict[str, Look]:
    """Name the checks, in the order in which one trouble causes another."""
    return {
        "disk": lambda: machine.disk(params["disks"]),
        "clock": lambda: machine.clock(host),
        "redis password": lambda: queue.redis_password(host),
        "worker": lambda: queue.worker(host),
        "queue": lambda: queue.queue(host),
        "openadr connection": lambda: openadr.connection(host),
        "ven polls": lambda: openadr.ven_silent(host),
        "sequences": lambda: data.sequences(host),
        "grafana: data sources": lambda: data.dashboard_sources(Path(params["root"]) / "config/grafana"),
        "grafana: rights": lambda: data.dashboard_rights(host),
        "grafana: values": lambda: data.newest_value(host),
        "certificate": lambda: machine.certificate(host, params["address"], params["domain"]),
    }


def main() -> None:
    """Look, mend, report."""
    module = AnsibleModule(
        argument_spec={
            "fix": {"type": "bool", "default": False},
            "only": {"type": "list", "elements": "str", "default": []},
            "root": {"type": "path", "required": True},
            "disks": {"type": "list", "elements": "path", "required": True},
            "domain": {"type": "str", "required": True},
            "address": {"type": "str", "default": "127.0.0.1"},
        },
        supports_check_mode=True,
    )
    host = Host(module.run_command)
    fix = module.params["fix"] and not module.check_mode
    wanted = checks(host, module.params)
    only = module.params["only"]
    if unknown := sorted(set(only) - wanted.keys()):
        module.fail_json(msg=f"only: {', '.join(unknown)}; expected names of {', '.join(wanted)}")
    findings = [examine(name, look, fix=fix) for name, look in wanted.items() if not only or name in only]
    module.exit_json(
        changed=any(finding.state == "mended" for finding in findings),
        findings=[finding.as_json() for finding in findings],
        troubles=[finding.check for finding in findings if finding.state == "trouble"],
        table=[line for finding in findings for line in finding.lines()],
    )


if __name__ == "__main__":
    main()
