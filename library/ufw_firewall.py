#!/usr/bin/python
"""Ansible module: UFW's rules and Docker's DOCKER-USER chain as one wanted state."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ufw_firewall
short_description: Bring UFW and Docker's published ports to a wanted state
description:
  - Denies what is not named, on IPv4 and IPv6, to the host and through it, and switches UFW on.
  - Publishing a port in Docker opens it past UFW. A block in UFW's after.rules fills DOCKER-USER, so that
    only ports of C(published) rules are open, and others where a forward rule says so.
  - Rules carry the comment C(cariflex:). Rules without it are somebody else's and stay.
  - A change that cuts off the controller undoes itself after I(guard_s) seconds, unless
    C(cariflex-firewall-guard.timer) is stopped before.
options:
  state:
    description: C(absent) removes our rules and blocks, and switches UFW off if it was off before us.
    type: str
    choices: [present, absent]
    default: present
  rules:
    description:
      - Openings; keys C(name), C(port), C(proto) (tcp, udp), C(source) (CIDR or any), C(interface)
        (incoming), C(destination) (CIDR or any), C(forward) (through the host; C(port) is the container's
        then), C(published) (a container publishes C(port) on the host, for anybody).
    type: list
    elements: dict
    default: []
  guard_s:
    description: Seconds until an unconfirmed change is undone.
    type: int
    default: 60
author: [Cariflex]
"""

EXAMPLES = r"""
- name: Let the web in, and ssh from the office
  ufw_firewall:
    rules:
      - {name: web, port: 443, proto: tcp, published: true}
      - {name: ssh, port: 22, proto: tcp, source: 192.168.10.0/24}
"""

RETURN = r"""
guarded:
  description: True when the change undoes itself unless the guard's timer is stopped.
  returned: always
  type: bool
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.change import before_after
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.firewall.model import parse_rules
from ansible.module_utils.cariflex.firewall.planner import plan, plan_removal
from ansible.module_utils.cariflex.firewall.ufw import Ufw

# Exists when UFW was off before our first run.
WAS_OFF = "was-off"


def main() -> None:
    """Read, plan, guard and apply unless in check mode, exit."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "rules": {"type": "list", "elements": "dict", "default": []},
            "guard_s": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    ufw = Ufw(run=lambda arguments: module.run_command(arguments, environ_update={"LC_ALL": "C"}))
    was_off = ufw.state_dir / WAS_OFF
    guarded = False
    try:
        if module.params["state"] == "absent" and not Path("/etc/ufw").is_dir():
            module.exit_json(changed=False, guarded=False)
        rules = parse_rules(module.params["rules"])
        found = ufw.read()
        if module.params["state"] == "present":
            steps = plan(rules, found)
            if steps.changes and not module.check_mode:
                ufw.check(steps)
                ufw.guard(found.active, module.params["guard_s"])
                guarded = True
                if not found.active:
                    was_off.touch()
                ufw.apply(steps)
        else:
            steps = plan_removal(found)
            if steps.changes and not module.check_mode:
                ufw.apply(steps)
                ufw.clear_docker_user()
                if was_off.exists():
                    ufw.disable()
                    was_off.unlink()
    except (CariflexError, OSError) as error:
        module.fail_json(msg=str(error), guarded=guarded)
    module.exit_json(changed=bool(steps.changes), guarded=guarded, diff=before_after(steps.changes))


if __name__ == "__main__":
    main()
