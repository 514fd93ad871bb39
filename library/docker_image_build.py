#!/usr/bin/python
"""Ansible module docker_image_build: see DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_image_build
short_description: Build a content-addressed container image unless the engine has it
description:
  - Builds a Debian base image with debootstrap, or an image from a packed build context with BuildKit.
  - The reference carries the hash of the recipe, so an image that exists is right and is never built again.
author: Cariflex
options:
  name: {description: Name of the recipe; names the folder below O(build_dir)., type: str, required: true}
  kind: {description: How the image is made., type: str, required: true, choices: [debootstrap, dockerfile]}
  ref: {description: Reference the image gets., type: str, required: true}
  recipe: {description: Hash of the recipe; becomes the label fr.cariflex.recipe., type: str, required: true}
  build_dir: {description: Folder for logs and temporary files., type: path, required: true}
  suite: {description: Debian suite of a debootstrap image., type: str, default: ''}
  base_ref: {description: Reference given to the Dockerfile as build argument BASE., type: str, default: ''}
  target: {description: Stage of the Dockerfile., type: str, default: ''}
  context_archive: {description: Packed context (filter cariflex_image_context)., type: str, default: ''}
  ca_bundle: {description: PEM text that the build may trust; stays out of the image., type: str, default: ''}
  disk_mb: {description: Free space in MB that the build needs., type: int, default: 1000}
attributes:
  check_mode: {support: full, description: Says whether the image would be built.}
"""

EXAMPLES = r"""
- name: Build the Redis image
  docker_image_build:
    name: redis
    kind: dockerfile
    ref: cariflex/redis:0123456789ab
    recipe: 0123456789ab
    build_dir: /opt/cariflex/build
    base_ref: cariflex/base-bookworm:ba9876543210
    context_archive: "{{ image | cariflex_image_context(project_root) }}"
"""

RETURN = r"""
ref: {description: The image's reference., type: str, returned: always}
seconds: {description: Time of the build; 0 when nothing was built., type: float, returned: always}
log: {description: Path of the log of the newest build., type: str, returned: always}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.images.build import BuildRequest, build_image
from ansible.module_utils.cariflex.images.engine import BuildError, find_client, image_exists

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True, "choices": ["debootstrap", "dockerfile"]},
    "ref": {"type": "str", "required": True},
    "recipe": {"type": "str", "required": True},
    "build_dir": {"type": "path", "required": True},
    "suite": {"type": "str", "default": ""},
    "base_ref": {"type": "str", "default": ""},
    "target": {"type": "str", "default": ""},
    # Hidden for their size: hundreds of kilobytes that nobody reads in a result.
    "context_archive": {"type": "str", "default": "", "no_log": True},
    "ca_bundle": {"type": "str", "default": "", "no_log": True},
    "disk_mb": {"type": "int", "default": 1000},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("kind", "debootstrap", ["suite"]), ("kind", "dockerfile", ["context_archive"])],
    )
    parameters = dict(module.params)
    parameters["recipe_hash"] = parameters.pop("recipe")
    parameters["build_dir"] = Path(parameters["build_dir"])
    request = BuildRequest(**parameters)
    answer = {"ref": request.ref, "log": str(request.log_path), "seconds": 0.0}
    try:
        if module.check_mode:
            module.exit_json(changed=not image_exists(find_client(), request.ref), **answer)
        result = build_image(request)
    except (BuildError, ValueError, OSError) as error:
        module.fail_json(msg=f"image {request.name} ({request.ref}): {error}", **answer)
    module.exit_json(changed=result.built, **{**answer, "seconds": result.seconds})


if __name__ == "__main__":
    main()
