#!/usr/bin/python
"""Ansible module: the sensor map of Cariflex EMS in FlexMeasures' database, with fixed ids."""

from __future__ import annotations

DOCUMENTATION = r"""
module: flexmeasures_sensors
short_description: Make FlexMeasures' assets and sensors match an inventory table, with fixed ids
description:
  - Reads accounts, asset types, assets, sensors, data sources and sequences in one query, plans, and applies
    the plan in one transaction with one statement a kind. FlexMeasures' API and CLI cannot set an id,
    therefore SQL.
  - Knows what it made by an attribute; renames and moves that, and leaves all else alone. Refuses, with all
    conflicts in one message, to take ids or names of others, and to reread stored data in another meaning.
author: [Cariflex EMS]
requirements: [psycopg2]
options:
  state:
    description: C(rendered) only checks the table and returns RV(sensor_map), without a connection.
    type: str
    choices: [present, rendered]
    default: present
  account: {description: Account of assets that name none; must exist., type: str, default: Cariflex}
  accounts: {description: Accounts to make when missing., type: list, elements: str, default: []}
  timezone: {description: Time zone of the sensors., type: str, required: true}
  types:
    description: Dictionary from a row's C(type) to C(asset_type) and C(description).
    type: dict
    required: true
  assets:
    description: Rows of the asset table.
    type: list
    elements: dict
    required: true
    suboptions:
      first_id: {description: Id of the first asset., type: int, required: true}
      count: {description: "How many; more than one needs C({nn}) in the name.", type: int, default: 1}
      first_number: {description: Number of the first., type: int, default: 1}
      name: {description: "Name; C({nn}) in any text becomes 01, 02, ...", type: str, required: true}
      type: {description: Key of O(types)., type: str, required: true}
      parent: {description: Name of the asset above; it lends its flex-context., type: str}
      account: {description: Account that owns it; default O(account)., type: str}
      flex_context:
        description: Prices and limits of the site, with C({sensor: name or id}); left alone when not given.
        type: dict
      flex_model: {description: Limits of the device; left alone when not given., type: dict}
  sensors:
    description: Rows of the sensor table.
    type: list
    elements: dict
    required: true
    suboptions:
      first_id: {description: Id of the first sensor., type: int, required: true}
      count: {description: "How many; more than one needs C({nn}) in the name.", type: int, default: 1}
      first_number: {description: Number of the first., type: int, default: 1}
      name: {description: "Sensor name; C({nn}) becomes 01, 02, ...", type: str, required: true}
      asset: {description: "Asset name; C({nn}) as in the name.", type: str, required: true}
      type: {description: Key of O(types)., type: str, required: true}
      unit: {description: Unit., type: str, required: true}
      resolution: {description: "PT0M (instantaneous), PT5M, PT1H, ...", type: str, required: true}
      sign: {description: What a positive power means., type: str, default: none}
      source: {description: Who posts to it., type: str, required: true}
  retired_sensors:
    description: Ids of the table that are no more; deleted unless they hold data.
    type: list
    elements: int
    default: []
  retired_assets:
    description: Ids of the table that are no more; deleted unless they hold sensors or assets.
    type: list
    elements: int
    default: []
  delete_data: {description: Delete retired sensors with their data., type: bool, default: false}
  data_sources:
    description: Data sources that shall exist, of a posting user (C(email)) or of their own.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of the data source., type: str, required: true}
      email: {description: Email of the user; must exist., type: str}
      type: {description: Type of one without a user., type: str, default: script}
  last_reserved_id: {description: Ids up to this one are the table's., type: int, default: 1999}
  allow_data_change:
    description: Change units, resolutions or names under stored data.
    type: bool
    default: false
  make_room:
    description: Give assets of others that hold an id of the table another one, beyond it.
    type: bool
    default: false
  login_host: {description: Address of PostgreSQL., type: str}
  login_port: {description: Port of PostgreSQL., type: int, default: 5432}
  login_user: {description: Owner of the tables., type: str, default: flexmeasures}
  login_password: {description: Its password., type: str}
  login_db: {description: Database., type: str, default: flexmeasures}
"""

