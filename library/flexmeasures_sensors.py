#!/usr/bin/python
"""Ansible module: the sensor map of Cariflex EMS in FlexMeasures' database, with fixed ids."""

from __future__ import annotations

DOCUMENTATION = r"""
module: flexmeasures_sensors
short_description: Make FlexMeasures' sensors match an inventory table, with fixed ids
description:
  - Reads the asset types, assets, sensors, data sources and sequences in one query, plans, and applies the
    plan in one transaction. FlexMeasures' API and CLI cannot set a sensor's id, therefore SQL.
  - Refuses, with all conflicts in one message, to change the unit or resolution of a sensor that holds data,
    and to take over ids or names of other sensors. Never deletes anything.
author: [Cariflex EMS]
requirements: [psycopg2]
options:
  state:
    description: C(rendered) only checks the table and returns RV(sensor_map), without a connection.
    type: str
    choices: [present, rendered]
    default: present
  account: {description: Account that owns the assets; must exist., type: str, default: Cariflex}
  timezone: {description: Time zone of the sensors., type: str, required: true}
  types:
    description: Dictionary from a group's O(groups[].type) to C(asset_type) and C(description).
    type: dict
    required: true
  groups:
    description: Rows of the sensor table.
    type: list
    elements: dict
    required: true
    suboptions:
      first_id: {description: Id of the first sensor., type: int, required: true}
      count: {description: "How many; more than one needs C({nn}) in the name.", type: int, default: 1}
      name: {description: "Sensor name; C({nn}) becomes 01, 02, ...", type: str, required: true}
      asset: {description: "Asset name; C({nn}) as in the name.", type: str, required: true}
      type: {description: Key of O(types)., type: str, required: true}
      unit: {description: Unit., type: str, required: true}
      resolution: {description: "PT0M (instantaneous), PT5M, PT1H, ...", type: str, required: true}
      sign: {description: What a positive power means., type: str, default: none}
      source: {description: Who posts to it., type: str, required: true}
  data_sources:
    description: Posting users (C(email)) whose data source shall be called C(name).
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of the data source., type: str, required: true}
      email: {description: Email of the user; must exist., type: str, required: true}
  allow_data_change: {description: Change units or resolutions under stored data., type: bool, default: false}
  login_host: {description: Address of PostgreSQL., type: str}
  login_port: {description: Port of PostgreSQL., type: int, default: 5432}
  login_user: {description: Owner of the tables., type: str, default: flexmeasures}
  login_password: {description: Its password., type: str}
  login_db: {description: Database., type: str, default: flexmeasures}
"""

RETURN = r"""
sensor_map: {description: The contract for the services., type: dict, returned: always}
actions: {description: "What changes: action, kind, name.", type: list, returned: state is present}
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.cariflex.change import actions, before_after
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.flexmeasures.model import DataSource, Wanted, expand
from ansible.module_utils.cariflex.flexmeasures.planner import plan

try:
    from ansible.module_utils.cariflex.flexmeasures.applier import apply
    from ansible.module_utils.cariflex.flexmeasures.client import transaction
except ImportError:
    PSYCOPG2_ERROR: str | None = traceback.format_exc()
else:
    PSYCOPG2_ERROR = None

GROUP_OPTIONS = {
    "first_id": {"type": "int", "required": True},
    "count": {"type": "int", "default": 1},
    "sign": {"type": "str", "default": "none"},
    **{
        key: {"type": "str", "required": True}
        for key in ("name", "asset", "type", "unit", "resolution", "source")
    },
}
ARGUMENTS = {
    "state": {"type": "str", "choices": ["present", "rendered"], "default": "present"},
    "account": {"type": "str", "default": "Cariflex"},
    "timezone": {"type": "str", "required": True},
    "types": {"type": "dict", "required": True},
    "groups": {"type": "list", "elements": "dict", "required": True, "options": GROUP_OPTIONS},
    "data_sources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"name": {"type": "str", "required": True}, "email": {"type": "str", "required": True}},
    },
    "allow_data_change": {"type": "bool", "default": False},
    "login_host": {"type": "str"},
    "login_port": {"type": "int", "default": 5432},
    "login_user": {"type": "str", "default": "flexmeasures"},
    "login_password": {"type": "str", "no_log": True},
    "login_db": {"type": "str", "default": "flexmeasures"},
}


def wanted_state(params: dict[str, Any]) -> Wanted:
    """Build the wanted state of the module's parameters; ConflictError lists the table's mistakes."""
    sensors, asset_types = expand(params["groups"], params["types"])
    data_sources = tuple(DataSource(**source) for source in params["data_sources"])
    return Wanted(params["account"], params["timezone"], sensors, asset_types, data_sources)


def ensure_present(params: dict[str, Any], wanted: Wanted, *, check_mode: bool) -> dict[str, Any]:
    """Read, plan, and apply unless in check mode; returns the module's result."""
    login = {key: params[f"login_{key}"] for key in ("host", "port", "user", "password")}
    with transaction(**login, database=params["login_db"]) as client:
        if not check_mode:
            client.lock()
        changes = plan(wanted, client.read(wanted.account), allow_data_change=params["allow_data_change"])
        if not check_mode:
            apply(client, changes, account=wanted.account)
    return {"changed": bool(changes), "diff": before_after(changes), "actions": actions(changes)}


def main() -> None:
    """Read, plan, apply unless in check mode, exit."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "present", ("login_host", "login_password"))],
        supports_check_mode=True,
    )
    if PSYCOPG2_ERROR and module.params["state"] == "present":
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=PSYCOPG2_ERROR)
    try:
        wanted = wanted_state(module.params)
        result = {"changed": False}
        if module.params["state"] == "present":
            result = ensure_present(module.params, wanted, check_mode=module.check_mode)
    except CariflexError as error:
        module.fail_json(msg=str(error))
    module.exit_json(sensor_map=wanted.sensor_map(), **result)


if __name__ == "__main__":
    main()
