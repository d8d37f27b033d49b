"""What is read without aiohttp's parser means what it means to that parser."""

import asyncio
from typing import Any
from unittest import mock

import pytest
from aiohttp.client_proto import ResponseHandler
from hypothesis import example, given
from hypothesis import strategies as st

from digitro_async.transport._plain_answer import (
    MOST_HEADS,
    HeadCache,
    PlainHead,
    read_plain_head,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"

LINES = st.sampled_from(
    [
        *(b"Content-Length: 2", b"content-length:2", b"CONTENT-LENGTH: 2 \t"),
        *(b"Content-Length: +2", b"Content-Length: 0x2", b"Content-Length: 2, 2"),
        *(b"Content-Length : 2", b"Content-Length: ", b"Content-Length: 00002"),
        *(b"Connection: close", b"connection: Keep-Alive", b"Connection: upgrade"),
        *(b"Connection: close, x", b"Transfer-Encoding: chunked", b"Trailer: X"),
        *(b"Transfer-Encoding: identity", b"Upgrade: h2c", b"Retry-After: 7"),
        *(b"Retry-After:  Fri, 31 Dec 1999 23:59:59 GMT", b"retry-after: \xff"),
        *(b"Content-Type: application/json", b"Content-Type: text/plain", b"A:"),
        *(b" folded", b"no colon", b"Server: a", b"server: b", b"X: \xc3\xa9", b"X"),
        *(b"X: a\0b", b"X: a\rb", b"X\t: a", b"Date: Sun, 29 Nov 2026 10:00:00 GMT"),
        *(b"Content-Encoding: gzip", b"Set-Cookie: a=b", b"Keep-Alive: timeout=5"),
    ]
) | st.binary(max_size=12)
FIRST = st.sampled_from(
    [
        *(b"HTTP/1.1 200 OK", b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.1 400 Bad"),
        *(b"HTTP/1.1 204 No", b"HTTP/1.1 304 Not", b"HTTP/1.1 101 S", b"HTTP/1.1 099 "),
        *(b"HTTP/1.0 200 OK", b"HTTP/1.1  200 OK", b"http/1.1 200 OK", b"HTTP/2 200"),
        *(b"HTTP/1.1 503 Service Unavailable", b"HTTP/1.1 429 \xff", b"HTTP/1.1 2000"),
    ]
)
GOOD = st.sampled_from(
    [
        *(b"Connection: close", b"connection: Keep-Alive", b"Retry-After: 7"),
        *(b"Content-Type: application/json", b"Server: a", b"X: \xc3\xa9", b"A:"),
        *(b"Date: Sun, 29 Nov 2026 10:00:00 GMT", b"Keep-Alive: timeout=5"),
        *(b"retry-after:\t Fri, 31 Dec 1999 23:59:59 GMT ", b"Set-Cookie: a=b; c"),
        *(b"Content-Encoding: gzip", b"Content-Encoding: br", b"ETag: W/x"),
    ]
)
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r"])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """Make a head: most are right, and some have one line or many that are not."""
    lines = draw(st.lists(GOOD, max_size=4, unique=True))
    if draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), draw(LINES))
    if draw(st.booleans()):
        lines.append(b"Content-Length: 2")
    lines.insert(0, draw(FIRST))
    is_odd = draw(st.integers(0, 9)) == 0
    ends = [draw(ENDS) if is_odd else b"\r\n" for _ in lines]
    joined = (line + end for line, end in zip(lines, ends, strict=True))
    return b"".join(joined) + b"\r\n"


async def as_aiohttp_reads(data: bytes) -> tuple[Any, ...]:
    """Return what aiohttp's reader makes of a whole answer."""
    reader = ResponseHandler(asyncio.get_running_loop())
    reader.connection_made(mock.Mock(spec=asyncio.Transport))
    reader.set_response_params(read_until_eof=True, auto_decompress=False)
    reader.data_received(data)
    message, content = await reader.read()
    assert len(reader) == 0
    assert content.is_eof()
    return (
        message.code,
        content.read_nowait(),
        not reader.should_close,
        message.headers.get("Retry-After"),
    )


@given(heads())
@example(OK)
@example(b"HTTP/1.1 429 Slow\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n")
@example(b"HTTP/1.1 200\r\nX: \xc3\xa9\r\nContent-Length: 2\r\n\r\n")
def test_it_means_the_same(head: bytes) -> None:
    """A head that is read here has the status, length and end that aiohttp finds."""
    found = read_plain_head(head)
    if found is None or found.size != len(head) + 2:
        return
    seen = asyncio.run(as_aiohttp_reads(head + b"{}"))

    assert seen == (found.status, b"{}", found.keeps_alive, found.retry_after)


@pytest.mark.parametrize(
    "head",
    [
        OK.replace(b"1.1", b"1.0"),
        OK.replace(b"200", b"204"),
        OK.replace(b"200", b"100"),
        OK.replace(b": 2", b": -2"),
        OK.replace(b": 2", b": 2\r\nContent-Length: 2"),
        OK.replace(b": 2", b": 2\r\nTransfer-Encoding: chunked"),
        OK.replace(b": 2", b": 2\r\nUpgrade: h2c"),
        OK.replace(b": 2", b": 2\r\nConnection: upgrade"),
        OK.replace(b": 2", b": 2\r\n X: folded"),
        OK.replace(b"\r\n", b"\n"),
        OK.replace(b"Content-Length: 2", b"X: y"),
        OK.replace(b": 2", b": 2\r\nX: %b" % (b"y" * 2048)),
        OK[:-1],
        OK + b"{}",
        b"",
    ],
)
def test_all_else_is_left_to_aiohttp(head: bytes) -> None:
    """A head that could mean anything else is not read."""
    assert read_plain_head(head) is None


def test_cache() -> None:
    """Heads of acceptances are kept, up to a bound; others are read each time."""
    cache = HeadCache()
    assert cache.read(OK) == PlainHead(200, len(OK) + 2, keeps_alive=True)
    assert cache == {hash(OK[:-4]): PlainHead(200, len(OK) + 2, keeps_alive=True)}
    assert cache.read(OK.replace(b"200", b"400")) is not None
    assert cache.read(OK.replace(b": 2", b": 2\r\nRetry-After: 048")) is not None
    assert cache.read(b"garbage") is None
    assert list(cache) == [hash(OK[:-4])]
    for number in range(3 * MOST_HEADS):
        cache.read(OK.replace(b"OK", b"OK %d" % number))
        assert len(cache) <= MOST_HEADS
