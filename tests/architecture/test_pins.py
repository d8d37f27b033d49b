"""The assumptions of this library about the aiohttp that is installed."""

import asyncio
import functools
import inspect
import socket
from collections.abc import Callable
from typing import Any
from unittest import mock

import aiohttp
import pytest
from aiohttp import client as aiohttp_client
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from helpers import Line, RawServer, Script, answer
from yarl import URL

from digitro_async.protocol import Evidence
from digitro_async.transport import _hooks
from digitro_async.transport._evidence import EvidencePayload


def pin(consequence: str) -> Callable[[Any], Any]:
    """Have a test that fails in any way say that aiohttp must not be upgraded."""

    def decorate(test: Any) -> Any:
        @functools.wraps(test)
        async def pinned(*args: Any, **kwargs: Any) -> None:
            try:
                done = test(*args, **kwargs)
                if inspect.isawaitable(done):
                    await done
            except Exception as error:
                version = aiohttp.__version__
                message = f"do not upgrade aiohttp to {version}: {consequence}"
                raise AssertionError(message) from error

        return pinned

    return decorate


@pytest.mark.parametrize("wrong", [AssertionError, AttributeError, TypeError])
async def test_a_pin_that_breaks_says_so(wrong: type[Exception]) -> None:
    """Whatever breaks a pin, the message says not to upgrade, and why."""

    @pin("calls would be made twice")
    async def awaited() -> None:
        raise wrong

    @pin("calls would be made twice")
    def plain() -> None:
        raise wrong

    for broken in (awaited, plain):
        with pytest.raises(AssertionError, match=r"do not upgrade .* made twice"):
            await broken()


def _dies(end: Callable[[Line], None], *, read: bool) -> Script:
    """Answer the first request, and end the connection at the second."""

    async def script(line: Line) -> None:
        await line.read_request()
        line.send(answer("x"))
        await (line.read_request() if read else line.arrival())
        end(line)
        await line.ended.wait()

    return script


@pytest.mark.parametrize(("method", "requests"), [("POST", 1), ("PUT", 2)])
@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("end", [Line.reset, Line.finish])
@pin("a call would be made twice, where a kept connection dies")
async def test_only_idempotent_methods_are_resent(
    method: str, requests: int, end: Callable[[Line], None], read: bool
) -> None:
    """On a connection that dies aiohttp repeats a PUT by itself and never a POST."""
    async with RawServer(_dies(end, read=read)) as server:
        async with aiohttp.ClientSession() as session:
            async with session.request(method, server.base_url, data=b"{}") as response:
                await response.read()
            try:
                async with session.request(method, server.base_url, data=b"{}"):
                    pass
            except aiohttp.ClientError:
                assert method == "POST"

        assert len(server.lines) == requests


@pin("POST would be sent again by itself")
def test_what_decides_that_is_where_it_was() -> None:
    """POST is not among the methods that aiohttp takes for idempotent."""
    assert "POST" not in aiohttp_client.IDEMPOTENT_METHODS
    assert "PUT" in aiohttp_client.IDEMPOTENT_METHODS


@pin("what repeats requests has changed")
async def test_retry_switch() -> None:
    """The private switch of the repetition exists."""
    async with aiohttp.ClientSession() as session:
        assert session._retry_connection is True


@pin("a call that left would be taken for unsent")
async def test_nothing_leaves_before_the_body_is_asked() -> None:
    """While the body has not been written not even the head has left."""

    class Hesitant(EvidencePayload):
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
        await asyncio.wait_for(asked.wait(), 60)
        await asyncio.sleep(0.05)

        assert server.received == b""
        assert not evidence.request_started

        go.set()
        async with await posting as response:
            assert response.status == 200
        assert evidence.request_started
        assert server.received.endswith(b'{"a": 1}')


@pin("a head could leave without its body")
async def test_head_and_body_leave_together() -> None:
    """Head and body of a small request leave in one piece."""
    pieces: list[bytes] = []

    async def handler(line: Line) -> None:
        pieces.append(await line.read())
        line.send(answer("x"))

    async with RawServer(handler) as server, aiohttp.ClientSession() as session:
        body = EvidencePayload(b'{"a": 1}', Evidence())
        async with session.post(server.base_url, data=body):
            pass

    assert pieces[0].startswith(b"POST / ")
    assert pieces[0].endswith(b'\r\n\r\n{"a": 1}')


@pin("what is sent could no longer be told from what is not")
async def test_hooks_fire_before_the_bytes() -> None:
    """Both hooks of the sending are awaited before a byte of the request leaves."""
    read: dict[str, int] = {}

    def note(name: str) -> Any:
        async def hook(*_: object) -> None:
            await asyncio.sleep(0.03)  # in which whatever has left is read
            read[name] = len(server.received)

        return hook

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(note("headers"))
    trace.on_request_chunk_sent.append(note("chunk"))

    async def handler(line: Line) -> None:
        while await line.read_request():
            line.send(answer("x"))

    async with (
        RawServer(handler) as server,
        aiohttp.ClientSession(trace_configs=[trace]) as session,
    ):
        async with session.post(server.base_url, data=b"{}") as response:
            assert response.status == 200

        assert read == {"headers": 0, "chunk": 0}
        assert server.posts == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pin("this is why redirects are never followed; if it is no longer so, look again")
