#!/usr/bin/python
"""Ansible module: a self-signed certificate and its key, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: own_certificate
short_description: Make a self-signed certificate and its key
description:
  - Makes both when they are missing, and the certificate again when its names change, when it is of another
    key, or 30 days before its end. The key, ECC P-256, stays. Needs nothing on disk in check mode.
requirements: [cryptography]
options:
  key: {description: Path of the key, type: path, required: true}
  certificate: {description: Path of the certificate., type: path, required: true}
  names:
    description: Host names and addresses that it is for; the first is its common name.
    type: list
    elements: str
    required: true
  gid: {description: Numeric group that reads the key., type: int, default: 0}
author: [Cariflex]
"""

RETURN = r"""
reason: {description: Why a new certificate was made; empty if none was., type: str, returned: always}
"""

import traceback
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible.module_utils.cariflex.host_files.files import Entry, apply, plan

try:
    from ansible.module_utils.cariflex.certificates.own import ensure_pair, utc_now
except ImportError:
    CRYPTOGRAPHY_ERROR: str | None = traceback.format_exc()
else:
    CRYPTOGRAPHY_ERROR = None


def main() -> None:
    """Read, plan, apply unless in check mode, exit."""
    module = AnsibleModule(
        argument_spec={
            "key": {"type": "path", "required": True, "no_log": False},
            "certificate": {"type": "path", "required": True},
            "names": {"type": "list", "elements": "str", "required": True},
            "gid": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    if CRYPTOGRAPHY_ERROR:
        module.fail_json(msg=missing_required_lib("cryptography"), exception=CRYPTOGRAPHY_ERROR)
    key, certificate = Path(module.params["key"]), Path(module.params["certificate"])
    if not module.params["names"]:
        module.fail_json(msg=f"{certificate}: names is [], expected at least one host name")
    try:
        pair = ensure_pair(key, certificate, module.params["names"], utc_now())
        gid = module.params["gid"]
        differences = plan(
            [
                Entry(key, 0o440, 0, gid, pair.key, secret=True),
                Entry(certificate, 0o444, 0, gid, pair.certificate),
            ]
        )
        if not module.check_mode:
            apply(differences)
    except (ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    after = f"{', '.join(module.params['names'])}\n"
    module.exit_json(
        changed=bool(differences),
        reason=pair.reason,
        diff=[
            {
                # A check must not show another certificate than the one that a real run makes.
                "before": f"{pair.reason}\n" if pair.reason else difference.before,
                "after": after if pair.reason else difference.after,
                "before_header": str(difference.entry.path),
                "after_header": str(difference.entry.path),
            }
            for difference in differences
        ],
    )


if __name__ == "__main__":
    main()
