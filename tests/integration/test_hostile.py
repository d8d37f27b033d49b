import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import pytest
from fault_certificates import certificate
from helpers import make_call, quiet_loop, reset_on_close, until

from digitro_async import (
    ConfigurationError,
    DigitroClient,
    OutcomeUnknownError,
    TLSSettings,
)
from digitro_async.testing import HostileConnection, HostilePABX
from digitro_async.testing.hostile import count_posts

POST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345"


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


class Peer:
    """A plain connection to a server."""

    def __init__(self, server: HostilePABX) -> None:
        self.server = server

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(
            self.server.host, self.server.port
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()
        await asyncio.sleep(0)

    async def rest(self) -> bytes:
        """Return all that comes until the end."""
        async with asyncio.timeout(60):
            return await self.reader.read()


async def test_it_reads_what_is_asked_and_no_more() -> None:
    """Each way of reading takes its part and leaves the rest."""
    parts: list[bytes] = []

    async def script(line: HostileConnection) -> None:
        await line.arrival()
        parts.append(line.received)
        parts.append(await line.read_exactly(4))
        parts.append(await line.read_head())
        parts.append(await line.read_exactly(5))
        parts.append(await line.read_request())
        parts.append(await line.read_exactly(99))

    async with HostilePABX(script) as server, Peer(server) as peer:
        peer.writer.write(POST)
        await asyncio.sleep(0.05)
        peer.writer.write(POST)
        await asyncio.sleep(0.05)
        peer.writer.write(b"end")
        peer.writer.write_eof()
        await peer.rest()

        assert parts == [b"", POST[:4], POST[4:-5], POST[-5:], POST, b"end"]
        assert server.received == POST * 2 + b"end"
        assert server.posts == 2


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (HostileConnection.finish, None),
        (HostileConnection.reset, ConnectionResetError),
        (HostileConnection.close, ConnectionResetError),  # something was left unread
    ],
)
async def test_ends(end: Callable[[HostileConnection], None], error: Any) -> None:
    """FIN and RST arrive as what they are."""

    async def script(line: HostileConnection) -> None:
        await line.arrival()
        end(line)
        await line.ended.wait()

    async with HostilePABX(script) as server, Peer(server) as peer:
        peer.writer.write(b"unread")
        if error is None:
            assert await peer.rest() == b""
        else:
            with pytest.raises(error):
                await peer.rest()
        assert server.received == b""


async def test_drip() -> None:
    """A drip sends all bytes, one by one."""

    async def script(line: HostileConnection) -> None:
        await line.drip(b"drip", 0.002)

    async with HostilePABX(script) as server, Peer(server) as peer:
        assert await peer.reader.read(99) == b"d"
        assert await peer.rest() == b"rip"


async def test_each_connection_has_its_script() -> None:
    """Scripts go by turns, the last one for all that follow."""

    def says(text: bytes) -> Callable[[HostileConnection], Any]:
        async def script(line: HostileConnection) -> None:
            line.send(text)

        return script

    async with HostilePABX(says(b"one"), says(b"two")) as server:
        heard = []
        for _ in range(3):
            async with Peer(server) as peer:
                heard.append(await peer.rest())

    assert heard == [b"one", b"two", b"two"]
    assert [line.number for line in server.lines] == [1, 2, 3]
    assert server.connections == 3


async def test_errors_are_kept() -> None:
    """The error of a client's reset in a script is kept, and disturbs nobody."""
    async with HostilePABX() as server:
        async with Peer(server) as peer:
            peer.writer.write(b"POST")
            await asyncio.sleep(0.02)
            reset_on_close(peer.writer.get_extra_info("socket"))
        await until(lambda: server.errors)

        assert [type(one) for one in server.errors] == [ConnectionResetError]


async def test_closing_stops_scripts() -> None:
    """Closing ends scripts that stall, and connections with them."""

    async def script(line: HostileConnection) -> None:
        await line.stall()

    server = await HostilePABX(script).start()
    with pytest.raises(ConfigurationError, match="is running"):
        await server.start()
    async with Peer(server) as peer:
        await asyncio.sleep(0.01)
        await server.aclose()
        await server.aclose()
        with contextlib.suppress(ConnectionResetError):
            assert await peer.rest() == b""

    assert "posts=0" in repr(server)


async def test_honest_without_a_script() -> None:
    """Without a script every call is accepted, over TLS as well."""
    tls = TLSSettings(fingerprint=certificate().fingerprint)
    secure = HostilePABX(tls=certificate().context)
    for server, given in ((HostilePABX(), {}), (secure, {"tls": tls})):
        async with server, DigitroClient(server.settings(**given)) as client:
            ids = [
                (await client.make_predictive_call(make_call(number))).call_id
                for number in range(3)
            ]
        assert ids == ["1 1", "1 2", "1 3"]
        assert (server.connections, server.posts) == (1, 3)


async def test_what_its_docstring_shows() -> None:
    """The documented example does what it says."""

    async def lose_the_answer(line: HostileConnection) -> None:
        await line.read_request()
        line.reset()

    async with HostilePABX(lose_the_answer) as pabx:
        async with DigitroClient(pabx.settings()) as client:
            with pytest.raises(OutcomeUnknownError):
                await client.make_predictive_call(make_call())
        assert pabx.posts == 1


@pytest.mark.parametrize(
    ("data", "posts"),
    [
        (b"", 0),
        (POST[:20], 0),
        (POST[:-1], 0),
        (POST, 1),
        (POST + POST[:-1], 1),
        (POST * 3, 3),
        (b"POST / HTTP/1.1\r\n\r\n", 1),
        (POST.replace(b"12345", b"POST "), 1),
    ],
)
def test_count_posts(data: bytes, posts: int) -> None:
    """Only POSTs that were read to their last byte count."""
    assert count_posts(data) == posts
