"""Which images built by us are old enough to go: pure planning, and what the engine knows about images."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from ansible.module_utils.cariflex.images.build import RECIPE_LABEL
from ansible.module_utils.cariflex.images.engine import BuildError, output_of


def repository_of(ref: str) -> str:
    """Return what stands before the tag or the digest."""
    name, _, digest = ref.partition("@")
    return name if digest else ref.rpartition(":")[0]


@dataclass(frozen=True)
class StoredImage:
    """One tag in the engine, or the digest of an image without tags, as it is pulled by a digest.

    `ref` removes this one alone; `created` is RFC 3339 in UTC, so that its text sorts by time.
    """

    ref: str
    image_id: str
    created: str

    @property
    def repository(self) -> str:
        """The reference without its tag or digest."""
        return repository_of(self.ref)


@dataclass(frozen=True)
class PrunePlan:
    """References to remove, and old ones that a container still uses; both sorted."""

    remove: list[str]
    in_use: list[str]


def may_prune(
    listed: Collection[str], repositories: Collection[str], current: Collection[str], keep_previous: int
) -> bool:
    """Say from the engine's list alone whether `plan_prune` could pick anything of it.

    A line of the list is ``name:tag name@digest``, ``<none>`` for what is missing. Of images that are not
    ours it may say so for nothing.
    """
    pairs = [line.split() for line in listed]
    refs = {digest if tag.endswith(":<none>") else tag for tag, digest in pairs}
    others = Counter(repository_of(ref) for ref in refs.difference(current) if not ref.endswith("@<none>"))
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
    """List the images in the engine that carry our label, one by one tag or digest."""
    ids = set(
        _ask(client, "image", "ls", "--quiet", "--no-trunc", "--filter", f"label={RECIPE_LABEL}").split()
    )
    if not ids:
        return []
    stored = []
    for image in json.loads(_ask(client, "image", "inspect", *sorted(ids))):
        refs = image["RepoTags"] or image["RepoDigests"] or []
        stored += [StoredImage(ref, image["Id"], image["Created"]) for ref in refs]
    return stored


def read_used_ids(client: str) -> set[str]:
    """Give the IDs of the images of all containers, stopped ones too."""
    containers = _ask(client, "ps", "--all", "--quiet").split()
    if not containers:
        return set()
    return set(_ask(client, "inspect", "--format", "{{.Image}}", *containers).split())


def remove_image(client: str, ref: str) -> None:
    """Remove one tag or digest. Raises BuildError when the engine refuses."""
    _ask(client, "image", "rm", ref)
