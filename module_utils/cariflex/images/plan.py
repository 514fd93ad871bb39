"""Pure planning of image builds: recipes in, content-addressed references in build order out."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.cariflex.images.context import ContextFile

KINDS = ("debootstrap", "dockerfile")
TAG_LENGTH = 12
# Part of every hash: raise it when the way of building changes, so that existing images are built anew.
BUILDER_VERSION = "1"


class PlanError(ValueError):
    """A recipe table that cannot be built; the text names the recipe, the value and what was expected."""


@dataclass(frozen=True)
class Recipe:
    """How one image is made. `extra` maps a path inside the context to a file or folder of the project."""

    name: str
    kind: str
    repository: str
    suite: str = ""
    context: str = ""
    target: str = ""
    base: str = ""
    service: bool = True
    disk_mb: int = 1000
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedImage:
    """One image: its recipe, hash (12 hex digits), reference and its base's reference ('' if none)."""

    recipe: Recipe
    hash: str
    ref: str
    base_ref: str

    def as_dict(self) -> dict[str, Any]:
        """Flat form for templates."""
        return {**vars(self.recipe), "hash": self.hash, "ref": self.ref, "base_ref": self.base_ref}


def parse_recipes(table: Mapping[str, Mapping[str, Any]]) -> dict[str, Recipe]:
    """Check a recipe table (name -> fields of Recipe). Raises PlanError."""
    recipes = {}
    for name, fields in table.items():
        try:
            # Plain dictionaries: Ansible's lazy ones cannot be copied.
            recipe = Recipe(name=name, **{**fields, "extra": dict(fields.get("extra", {}))})
        except TypeError as error:
            raise PlanError(f"image {name!r}: {error}; expected the fields of a recipe") from error
        if recipe.kind not in KINDS:
            raise PlanError(f"image {name!r}: kind {recipe.kind!r}; expected one of {', '.join(KINDS)}")
        needed = "suite" if recipe.kind == "debootstrap" else "context"
        if not getattr(recipe, needed):
            raise PlanError(f"image {name!r}: no {needed}; a recipe of kind {recipe.kind} needs one")
        if recipe.base and recipe.base not in table:
            raise PlanError(
                f"image {name!r}: base {recipe.base!r} is no recipe; expected one of {sorted(table)}"
            )
        recipes[name] = recipe
    return recipes


def build_order(recipes: Mapping[str, Recipe], wanted: Collection[str]) -> list[str]:
    """Name the wanted images and all their bases, each base before its users. Raises PlanError on a cycle."""
    order: list[str] = []
    for name in wanted:
        if name not in recipes:
            raise PlanError(f"image {name!r} is wanted but has no recipe; expected one of {sorted(recipes)}")
        chain: list[str] = []
        while name and name not in order:
            if name in chain:
                raise PlanError(f"image {name!r}: its bases form a circle: {' -> '.join([*chain, name])}")
            chain.append(name)
            name = recipes[name].base
        order.extend(reversed(chain))
    return order


def recipe_hash(recipe: Recipe, files: list[ContextFile], base_ref: str, refresh_date: str, arch: str) -> str:
    """Hash all that decides an image's content: 12 hex digits. Times and order of files play no part."""
    digest = hashlib.sha256()

    def add(*parts: bytes | str) -> None:
        # Each part is preceded by its length, so that no two different sequences give the same bytes.
        for part in parts:
            data = part.encode() if isinstance(part, str) else part
            digest.update(f"{len(data)}:".encode() + data)

    add(BUILDER_VERSION, recipe.kind, recipe.suite, recipe.target, base_ref, refresh_date, arch)
    for file in sorted(files, key=lambda file: file.path):
        add(file.path, "x" if file.executable else "-", file.content)
    return digest.hexdigest()[:TAG_LENGTH]


