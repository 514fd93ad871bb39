"""RESP on a stream in memory."""

import io

import pytest
from ansible.module_utils.cariflex.errors import ApiError
from ansible.module_utils.cariflex.verify.redis import Redis, hash_of


class Stream:
    """Answers with what it was given; remembers what was written."""

    def __init__(self, replies: bytes) -> None:
        self.replies, self.sent = io.BytesIO(replies), b""

    def read(self, size: int) -> bytes:
        return self.replies.read(size)

    def readline(self) -> bytes:
        return self.replies.readline()

    def write(self, data: bytes) -> int:
        self.sent += data
        return len(data)

    def flush(self) -> None:
        pass


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (b"+PONG\r\n", "PONG"),
        (b":-2\r\n", -2),
        (b"$-1\r\n", None),
        ("$3\r\né!\r\n".encode(), "é!"),
        (b"*2\r\n$1\r\na\r\n:1\r\n", ["a", 1]),
    ],
)
def test__call__reads_each_kind_of_reply(reply: bytes, value: object):
    stream = Stream(reply)
    assert Redis(stream).call("GET", "é") == value
    assert stream.sent == "*2\r\n$3\r\nGET\r\n$2\r\né\r\n".encode()


@pytest.mark.parametrize(
    ("reply", "message"), [(b"-WRONGPASS x\r\n", "WRONGPASS"), (b"", "closed"), (b"?\r\n", "expected RESP")]
)
def test__call__raises_with_redis_own_words(reply: bytes, message: str):
    with pytest.raises(ApiError, match=message):
        Redis(Stream(reply)).call("AUTH", "secret")


def test__hash_of__pairs_the_flat_reply():
    stream = Stream(b"*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n")
    assert hash_of(Redis(stream), "k") == {"a": "1", "b": "2"}
