"""Loads filters and tests once, before Ansible forks; otherwise each task's worker imports them anew."""

from __future__ import annotations

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import filter_loader, test_loader

DOCUMENTATION = """
name: preload
type: aggregate
short_description: load filters and tests before the first task
description:
  - Ansible runs each task in a process forked from this one, and loads filters and tests when a template
    first asks for one. That is nearly always in the worker, which takes all of them along when it ends.
    Asked for here, they are loaded once and inherited.
requirements: [enabled in ansible.cfg]
"""


class CallbackModule(CallbackBase):
    """Has no say in the run; only its beginning matters."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "preload"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        # The first one that is asked for brings all that are not in a collection.
        for loader, name in ((filter_loader, "bool"), (test_loader, "match")):
            loader.get(name)
