"""The queue's check when Redis itself is ill: it must say so, not break."""

import pytest
from ansible.module_utils.cariflex.doctor import queue
from ansible.module_utils.cariflex.doctor.host import Host
from ansible.module_utils.cariflex.errors import ApiError


def _host(output):
    return Host(lambda *_words, **_options: (0, output, ""))


def test_queue__redis_refuses__cannot_look():
    refused = (
        "AUTH failed: WRONGPASS invalid username-password pair\nscheduling NOAUTH Authentication required."
    )

    with pytest.raises(ApiError, match="see the check of its password"):
        queue.queue(_host(refused))


def test_queue__counts__are_shown():
    assert queue.queue(_host("scheduling 2\nforecasting 0\ningestion 0")) == (
        "jobs waiting: scheduling 2, forecasting 0, ingestion 0"
    )