async def test_a_key_in_a_header_would_follow_a_redirect(status: int) -> None:
    """Were redirects allowed, aiohttp would hand the api key to another host."""
    async with RawServer() as other:

        async def redirect(line: Line) -> None:
            await line.read_request()
            url = other.base_url.replace("127.0.0.1", "localhost")
            headers = f"Location: {url}\r\n"
            line.send(answer("x", status=f"{status} Moved", headers=headers))
            await line.wait_for_end()

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
        assert other.posts == (status in {307, 308})  # with all of the call in it


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pin("an answer that redirects would no longer be seen as one")
async def test_redirects_can_be_forbidden(status: int) -> None:
    """With redirects forbidden, none is followed."""
    async with RawServer() as other:

        async def redirect(line: Line) -> None:
            await line.read_request()
            headers = f"Location: {other.base_url}\r\n"
            line.send(answer("x", status=f"{status} Moved", headers=headers))
            await line.wait_for_end()

        async with (
            RawServer(redirect) as server,
            aiohttp.ClientSession() as session,
            session.post(
                server.base_url, data=b"{}", allow_redirects=False
            ) as response,
        ):
            assert response.status == status

        assert other.connections == 0


@pin("no connection could be made")
def test_what_makes_connections() -> None:
    """The connector takes what it is given, and says what the pool asks it."""
    connect = inspect.signature(aiohttp.TCPConnector.connect)
    options = inspect.signature(aiohttp.TCPConnector).parameters

    assert list(connect.parameters) == ["self", "req", "traces", "timeout"]
    assert {"limit", "force_close", "ssl", "socket_factory"} <= set(options)
    assert isinstance(aiohttp.ClientRequest.body, property)


@pin("answers that are not of the documented shape could not be read")
async def test_reader() -> None:
    """A reader is fed bytes, counts the heads it read, and gives them one by one."""
    reader: Any = ResponseHandler(asyncio.get_running_loop())
    reader.connection_made(mock.Mock(spec=asyncio.Transport))
    reader.set_response_params(read_until_eof=True, auto_decompress=False)
    assert not reader.should_close
    reader.data_received(b"HTTP/1.1 103 Early\r\n\r\n" + answer("x"))
    assert (len(reader), reader.upgraded, reader.exception()) == (2, False, None)
    early, _ = await reader.read()
    message, content = await reader.read()
    ended = mock.Mock()
    content.on_eof(ended)

    assert (early.code, message.code, content.is_eof()) == (103, 200, True)
    assert ended.called
    assert content.read_nowait().startswith(b"{")
    error = ValueError()
    reader.set_exception(error)
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - it has no text
        await reader.read()
    assert raised.value is error
    reader.connection_lost(None)


@pin("closing a client would wait for ever")
async def test_connection_is_given_back_at_its_end() -> None:
    """The connector waits until the reader of each connection hears of its end."""

    class Own(asyncio.Protocol):
        """Stands in the place of aiohttp's protocol."""

        def connection_lost(self, exc: Exception | None) -> None:
            heard.append(exc)
            raw.protocol.connection_lost(exc)
            raw.close()

    heard: list[Exception | None] = []
    async with RawServer() as server:
        connector = aiohttp.TCPConnector(limit=0)
        session = aiohttp.ClientSession(connector=connector, connector_owner=False)
        loop, url = asyncio.get_running_loop(), URL(server.base_url)
        request = aiohttp.ClientRequest("POST", url, loop=loop, session=session)
        raw: Any = await connector.connect(request, [], aiohttp.ClientTimeout())
        raw.transport.set_protocol(Own())
        assert raw.transport.get_protocol() is not raw.protocol
        async with asyncio.timeout(60):
            await connector.close()
        await session.close()

    assert heard == [None]
    assert raw.closed


@pin("tools would not see the calls that they hook in")
def test_methods_of_a_post() -> None:
    """The session's post is a function of aiohttp's that calls one other method."""
    assert set(_hooks._METHODS) == {"post", "_request"}
    assert not _hooks.methods_are_replaced()


@pin("stale answers on kept connections would be taken")
async def test_unread_bytes_make_a_connection_unfit() -> None:
    """Bytes that came before any request make aiohttp's protocol ask to be closed."""
    protocol: Any = ResponseHandler(asyncio.get_running_loop())
    assert not protocol.should_close
    protocol.data_received(answer("x"))

    assert protocol.should_close
