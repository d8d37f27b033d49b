"""The server of metrics, by whoever asks it and however."""

import asyncio
import contextlib
import socket

import pytest

from digitro_async import ConfigurationError
from digitro_async.exporters import MetricsServer

BODY = b"digitro_calls_total 1\n"


def exposition(accept: str) -> tuple[bytes, str]:
    """Return metrics, and what was accepted as their content type."""
    return BODY, accept or "text/plain"


async def ask(port: int, request: bytes) -> bytes:
    """Return all that is answered to a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("request_line", "status", "body"),
    [
        ("GET /metrics HTTP/1.1", 200, BODY),
        ("GET /metrics?name[]=a HTTP/1.1", 200, BODY),
        ("HEAD /metrics HTTP/1.1", 200, b""),
        ("GET / HTTP/1.1", 404, b"the metrics are at /metrics\n"),
        ("POST /metrics HTTP/1.1", 405, b"only GET is answered\n"),
    ],
)
async def test_an_answer(request_line: str, status: int, body: bytes) -> None:
    """The metrics are at one path, for GET and HEAD."""
    async with MetricsServer(exposition, 0) as server:
        request = f"{request_line}\r\nHost: x\r\nAccept: a/b\r\n\r\n".encode()
        head, _, rest = (await ask(server.port, request)).partition(b"\r\n\r\n")

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert (b"Content-Type: a/b" in head) == (status == 200)
    assert rest == body


async def test_metrics_that_can_not_be_read(caplog: pytest.LogCaptureFixture) -> None:
    """What the program's own registry raises is answered, and logged by its class."""

    def fail(accept: str) -> tuple[bytes, str]:
        raise RuntimeError("canary-text")

    async with MetricsServer(fail, 0) as server:
        answer = await ask(server.port, b"GET /metrics HTTP/1.1\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"canary" not in answer
    assert [record.getMessage() for record in caplog.records] == [
        "the metrics can't be read: unexpected RuntimeError"
    ]


async def test_more_at_once_than_are_answered() -> None:
    """Whoever comes while many others say nothing is sent away, and no later one."""
    async with MetricsServer(exposition, 0) as server:
        silent = [
            await asyncio.open_connection("127.0.0.1", server.port) for _ in range(16)
        ]
        with contextlib.suppress(ConnectionError):
            assert await ask(server.port, b"GET /metrics HTTP/1.1\r\n\r\n") == b""
        for _, writer in silent:
            writer.close()
        answer = b""
        while not answer:  # until it has seen that they are gone
            with contextlib.suppress(ConnectionError):
                answer = await ask(server.port, b"GET /metrics HTTP/1.1\r\n\r\n")

    assert answer.endswith(BODY)


async def test_it_is_on_loopback() -> None:
    """Nobody but this machine can reach it, unless an address is given."""
    async with MetricsServer(exposition, 0) as server:
        assert server._server is not None
        addresses = [one.getsockname()[0] for one in server._server.sockets]

    assert addresses == ["127.0.0.1"]


async def test_a_port_that_is_taken() -> None:
    """A port that somebody else has is refused with the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} .*another one"):
            await MetricsServer(exposition, port).__aenter__()


@pytest.mark.parametrize("sent", [b"", b"\x00\xff", b"GET /metrics HTTP/1.1\r\n"])
async def test_half_a_request(sent: bytes) -> None:
    """Whoever goes away in the middle of a request harms nobody."""
    async with MetricsServer(exposition, 0) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)
        writer.close()
        answer = await ask(server.port, b"GET /metrics HTTP/1.1\r\n\r\n")

    assert answer.endswith(BODY)


async def test_a_head_without_an_end() -> None:
    """A head that is too long is answered with nothing."""
    async with MetricsServer(exposition, 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            for _ in range(64):
                writer.write(b"X: " + b"y" * 4096 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            pass
        try:
            answer = await reader.read()
        except ConnectionError:
            answer = b""
        writer.close()

    assert answer == b""


async def test_it_ends_while_somebody_asks() -> None:
    """A request that never ends does not keep it from ending."""
    async with MetricsServer(exposition, 0) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /metrics")
        await writer.drain()
        await ask(server.port, b"GET /metrics HTTP/1.1\r\n\r\n")  # it was taken before
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
