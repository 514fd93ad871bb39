"""Filters must be imported by the process that forks the workers, not by each worker again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILTER = """
import os

IMPORTED_BY = os.getpid()


class FilterModule:
    def filters(self):
        return {"imported_by": lambda _: IMPORTED_BY}
"""
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {msg: "{{ '' | imported_by }}"}
    - ansible.builtin.debug: {msg: "{{ '' | imported_by }}"}
"""


@pytest.mark.parametrize(("callbacks", "processes"), [({"ANSIBLE_CALLBACKS_ENABLED": "preload"}, 1), ({}, 2)])
def test_preload__filters_of_two_tasks__are_imported_once(tmp_path, callbacks, processes):
    """Without the callback each task's worker imports them: if that changes in Ansible, drop the callback."""
    (tmp_path / "filters").mkdir()
    (tmp_path / "filters/where.py").write_text(FILTER)
    (tmp_path / "play.yml").write_text(PLAY)
    settings = {
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "plugins/callback"),
        "ANSIBLE_FILTER_PLUGINS": str(tmp_path / "filters"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }

    # Not in the repository, whose ansible.cfg enables the callback.
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "play.yml"],
        cwd=tmp_path,
        env=os.environ | settings | callbacks,
        capture_output=True,
        text=True,
        check=True,
    )

    tasks = json.loads(done.stdout)["plays"][0]["tasks"]
    assert len({task["hosts"]["localhost"]["msg"] for task in tasks}) == processes
