"""Who sees what of the status face, which listens on the container's networks for the sake of its metrics."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from cariflex_service.runtime import metrics_for_others

INSIDE, OUTSIDE = "127.0.0.1", "192.168.241.40"


async def _served(_request: web.Request) -> web.Response:
    return web.Response(text="served")


@pytest.mark.parametrize(
    ("remote", "method", "path", "status"),
    [
        (OUTSIDE, "GET", "/metrics", 200),
        (OUTSIDE, "GET", "/status", 403),
        (OUTSIDE, "PATCH", "/devices/ev_01", 403),
        (OUTSIDE, "POST", "/opts", 403),
        (OUTSIDE, "GET", "/metrics/../status", 403),
        (INSIDE, "POST", "/opts", 200),
        (INSIDE, "GET", "/metrics", 200),
        (None, "GET", "/status", 403),
    ],
)
async def test_metrics_for_others__each_caller(
    remote: str | None, method: str, path: str, status: int
) -> None:
    request = make_mocked_request(method, path).clone(remote=remote or "")
    answer = await metrics_for_others(request, _served)
    assert answer.status == status
