"""Which images built by us are old enough to go: pure planning, and what the engine knows about images."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from ansible.module_utils.cariflex.images.build import RECIPE_LABEL
from ansible.module_utils.cariflex.images.engine import BuildError, output_of


@dataclass(frozen=True)
class StoredImage:
    """One tag in the engine; `created` is RFC 3339 in UTC, so that its text sorts by time."""

    repository: str
    tag: str
    image_id: str
    created: str

    @property
    def ref(self) -> str:
        """The reference that removes this tag alone."""
        return f"{self.repository}:{self.tag}"


@dataclass(frozen=True)
class PrunePlan:
    """References to remove, and old ones that a container still uses; both sorted."""

    remove: list[str]
    in_use: list[str]


def may_prune(
    refs: Collection[str], repositories: Collection[str], current: Collection[str], keep_previous: int
) -> bool:
    """Say from references alone (name:tag) whether `plan_prune` could pick anything of what they name.

    Of images that are not ours it may say so for nothing.
    """
    others = Counter(ref.removesuffix(":<none>").rpartition(":")[0] for ref in set(refs).difference(current))
    return any(others[repository] > keep_previous for repository in repositories)


def plan_prune(
    stored: Collection[StoredImage],
    used_ids: Collection[str],
    repositories: Collection[str],
    current: Collection[str],
    keep_previous: int,
) -> PrunePlan:
    """Pick what is neither current nor among the `keep_previous` newest others of its repository.

    Images of other repositories are never picked.
    """
    others: defaultdict[str, list[StoredImage]] = defaultdict(list)
    for image in stored:
        if image.repository in repositories and image.ref not in current:
            others[image.repository].append(image)
    old = [
        image
        for found in others.values()
        for image in sorted(found, key=lambda image: image.created, reverse=True)[keep_previous:]
    ]
    return PrunePlan(
        remove=sorted(image.ref for image in old if image.image_id not in used_ids),
        in_use=sorted(image.ref for image in old if image.image_id in used_ids),
    )


def _ask(client: str, *words: str) -> str:
    answer: str | None = output_of([client, *words])
    if answer is None:
        raise BuildError(f"{client} {' '.join(words)} failed; expected an engine that answers: start it")
    return answer


def read_images(client: str) -> list[StoredImage]:
    """List every tag in the engine whose image carries our label."""
    ids = set(
        _ask(client, "image", "ls", "--quiet", "--no-trunc", "--filter", f"label={RECIPE_LABEL}").split()
    )
    if not ids:
        return []
    stored = []
    for image in json.loads(_ask(client, "image", "inspect", *sorted(ids))):
        for ref in image["RepoTags"] or []:
            repository, _, tag = ref.rpartition(":")
            stored.append(StoredImage(repository, tag, image["Id"], image["Created"]))
    return stored


def read_used_ids(client: str) -> set[str]:
    """Give the IDs of the images of all containers, stopped ones too."""
    containers = _ask(client, "ps", "--all", "--quiet").split()
    if not containers:
        return set()
    return set(_ask(client, "inspect", "--format", "{{.Image}}", *containers).split())


def remove_image(client: str, ref: str) -> None:
    """Remove one tag. Raises BuildError when the engine refuses."""
    _ask(client, "image", "rm", ref)
