#!/usr/bin/python
"""Ansible module docker_image_prune: see DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_image_prune
short_description: Remove old images that role images built
description:
  - Removes the tags of the given repositories that are neither current nor among the newest others.
  - An image that was pulled by its digest has no tag; there the digest counts.
  - Looks only at images with the label fr.cariflex.recipe; keeps what a container uses, a stopped one too.
author: Cariflex
options:
  docker_command: {description: Docker client., type: str, default: docker}
  repositories: {description: Repositories to clean., type: list, elements: str, required: true}
  current: {description: References that stay., type: list, elements: str, required: true}
  keep_previous: {description: Other tags that stay in each repository; the newest., type: int, default: 1}
attributes:
  check_mode: {support: full, description: Says what would be removed.}
"""

EXAMPLES = r"""
- name: Remove old images
  docker_image_prune:
    repositories: [cariflex/redis]
    current: ["cariflex/redis:0123456789ab"]
    keep_previous: 1
"""

RETURN = r"""
removed: {description: References that were removed., type: list, elements: str, returned: always}
in_use: {description: Old references that a container uses., type: list, elements: str, returned: always}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.images.engine import BuildError
from ansible.module_utils.cariflex.images.prune import plan_prune, read_images, read_used_ids, remove_image


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "docker_command": {"type": "str", "default": "docker"},
            "repositories": {"type": "list", "elements": "str", "required": True},
            "current": {"type": "list", "elements": "str", "required": True},
            "keep_previous": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
    )
    client, keep = module.params["docker_command"], module.params["keep_previous"]
    if keep < 0:
        module.fail_json(msg=f"keep_previous is {keep}, expected 0 or more")
    try:
        plan = plan_prune(
            read_images(client),
            read_used_ids(client),
            module.params["repositories"],
            module.params["current"],
            keep,
        )
        if not module.check_mode:
            for ref in plan.remove:
                remove_image(client, ref)
    except BuildError as error:
        module.fail_json(msg=str(error))
    listed = "\n".join(plan.remove)
    diff = {"before": listed and listed + "\n", "after": "", "before_header": "old images"}
    module.exit_json(changed=bool(plan.remove), removed=plan.remove, in_use=plan.in_use, diff=diff)


if __name__ == "__main__":
    main()