def plan_images(
    recipes: Mapping[str, Recipe],
    wanted: Collection[str],
    read_files: Callable[[Recipe], list[ContextFile]],
    refresh_date: str,
    arch: str,
) -> list[PlannedImage]:
    """Plan the wanted images and their bases in build order. A changed base changes all on top of it."""
    planned: dict[str, PlannedImage] = {}
    for name in build_order(recipes, wanted):
        recipe = recipes[name]
        base_ref = planned[recipe.base].ref if recipe.base else ""
        files = read_files(recipe) if recipe.kind == "dockerfile" else []
        tag = recipe_hash(recipe, files, base_ref, refresh_date, arch)
        planned[name] = PlannedImage(recipe, tag, f"{recipe.repository}:{tag}", base_ref)
    return list(planned.values())


def missing_images(plan: list[dict[str, Any]], present: Collection[str]) -> list[dict[str, Any]]:
    """Pick what must be built: service images that are not present, and the absent bases of those only."""
    needed: set[str] = set()
    for image in reversed(plan):
        absent = image["ref"] not in present
        if absent and (image["service"] or image["ref"] in needed):
            needed.update({image["ref"], image["base_ref"]})
    return [image for image in plan if image["ref"] in needed and image["ref"] not in present]


def registry_refs(plan: list[dict[str, Any]], public: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Give name -> reference of what a registry can serve: public ones, and our own behind a prefix only."""
    own = {image["name"]: image["ref"] for image in plan if image["service"]} if prefix else {}
    return {name: prefix + ref for name, ref in {**own, **public}.items()}


def stored_ref(ref: str) -> str:
    """Give the name under which an engine has a pulled image: one pulled as name:tag@digest has no tag."""
    return re.sub(r":[^:/@]+@", "@", ref)


def chosen_images(
    plan: list[dict[str, Any]],
    pullable: Mapping[str, str],
    source: str,
    present: Collection[str] = (),
    served: Collection[str] = (),
) -> dict[str, dict[str, str]]:
    """Give name -> {ref, source: build or registry} of the images in use.

    `pullable` is name -> reference of what a registry may serve, `present` what the engine has. Source auto
    takes, for each image, what is present before what a registry has (`served`, names) before a build.
    """
    built = {image["name"]: image["ref"] for image in plan if image["service"]}
    taken: dict[str, str] = {}
    if source != "build":
        taken = {
            name: ref
            for name, ref in pullable.items()
            if source == "registry"
            or (built.get(name) not in present and (stored_ref(ref) in present or name in served))
        }
    made = {} if source == "registry" else built
    return {
        **{name: {"ref": ref, "source": "build"} for name, ref in made.items() if name not in taken},
        **{name: {"ref": ref, "source": "registry"} for name, ref in taken.items()},
    }


def refs_to_ask(
    plan: list[dict[str, Any]], pullable: Mapping[str, str], present: Collection[str]
) -> dict[str, str]:
    """Give name -> reference of what source auto asks a registry for: all that is absent.

    Nothing while every planned image is present, built or pulled: then no host waits for a registry.
    """
    built = {image["name"]: image["ref"] for image in plan if image["service"]}
    absent = {
        name
        for name in {*built, *pullable}
        if built.get(name) not in present and stored_ref(pullable.get(name, "")) not in present
    }
    return (
        {name: pullable[name] for name in sorted(absent & pullable.keys())} if absent & built.keys() else {}
    )


def refs_to_pull(chosen: Mapping[str, Mapping[str, str]], present: Collection[str]) -> list[str]:
    """Give the references of chosen images that must be pulled."""
    refs = {image["ref"] for image in chosen.values() if image["source"] == "registry"}
    return sorted(ref for ref in refs if stored_ref(ref) not in present)


def absent_reasons(
    names: Collection[str], chosen: Mapping[str, Any], plan: list[dict[str, Any]]
) -> dict[str, str]:
    """Give name -> reason of every image that cannot be had."""
    own = {image["name"] for image in plan}
    return {
        name: "it is our own image; set images_registry_prefix to a registry that holds it"
        if name in own
        else "it has no recipe: no package registry carries it; it needs a container registry"
        for name in names
        if name not in chosen
    }
