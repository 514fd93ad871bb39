#!/usr/bin/python
"""Ansible module: a role's directories, files and secret files in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_files
short_description: Write a set of directories, files and secret files
description:
  - Compares all entries with the host, then creates or replaces what differs; each file atomically.
  - Contents of I(secret_files) appear neither in logs nor in diffs.
options:
  directories:
    description: Directories, parents first; keys C(path), C(mode), C(uid), C(gid).
    type: list
    elements: dict
    default: []
  files:
    description: Files; keys C(path), C(content), C(mode), C(uid), C(gid).
    type: list
    elements: dict
    default: []
  secret_files:
    description: As I(files), with contents that nobody may see.
    type: list
    elements: dict
    default: []
author: [Cariflex]
"""

EXAMPLES = r"""
- name: Write a service's configuration
  host_files:
    directories:
      - {path: /opt/cariflex/config/redis, mode: "0750", gid: 1000}
    secret_files:
      - {path: /opt/cariflex/config/redis/redis.conf, mode: "0440", gid: 1000, content: "requirepass x"}
"""

RETURN = r"""
written:
  description: Paths created or changed (or that would be).
  returned: always
  type: list
  elements: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.host_files.files import Entry, apply, parse_mode, plan


def _entry(raw: dict[str, Any], default_mode: str, is_file: bool, secret: bool = False) -> Entry:
    path = str(raw["path"])
    return Entry(
        path=Path(path),
        mode=parse_mode(str(raw.get("mode", default_mode)), path),
        uid=int(raw.get("uid", 0)),
        gid=int(raw.get("gid", 0)),
        content=str(raw["content"]) if is_file else None,
        secret=secret,
    )


def main() -> None:
    """Read, plan, apply unless in check mode, exit."""
    lists: dict[str, Any] = {"type": "list", "elements": "dict", "default": []}
    module = AnsibleModule(
        argument_spec={"directories": lists, "files": lists, "secret_files": {**lists, "no_log": True}},
        supports_check_mode=True,
    )
    try:
        entries = [_entry(raw, "0755", is_file=False) for raw in module.params["directories"]]
        entries += [_entry(raw, "0644", is_file=True) for raw in module.params["files"]]
        entries += [_entry(raw, "0440", is_file=True, secret=True) for raw in module.params["secret_files"]]
        differences = plan(entries)
        if not module.check_mode:
            apply(differences)
    except KeyError as error:
        module.fail_json(msg=f"an entry lacks the key {error}; expected: path, and content for files")
    except (ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(differences),
        written=[str(difference.entry.path) for difference in differences],
        diff=[
            {
                "before": difference.before,
                "after": difference.after,
                "before_header": str(difference.entry.path),
                "after_header": str(difference.entry.path),
            }
            for difference in differences
        ],
    )


if __name__ == "__main__":
    main()
