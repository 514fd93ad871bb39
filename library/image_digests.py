#!/usr/bin/python
"""Ansible module image_digests: see DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_digests
short_description: Ask registries which digests images have
description:
  - Asks by the registries' own API, so that neither an engine nor a pull is needed; changes nothing.
  - The logins are those that C(docker login) kept for the user that runs the module.
author: Cariflex
options:
  refs: {description: Name -> reference (with a tag)., type: dict, required: true}
  insecure: {description: Ask without TLS., type: bool, default: false}
  timeout_s: {description: Seconds that a registry has to answer., type: int, default: 15}
  missing_ok: {description: Whether a registry may lack an image., type: bool, default: false}
attributes:
  check_mode: {support: full, description: The module only reads.}
"""

EXAMPLES = r"""
- name: Ask for the digest of one image
  image_digests:
    refs: {postgres: "registry.example.org/cariflex/postgres:17.6"}
  delegate_to: localhost
"""

RETURN = r"""
locked: {description: Name -> reference with its digest., type: dict, returned: success}
missing: {description: Images that their registry lacks., type: list, elements: str, returned: success}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.errors import CariflexError
from ansible.module_utils.cariflex.images.registry import Registries


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "refs": {"type": "dict", "required": True},
            "insecure": {"type": "bool", "default": False},
            "timeout_s": {"type": "int", "default": 15},
            "missing_ok": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    refs: dict[str, str] = module.params["refs"]
    registries = Registries(insecure=module.params["insecure"], timeout_s=module.params["timeout_s"])
    try:
        digests = {name: registries.digest(ref) for name, ref in refs.items()}
    except (CariflexError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    missing = [name for name, digest in digests.items() if digest is None]
    if missing and not module.params["missing_ok"]:
        absent = ", ".join(f"{name} ({refs[name]})" for name in missing)
        module.fail_json(
            msg=f"not in the registry: {absent}; expected each. Fix: make push, or correct the reference.",
            missing=missing,
        )
    locked = {name: f"{refs[name].partition('@')[0]}@{digest}" for name, digest in digests.items() if digest}
    module.exit_json(changed=False, locked=locked, missing=missing)


if __name__ == "__main__":
    main()
