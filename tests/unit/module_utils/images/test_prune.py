"""Which old images go."""

import pytest
from ansible.module_utils.cariflex.images.prune import StoredImage, may_prune, plan_prune

REDIS = [
    StoredImage("cariflex/redis", f"t{n}", f"sha256:{n}", f"2026-11-{10 + n}T00:00:00Z") for n in range(4)
]
OTHER = StoredImage("cariflex/test-platform", "t0", "sha256:p", "2026-01-01T00:00:00Z")


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


@pytest.mark.parametrize(
    ("refs", "keep", "expected"),
    [
        (["registry:5000/x/redis:new", "registry:5000/x/redis:previous"], 1, False),
        (["registry:5000/x/redis:new", "registry:5000/x/redis:previous"], 0, True),
        (["registry:5000/x/redis:new", "registry:5000/x/redis:a", "registry:5000/x/redis:b"], 1, True),
        # The old one alone, while the current image is not there.
        (["registry:5000/x/redis:a", "registry:5000/x/redis:b"], 1, True),
        (["other/redis:a", "other/redis:b"], 1, False),
        # What the engine's list says of an image without a tag, and of every image's digest.
        (["registry:5000/x/redis:<none>", "registry:5000/x/redis@sha256:aa"], 0, False),
    ],
)
def test__may_prune__more_than_may_stay(refs: list[str], keep: int, expected: bool):
    assert may_prune(refs, ["registry:5000/x/redis"], ["registry:5000/x/redis:new"], keep) is expected
