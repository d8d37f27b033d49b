import asyncio
import errno
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from helpers import (
    Line,
    RawServer,
    answer,
    answer_all,
    make_pabx,
    make_request,
    quiet_loop,
    until,
)
from yarl import URL

from digitro_async import PoolSettings, SessionManager
from digitro_async.protocol import Evidence, Failure
from digitro_async.transport._evidence import EvidencePayload
from digitro_async.transport._failures import failure_of


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


class Writer:
    """Remembers whether the flag was up when the first bytes came."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.written: list[tuple[bytes, bool]] = []

    async def write(self, data: bytes) -> None:
        """Take bytes."""
        self.written.append((data, self._evidence.request_started))


class TestWitnessedBody:
    """The body that raises the flag."""

    @pytest.mark.parametrize(
        ("write", "wire"),
        [
            (lambda body, writer: body.write(writer), b"abcdef"),
            (lambda body, writer: body.write_with_length(writer, None), b"abcdef"),
            (lambda body, writer: body.write_with_length(writer, 3), b"abc"),
        ],
    )
    async def test_flag_is_up_before_the_first_byte(
        self, write: Callable[[Any, Any], Awaitable[None]], wire: bytes
    ) -> None:
        """The flag is raised by the body itself, before it hands over a byte."""
        evidence = Evidence()
        writer = Writer(evidence)
        body = EvidencePayload(b"abcdef", evidence)
        assert not evidence.request_started
        await write(body, writer)

        assert writer.written == [(wire, True)]

    async def test_it_is_json_of_known_length(self) -> None:
        """The body says its type and its length."""
        body = EvidencePayload(b"{}", Evidence())

        assert body.content_type == "application/json"
        assert body.size == 2


async def _close_at_once(line: Line) -> None:
    line.close()


async def _reset_at_once(line: Line) -> None:
    line.reset()


async def _read_and_close(line: Line) -> None:
    await line.read_request()


async def _read_and_reset(line: Line) -> None:
    await line.read_request()
    line.reset()


async def _read_a_byte_and_reset(line: Line) -> None:
    await line.read(1)
    line.reset()


async def _answer_unread(line: Line) -> None:
    line.send(answer("x"))
    await asyncio.sleep(0.05)


async def _half(line: Line) -> None:
    await line.read_request()
    line.send(answer("x")[:-3])


async def _silence(line: Line) -> None:
    await line.read_request()
    await asyncio.sleep(5)


HANDLERS = [
    _close_at_once,
    _reset_at_once,
    _read_and_close,
    _read_and_reset,
    _read_a_byte_and_reset,
    _answer_unread,
    _half,
    _silence,
    answer_all,
]


@pytest.mark.parametrize("handler", HANDLERS)
async def test_flag_against_hooks_and_wire(
    handler: Callable[[Line], Awaitable[None]],
) -> None:
    """The flag says what aiohttp's hooks say, and never lies of what was read."""
    fired: list[str] = []

    async def headers(*_: object) -> None:
        fired.append("headers")

    async def chunk(*_: object) -> None:
        fired.append("chunk")

    trace: Any = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(headers)
    trace.on_request_chunk_sent.append(chunk)
    async with (
        RawServer(handler) as server,
        aiohttp.ClientSession(
            trace_configs=[trace], timeout=aiohttp.ClientTimeout(total=0.2)
        ) as session,
    ):
        for _ in range(10):
            fired.clear()
            before = len(server.received)
            evidence = Evidence()
            try:
                response = await session.post(
                    server.base_url, data=EvidencePayload(b"{}", evidence)
                )
                await response.read()
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.001)
            read = len(server.received) - before

            assert evidence.request_started or not read
            assert evidence.request_started == ("chunk" in fired)
            assert "headers" in fired or not evidence.request_started


async def test_nothing_listens() -> None:
    """Where nothing listens the flag stays down."""
    evidence = Evidence()
    async with SessionManager() as sessions:
        seen = await sessions.exchange(make_pabx(), make_request(), evidence)

    assert not evidence.request_started
    assert not seen.request_started
    assert seen.failure is Failure.REFUSED


async def test_full_pool() -> None:
    """An attempt that waits for a pooled connection says so."""
    async with RawServer(_silence) as server, SessionManager() as sessions:
        pabx = make_pabx(
            base_url=server.base_url,
            pool=PoolSettings(max_connections=1),
        )
        first, second = Evidence(), Evidence()
        one = asyncio.create_task(sessions.exchange(pabx, make_request(), first))
        await until(lambda: first.request_started)
        two = asyncio.create_task(sessions.exchange(pabx, make_request(), second))
        await until(lambda: second.waiting_for_connection)

        assert not first.waiting_for_connection
        assert not second.request_started

        two.cancel()
        one.cancel()
        await asyncio.wait([one, two])

        assert one.cancelled()
        assert two.cancelled()
        assert not second.request_started


KEY: Any = None  # of connections; none of these errors is shown


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), Failure.REFUSED),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(8, "name")), Failure.DNS),
        (aiohttp.ClientConnectorSSLError(KEY, OSError(1, "tls")), Failure.TLS),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("no")),
            Failure.UNTRUSTED,
        ),
        (aiohttp.ServerFingerprintMismatch(b"a", b"b", "h", 1), Failure.FINGERPRINT),
        (ssl.SSLError("x"), Failure.TLS),
        (aiohttp.ConnectionTimeoutError(), Failure.CONNECT_TIMEOUT),
        (aiohttp.SocketTimeoutError(), Failure.TIMEOUT),
        (TimeoutError(), Failure.TIMEOUT),
        (aiohttp.ServerDisconnectedError(), Failure.LOST),
        (aiohttp.ClientOSError(104, "reset"), Failure.LOST),
        (aiohttp.ClientConnectionResetError(), Failure.LOST),
        (aiohttp.ClientConnectionError(), Failure.LOST),
        (ConnectionResetError(), Failure.LOST),
        (aiohttp.ClientPayloadError(), Failure.TRUNCATED),
        (
            aiohttp.ClientResponseError(KEY, (), status=400, message="bad"),
            Failure.MALFORMED,
        ),
        (ValueError(), Failure.UNEXPECTED),
        (RuntimeError(), Failure.UNEXPECTED),
        (aiohttp.InvalidURL(URL("x")), Failure.UNEXPECTED),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)
def test_failure_of(error: Exception, code: Failure) -> None:
    """Each foreign exception has one code."""
    assert failure_of(error, waiting_for_pool=False) is code


@pytest.mark.parametrize("error", [TimeoutError(), aiohttp.ConnectionTimeoutError()])
def test_failure_of_a_full_pool(error: Exception) -> None:
    """A time-out in the pool's queue is the pool's, whatever its class."""
    assert failure_of(error, waiting_for_pool=True) is Failure.POOL_TIMEOUT


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit of that kind")
async def test_look_up_without_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that failed because no file could be opened is no fault of DNS."""

    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    error = aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_AGAIN, "x"))
    assert failure_of(error, waiting_for_pool=False) is Failure.DNS_UNAVAILABLE
    monkeypatch.setattr(os, "open", refuse)

    assert failure_of(error, waiting_for_pool=False) is Failure.OPEN_FILES
