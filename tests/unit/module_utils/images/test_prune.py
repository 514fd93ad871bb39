"""Which old images go."""

import pytest
from ansible.module_utils.cariflex.images.prune import StoredImage, may_prune, plan_prune

REDIS = [StoredImage(f"cariflex/redis:t{n}", f"sha256:{n}", f"2026-11-{10 + n}T00:00:00Z") for n in range(4)]
OTHER = StoredImage("cariflex/test-platform:t0", "sha256:p", "2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("current", "keep", "removed"),
    [
        ("cariflex/redis:t3", 1, ["cariflex/redis:t0", "cariflex/redis:t1"]),
        ("cariflex/redis:t3", 0, ["cariflex/redis:t0", "cariflex/redis:t1", "cariflex/redis:t2"]),
        ("cariflex/redis:t3", 9, []),
        # After a step back the newest other one is what may be wanted again.
        ("cariflex/redis:t1", 1, ["cariflex/redis:t0", "cariflex/redis:t2"]),
    ],
)
def test__plan_prune__keeps_the_current_and_the_newest_others(current: str, keep: int, removed: list[str]):
    plan = plan_prune([OTHER, *reversed(REDIS)], set(), {"cariflex/redis"}, {current}, keep)
    assert plan.remove == removed
    assert plan.in_use == []


def test__plan_prune__keeps_and_reports_what_a_container_uses():
    plan = plan_prune(REDIS, {"sha256:0"}, {"cariflex/redis"}, {"cariflex/redis:t3"}, 1)
    assert plan.remove == ["cariflex/redis:t1"]
    assert plan.in_use == ["cariflex/redis:t0"]


def test__plan_prune__images_pulled_by_digest():
    pulled = [
        StoredImage(f"registry:5000/x/redis@sha256:{n}", f"id{n}", f"2026-11-{10 + n}T00:00:00Z")
        for n in range(3)
    ]
    plan = plan_prune(pulled, set(), {"registry:5000/x/redis"}, {"registry:5000/x/redis@sha256:2"}, 1)
    assert plan.remove == ["registry:5000/x/redis@sha256:0"]


@pytest.mark.parametrize(
    ("refs", "keep", "expected"),
    [
        (["registry:5000/x/redis:new", "registry:5000/x/redis:previous"], 1, False),
        (["registry:5000/x/redis:new", "registry:5000/x/redis:previous"], 0, True),
        (["registry:5000/x/redis:new", "registry:5000/x/redis:a", "registry:5000/x/redis:b"], 1, True),
        # The old one alone, while the current image is not there.
        (["registry:5000/x/redis:a", "registry:5000/x/redis:b"], 1, True),
        (["other/redis:a", "other/redis:b"], 1, False),
        # A lost tag of a build, which nobody can name.
        (["registry:5000/x/redis:<none>"], 0, False),
    ],
)
def test__may_prune__more_than_may_stay(refs: list[str], keep: int, expected: bool):
    listed = [f"{ref} {ref.rpartition(':')[0]}@<none>" for ref in refs]
    assert may_prune(listed, ["registry:5000/x/redis"], ["registry:5000/x/redis:new"], keep) is expected


@pytest.mark.parametrize(
    ("digests", "expected"), [(["sha256:new", "sha256:a"], False), (["sha256:a", "sha256:b"], True)]
)
def test__may_prune__images_pulled_by_digest(digests: list[str], expected: bool):
    listed = [f"registry:5000/x/redis:<none> registry:5000/x/redis@{digest}" for digest in digests]
    current = ["registry:5000/x/redis:new", "registry:5000/x/redis@sha256:new"]
    assert may_prune(listed, ["registry:5000/x/redis"], current, 1) is expected


def test__may_prune__a_tag_and_its_digest_are_one_image():
    listed = ["registry:5000/x/redis:a registry:5000/x/redis@sha256:a"]
    assert may_prune(listed, ["registry:5000/x/redis"], [], 1) is False
