#!/usr/bin/python
"""Ansible module: the state of every container, and when the disk will be full."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ems_status
short_description: State of every container, database, archives, and a forecast of the disk
description: [Only asks. Containers that should be there and are not are named as missing.]
author: [Cariflex EMS]
options:
  environment: {description: Label of our containers., type: str, required: true}
  containers: {description: Containers that should be there., type: list, elements: str, required: true}
  data_root: {description: Path whose file system holds the data., type: path, required: true}
  backups: {description: Directory of the archives., type: path, required: true}
"""

RETURN = r"""
containers: {description: "name, state, since, image.", type: list, returned: always}
disk: {description: "Bytes and days, {} when the database does not answer.", type: dict, returned: always}
table: {description: The same for people., type: list, elements: str, returned: always}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.doctor import status
from ansible.module_utils.cariflex.doctor.host import Host
from ansible.module_utils.cariflex.errors import ApiError


def main() -> None:
    """Ask and report."""
    module = AnsibleModule(
        argument_spec={
            "environment": {"type": "str", "required": True},
            "containers": {"type": "list", "elements": "str", "required": True},
            "data_root": {"type": "path", "required": True},
            "backups": {"type": "path", "required": True},
        },
        supports_check_mode=True,
    )
    params, host = module.params, Host(module.run_command)
    try:
        found = status.containers(host, params["environment"], params["containers"])
    except ApiError as error:
        module.fail_json(msg=f"{error}; is the Docker engine running? make deploy starts it")
    try:
        disk = status.disk(host, params["data_root"], params["backups"])
    except ApiError as error:
        module.exit_json(changed=False, containers=found, disk={}, table=status.table(found, str(error)))
    module.exit_json(changed=False, containers=found, disk=disk, table=status.table(found, disk))


if __name__ == "__main__":
    main()
