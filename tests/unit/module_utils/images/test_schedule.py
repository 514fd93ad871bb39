"""Builds at the same time: order, limit, and the end after a failure."""

from __future__ import annotations

import pytest
from ansible.module_utils.cariflex.images.schedule import Schedule

BASES = {"base_a": "", "app_1": "base_a", "base_b": "", "app_2": "base_b", "app_3": "base_a"}


def test__start__bases_first_and_no_more_than_the_limit():
    schedule = Schedule(BASES, 2)
    assert schedule.start() == ["base_a", "base_b"]
    assert schedule.start() == []
    schedule.finish("base_b", failed=False)
    # app_1 stands before app_2 in the order, but its base is still being built.
    assert schedule.start() == ["app_2"]
    schedule.finish("base_a", failed=False)
    assert schedule.start() == ["app_1"]
    assert schedule.waiting == ["app_3"]


def test__start__base_that_the_engine_has_is_not_waited_for():
    assert Schedule({"app": "base that is there"}, 2).start() == ["app"]


def test__start__everything_is_built_one_at_a_time_too():
    schedule = Schedule(BASES, 1)
    while started := schedule.start():
        assert len(started) == 1
        schedule.finish(started[0], failed=False)
    assert sorted(schedule.built) == sorted(BASES)
    assert schedule.waiting == []


def test__start__nothing_new_after_a_failure():
    schedule = Schedule(BASES, 2)
    schedule.start()
    schedule.finish("base_a", failed=True)
    assert schedule.start() == []
    schedule.finish("base_b", failed=False)
    assert schedule.start() == []
    assert (schedule.failed, schedule.built) == (["base_a"], ["base_b"])
    assert schedule.waiting == ["app_1", "app_2", "app_3"]


def test__init__refuses_no_builds_at_all():
    with pytest.raises(ValueError, match="0 builds at a time; expected 1 or more"):
        Schedule(BASES, 0)
