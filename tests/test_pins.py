"""What this library takes for granted of the aiohttp that is installed."""

import asyncio
import inspect
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp import client as aiohttp_client
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import BaseConnector
from helpers import Line, RawServer, answer

from digitro_async.protocol import Evidence
from digitro_async.transport._evidence import WitnessedBody


async def _answer_then_read_on(line: Line) -> None:
    """Answer the first request, and close unread at the second."""
    await line.read_request()
    line.send(answer("x"))
    await line.read(1)
    line.reset()


@pytest.mark.parametrize(("method", "requests"), [("POST", 1), ("PUT", 2)])
async def test_only_idempotent_methods_are_resent(method: str, requests: int) -> None:
    """On a stale connection aiohttp repeats a PUT by itself and never a POST."""
    async with RawServer(_answer_then_read_on) as server:
        async with aiohttp.ClientSession() as session:
            async with session.request(method, server.base_url, data=b"{}") as response:
                await response.read()
            try:
                async with session.request(method, server.base_url, data=b"{}"):
                    pass
            except aiohttp.ClientError:
                assert method == "POST"

        assert len(server.lines) == requests


def test_what_decides_that_is_where_it_was() -> None:
    """POST is not among the methods that aiohttp takes for idempotent."""
    assert "POST" not in aiohttp_client.IDEMPOTENT_METHODS
    assert "PUT" in aiohttp_client.IDEMPOTENT_METHODS


async def test_retry_switch() -> None:
    """The private switch of the repetition exists."""
    async with aiohttp.ClientSession() as session:
        assert session._retry_connection is True


async def test_nothing_leaves_before_the_body_is_asked() -> None:
    """While the body has not been written not even the head has left."""

    class Hesitant(WitnessedBody):
        """Waits before it writes."""

        async def write_with_length(
            self, writer: AbstractStreamWriter, content_length: int | None
        ) -> None:
            asked.set()
            await go.wait()
            await super().write_with_length(writer, content_length)

    asked, go = asyncio.Event(), asyncio.Event()
    evidence = Evidence()

    async def handler(line: Line) -> None:
        await line.read_request()
        line.send(answer("x"))

    async with RawServer(handler) as server, aiohttp.ClientSession() as session:
        body = Hesitant(b'{"a": 1}', evidence)
        posting = asyncio.create_task(session.post(server.base_url, data=body)._coro)
        await asyncio.wait_for(asked.wait(), 5)
        await asyncio.sleep(0.05)

        assert server.received == b""
        assert not evidence.sending

        go.set()
        async with await posting as response:
            assert response.status == 200
        assert evidence.sending
        assert server.received.endswith(b'{"a": 1}')


async def test_head_and_body_leave_together() -> None:
    """Head and body of a small request leave in one piece."""
    pieces: list[bytes] = []

    async def handler(line: Line) -> None:
        pieces.append(await line.read())
        line.send(answer("x"))

    async with RawServer(handler) as server, aiohttp.ClientSession() as session:
        body = WitnessedBody(b'{"a": 1}', Evidence())
        async with session.post(server.base_url, data=body):
            pass

    assert pieces[0].startswith(b"POST / ")
    assert pieces[0].endswith(b'\r\n\r\n{"a": 1}')


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary Redirect"])
async def test_a_key_in_a_header_would_follow_a_redirect(status: str) -> None:
    """Were redirects allowed, aiohttp would hand the api key to another host."""

    async def elsewhere(line: Line) -> None:
        await line.read()
        line.send(answer("x"))

    async with RawServer(elsewhere) as other:

        async def redirect(line: Line) -> None:
            await line.read_request()
            url = other.base_url.replace("127.0.0.1", "localhost")
            line.send(answer("x", status=status, headers=f"Location: {url}\r\n"))

        connector = aiohttp.TCPConnector(family=socket.AF_INET)
        async with (
            RawServer(redirect) as server,
            aiohttp.ClientSession(connector=connector) as session,
            session.post(
                server.base_url, data=b"{}", headers={"x-api-key": "k"}
            ) as response,
        ):
            assert response.status == 200

    assert b"x-api-key: k" in other.received


def test_what_the_connector_overrides() -> None:
    """The methods that the pool takes over still have the form they are called with."""
    connect = inspect.signature(BaseConnector.connect)
    create = inspect.signature(aiohttp.TCPConnector._create_connection)
    release = inspect.signature(BaseConnector._release)

    assert list(connect.parameters) == ["self", "req", "traces", "timeout"]
    assert list(create.parameters) == ["self", "req", "traces", "timeout"]
    assert list(release.parameters) == ["self", "key", "protocol", "should_close"]
    assert "self._create_connection(req, traces, timeout)" in inspect.getsource(
        BaseConnector.connect
    )
    assert isinstance(ResponseHandler.should_close, property)
    assert callable(ResponseHandler.abort)


async def test_unread_bytes_make_a_connection_unfit() -> None:
    """Bytes that came before any request make aiohttp's protocol ask to be closed."""
    protocol: Any = ResponseHandler(asyncio.get_running_loop())
    assert not protocol.should_close
    protocol.data_received(answer("x"))

    assert protocol.should_close
