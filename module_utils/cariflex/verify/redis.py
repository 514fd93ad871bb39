"""The few Redis commands that a check needs, on a socket: no client library on the host. Raises ApiError."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ..errors import ApiError

TIMEOUT_S = 10.0


class Stream(Protocol):
    """What a socket's file offers."""

    def read(self, size: int, /) -> bytes:
        """Read exactly ``size`` bytes."""

    def readline(self) -> bytes:
        """Read to the end of the line."""

    def write(self, data: bytes, /) -> int:
        """Buffer ``data``."""

    def flush(self) -> None:
        """Send what is buffered."""


class Redis:
    """A connection that speaks RESP 2; replies are str, int, None, or lists of them."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def call(self, *words: str) -> Any:
        """Send one command and return its reply; ApiError with Redis's own words on an error reply."""
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
        self._stream.write(b"".join(parts))
        self._stream.flush()
        return self._reply(words[0])

    def _reply(self, command: str) -> Any:
        line = self._stream.readline()
        if not line.endswith(b"\r\n"):
            raise ApiError(f"Redis closed the connection in reply to {command}")
        kind, rest = line[:1], line[1:-2].decode()
        if kind == b"-":
            raise ApiError(f"Redis refused {command}: {rest}")
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self._stream.read(size + 2)[:-2].decode()
        if kind == b"*":
            return [self._reply(command) for _ in range(int(rest))]
        raise ApiError(f"Redis answered {line!r} to {command}, expected RESP")


@contextmanager
def connect(host: str, port: int, password: str) -> Iterator[Redis]:
    """Connect and log in."""
    try:
        with (
            socket.create_connection((host, port), TIMEOUT_S) as connection,
            connection.makefile("rwb") as stream,
        ):
            redis = Redis(stream)
            if password:
                redis.call("AUTH", password)
            yield redis
    except OSError as error:
        raise ApiError(f"Redis at {host}:{port}: {error}") from error


def hash_of(redis: Redis, key: str) -> dict[str, str]:
    """Return the fields of a hash."""
    flat = redis.call("HGETALL", key)
    return dict(zip(flat[::2], flat[1::2], strict=True))
