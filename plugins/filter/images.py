"""Filters of role `images`: the plan of the builds and the packed contexts, made on the controller."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleFilterError

# Filters run in the controller's own Python, where `ansible.module_utils` is only the installed package.
_OWN_MODULE_UTILS = str(Path(__file__).resolve().parents[2] / "module_utils")
if _OWN_MODULE_UTILS not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_OWN_MODULE_UTILS)

from ansible.module_utils.cariflex.images import context, plan


def image_plan(
    recipes: Mapping[str, Mapping[str, Any]], root: str, wanted: Collection[str], refresh_date: str, arch: str
) -> list[dict[str, Any]]:
    """Plan images in build order: dicts with the recipe's fields, `hash`, `ref` and `base_ref`.

    `root` is the project's folder, `refresh_date` a text such as "2026-11". Raises AnsibleFilterError.
    """

    def read(recipe: plan.Recipe) -> list[context.ContextFile]:
        return context.read_context(Path(root), recipe.context, recipe.extra)

    try:
        table = plan.parse_recipes(recipes)
        return [image.as_dict() for image in plan.plan_images(table, wanted, read, str(refresh_date), arch)]
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


def image_context(image: Mapping[str, Any], root: str) -> str:
    """Pack the context of one planned image for the module; empty for an image that has none."""
    if image["kind"] != "dockerfile":
        return ""
    try:
        return context.pack(context.read_context(Path(root), image["context"], image["extra"]))
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters."""
        return {
            "cariflex_image_plan": image_plan,
            "cariflex_image_context": image_context,
            "cariflex_image_missing": plan.missing_images,
            "cariflex_image_refs": plan.registry_refs,
            "cariflex_image_result": plan.chosen_images,
            "cariflex_image_absent": plan.absent_reasons,
        }
