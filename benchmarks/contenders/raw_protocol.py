"""HTTP written by hand over a fixed set of connections, as callbacks: a lower bound.

No client in Python does less: it knows one request and one kind of answer, and there is
no coroutine, no pool, no time limit and no evidence. It checks every answer's call id
as all others do.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import cast

from benchmarks.contenders.json_codec import dumps, loads
from benchmarks.harness.work import (
    API_KEY,
    PATH,
    Job,
    RunCounts,
    Stopwatch,
    WrongRunError,
    make_body,
)

_HEAD = (
    f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {API_KEY}\r\n"
    "Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: "
).encode()
_LENGTH = b"\r\ncontent-length:"
_STATUS = b"HTTP/1.1 200 "


class RawConnection(asyncio.Protocol):
    """One connection: the next call goes out as soon as an answer is in.

    Args:
        numbers: Numbers of the calls, shared by all connections.
        tally: Takes the answers.
        done: Ends with the last call, or with what went wrong.
    """

    def __init__(
        self, numbers: Iterator[int], tally: RunCounts, done: asyncio.Future[None]
    ) -> None:
        self._numbers = numbers
        self._tally = tally
        self._done = done
        self._unread = b""
        self._begun: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first call."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail if an answer is missing."""
        if self._begun is not None and not self._done.done():
            self._done.set_exception(WrongRunError(f"a connection ended: {error!r}"))

    def data_received(self, data: bytes) -> None:
        """Take the answer if it is whole, and send the next call."""
        self._unread += data
        try:
            answer = take_answer(self._unread)
            if answer is None:
                return
            assert self._begun is not None
            call_id = loads(answer).get("ID_CHAMADA")
            self._tally.add(call_id, time.perf_counter() - self._begun)
        except (AssertionError, ValueError, WrongRunError) as error:
            if not self._done.done():
                self._done.set_exception(WrongRunError(f"{error!r}: {self._unread!r}"))
            self._transport.abort()
            return
        self._unread = b""
        self._send()

    def _send(self) -> None:
        number = next(self._numbers, None)
        if number is None:
            self._begun = None
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._begun = time.perf_counter()
        body = dumps(make_body(number))
        self._transport.write(b"%b%d\r\n\r\n%b" % (_HEAD, len(body), body))


def take_answer(data: bytes) -> bytes | None:
    """Return the body of the answer, None where it is not whole yet.

    Raises:
        WrongRunError: If it is no 200 with a Content-Length, or more than one answer.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.find(_LENGTH)
    if not data.startswith(_STATUS) or at < 0:
        raise WrongRunError("no 200 with a Content-Length")
    length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0])
    body = data[end + 4 :]
    if len(body) > length:
        raise WrongRunError("more than an answer")
    return body if len(body) == length else None


async def callbacks(job: Job, watch: Stopwatch, tally: RunCounts) -> None:
    """Let as many connections as calls in flight share the calls."""
    loop = asyncio.get_running_loop()
    numbers = iter(range(job.calls))
    tls = job.tls()

    async def connection() -> None:
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(
            lambda: RawConnection(numbers, tally, done), "127.0.0.1", job.port, ssl=tls
        )
        await done

    with watch:
        await asyncio.gather(
            *(connection() for _ in range(min(job.in_flight, job.calls)))
        )
