"""Action docker_images_build against jobs that this test ends one by one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from plugins.action import docker_images_build

BASES = {"base": "", "app_1": "base", "app_2": "base", "app_3": "base"}
# How often each job must be asked until it has ended.
QUESTIONS = {"base": 2, "app_1": 2, "app_2": 4, "app_3": 2}


class Host:
    """Stands for the host: starts jobs, and ends each after some questions."""

    def __init__(self, failing=()):
        self.failing = failing
        self.started: list[str] = []
        self.under_way: dict[str, int] = {}
        self.most_under_way = 0

    def answer(self, ref):
        if ref in self.failing:
            return {"failed": True, "finished": True, "msg": f"image {ref}: apt-get exited 100"}
        return {"changed": True, "finished": True, "seconds": 1.0, "log": f"/b/{ref}/build.log"}

    def execute_module(self, name, arguments, *, task_vars, wrap_async=False):
        assert task_vars == {"inventory": "of the run"}
        if name == "docker_image_build":
            self.started.append(arguments["ref"])
            if not wrap_async:
                return {"changed": True, "seconds": 0.0}
            self.under_way[arguments["ref"]] = 0
            self.most_under_way = max(self.most_under_way, len(self.under_way))
            return {"ansible_job_id": arguments["ref"], "results_file": f"/jobs/{arguments['ref']}"}
        assert name == "ansible.legacy.async_status"
        assert arguments["_async_dir"] == "/jobs"
        ref = arguments["jid"]
        self.under_way[ref] += 1
        if self.under_way[ref] < QUESTIONS[ref]:
            return {"started": True, "finished": False}
        del self.under_way[ref]
        return self.answer(ref)


@pytest.fixture
def build(monkeypatch):
    """Give a function that runs the action; it gives the result and what was displayed."""
    monkeypatch.setattr(docker_images_build, "POLL_S", 0)

    def run(host, check_mode=False, **options):
        images = [{"ref": ref, "base_ref": base} for ref, base in BASES.items()]
        task = SimpleNamespace(
            async_val=0,
            check_mode=check_mode,
            diff=False,
            action="docker_images_build",
            args={"images": images, "heartbeat_s": 0, **options},
        )
        connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
        module = docker_images_build.ActionModule(task, connection, None, None, None, None)
        shown = []
        module._display = SimpleNamespace(display=shown.append)
        module._execute_module = host.execute_module
        return module.run(task_vars={"inventory": "of the run"}), shown

    return run


def test__run__base_first_then_two_at_a_time(build):
    host = Host()
    result, shown = build(host, parallel=2)
    assert result["changed"] is True
    assert not result.get("failed")
    assert host.started == ["base", "app_1", "app_2", "app_3"]
    assert host.most_under_way == 2
    assert [image["ref"] for image in result["images"]] == host.started
    assert "image 1 of 4: base, 1 s" in shown
    assert "still building app_1 and app_2" in shown


def test__run__as_many_at_a_time_as_allowed(build):
    host = Host()
    build(host, parallel=3)
    assert host.most_under_way == 3


def test__run__failure_is_named_the_other_build_ends_and_no_more_start(build):
    host = Host(failing=["app_1"])
    result, _ = build(host, parallel=2)
    assert result["failed"] is True
    assert result["msg"] == "image app_1: apt-get exited 100\nNot started: app_3."
    assert host.started == ["base", "app_1", "app_2"]
    assert host.under_way == {}
    # What was built before the failure is a change all the same.
    assert result["changed"] is True


def test__run__check_mode_asks_the_module_and_starts_no_job(build):
    host = Host()
    result, _ = build(host, check_mode=True)
    assert result["changed"] is True
    assert host.started == list(BASES)
    assert host.most_under_way == 0