RETURN = r"""
sensor_map: {description: The contract for the services., type: dict, returned: state is rendered}
actions: {description: "What changes: action, kind and names.", type: list, returned: state is present}
retained_sensors: {description: Retired ids that hold data., type: list, returned: state is present}
retained_assets: {description: Retired ids that hold something., type: list, returned: state is present}
"""

import traceback
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.cariflex.change import actions, before_after
from ansible.module_utils.cariflex.errors import CariflexError, UnreachableError
from ansible.module_utils.cariflex.flexmeasures.model import Wanted
from ansible.module_utils.cariflex.flexmeasures.planner import Plan, never_deployed, plan
from ansible.module_utils.cariflex.flexmeasures.table import expand

try:
    from ansible.module_utils.cariflex.flexmeasures.applier import apply
    from ansible.module_utils.cariflex.flexmeasures.client import transaction
except ImportError:
    PSYCOPG2_ERROR: str | None = traceback.format_exc()
else:
    PSYCOPG2_ERROR = None

# Rows have no options: Ansible would take seconds for ten thousand of them, and name one mistake only.
ROWS = {"type": "list", "elements": "dict", "required": True}
SOURCE = {
    "name": {"type": "str", "required": True},
    "email": {"type": "str"},
    "type": {"type": "str", "default": "script"},
}
TABLE = {
    "account": {"type": "str", "default": "Cariflex"},
    "accounts": {"type": "list", "elements": "str", "default": []},
    "timezone": {"type": "str", "required": True},
    "types": {"type": "dict", "required": True},
    "assets": ROWS,
    "sensors": ROWS,
    "retired_sensors": {"type": "list", "elements": "int", "default": []},
    "retired_assets": {"type": "list", "elements": "int", "default": []},
    "data_sources": {"type": "list", "elements": "dict", "default": [], "options": SOURCE},
    "last_reserved_id": {"type": "int", "default": 1999},
}
ARGUMENTS = {
    **TABLE,
    "state": {"type": "str", "choices": ["present", "rendered"], "default": "present"},
    "delete_data": {"type": "bool", "default": False},
    "allow_data_change": {"type": "bool", "default": False},
    "make_room": {"type": "bool", "default": False},
    "login_host": {"type": "str"},
    "login_port": {"type": "int", "default": 5432},
    "login_user": {"type": "str", "default": "flexmeasures"},
    "login_password": {"type": "str", "no_log": True},
    "login_db": {"type": "str", "default": "flexmeasures"},
}


def planned_and_applied(params: dict[str, Any], wanted: Wanted, *, check_mode: bool) -> Plan:
    """Read, plan, and apply unless in check mode, in one transaction."""
    login = {key: params[f"login_{key}"] for key in ("host", "port", "user", "password")}
    with transaction(**login, database=params["login_db"]) as client:
        if not check_mode:
            client.lock()
        planned = plan(
            wanted,
            client.read(),
            allow_data_change=params["allow_data_change"],
            delete_data=params["delete_data"],
            make_room=params["make_room"],
        )
        if not check_mode:
            apply(client, planned.changes)
    return planned


def ensure_present(
    params: dict[str, Any], wanted: Wanted, *, check_mode: bool, with_diff: bool
) -> dict[str, Any]:
    """Make the map true, or in check mode say what that takes; returns the module's result."""
    warnings = []
    try:
        planned = planned_and_applied(params, wanted, check_mode=check_mode)
    except UnreachableError as error:
        if not check_mode:
            raise
        planned = plan(wanted, never_deployed(wanted))
        warnings.append(f"{error}; this check takes it for a database that is still to be made")
    return {
        "warnings": warnings,
        "changed": bool(planned.changes),
        **({"diff": before_after(planned.changes)} if with_diff else {}),
        "actions": actions(planned.changes),
        "retained_sensors": list(planned.retained_sensors),
        "retained_assets": list(planned.retained_assets),
    }


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
        wanted = expand(**{key: module.params[key] for key in TABLE})
        if module.params["state"] == "present":
            result = ensure_present(
                module.params, wanted, check_mode=module.check_mode, with_diff=module._diff
            )
        else:
            result = {"changed": False, "sensor_map": wanted.sensor_map()}
    except CariflexError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
