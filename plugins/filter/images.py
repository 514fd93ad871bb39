"""Filters of role `images`: the plan of the builds and the packed contexts, made on the controller."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleFilterError

# Filters run in the controller's own Python, where `ansible.module_utils` is only the installed package.
_OWN_MODULE_UTILS = str(Path(__file__).resolve().parents[2] / "module_utils")
if _OWN_MODULE_UTILS not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_OWN_MODULE_UTILS)

from ansible.module_utils.cariflex.images import context, lock, plan, prune


# One task's templates ask for the plan a dozen times; the process that evaluates them lives for that task.
@functools.cache
def _read(root: str, folder: str, extra: frozenset[tuple[str, str]]) -> list[context.ContextFile]:
    return context.read_context(Path(root), folder, dict(extra))


def image_plan(
    recipes: Mapping[str, Mapping[str, Any]], root: str, wanted: Collection[str], refresh_date: str, arch: str
) -> list[dict[str, Any]]:
    """Plan images in build order: dicts with the recipe's fields, `hash`, `ref` and `base_ref`.

    `root` is the project's folder, `refresh_date` a text such as "2026-11". Raises AnsibleFilterError.
    """

    def read(recipe: plan.Recipe) -> list[context.ContextFile]:
        return _read(str(root), str(recipe.context), frozenset(recipe.extra.items()))

    try:
        table = plan.parse_recipes(recipes)
        return [image.as_dict() for image in plan.plan_images(table, wanted, read, str(refresh_date), arch)]
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


def image_requests(
    images: Collection[Mapping[str, Any]], root: str, build_dir: str, ca_bundle: str
) -> list[dict[str, Any]]:
    """Give the arguments of module `docker_image_build` for planned images, with their packed contexts.

    `build_dir` is the host's folder for logs, `ca_bundle` PEM text or "". Raises AnsibleFilterError.
    """

    def archive(image: Mapping[str, Any]) -> str:
        if image["kind"] != "dockerfile":
            return ""
        return context.pack(_read(str(root), str(image["context"]), frozenset(image["extra"].items())))

    taken = ("name", "kind", "ref", "suite", "base_ref", "target", "disk_mb")
    try:
        return [
            {
                **{name: image[name] for name in taken},
                "recipe": image["hash"],
                "build_dir": build_dir,
                "context_archive": archive(image),
                "ca_bundle": ca_bundle,
            }
            for image in images
        ]
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filters."""
        return {
            "cariflex_image_plan": image_plan,
            "cariflex_image_requests": image_requests,
            "cariflex_image_missing": plan.missing_images,
            "cariflex_image_refs": plan.registry_refs,
            "cariflex_image_to_ask": plan.refs_to_ask,
            "cariflex_image_to_pull": plan.refs_to_pull,
            "cariflex_image_stored": plan.stored_ref,
            "cariflex_image_result": plan.chosen_images,
            "cariflex_image_absent": plan.absent_reasons,
            "cariflex_image_may_prune": prune.may_prune,
            "cariflex_image_locked": lock.locked_refs,
            "cariflex_image_unlocked": lock.unlocked_reasons,
        }
