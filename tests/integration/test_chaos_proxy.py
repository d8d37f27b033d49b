import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from helpers import make_call, quiet_loop, reset_on_close, until

from digitro_async import (
    AnswerTimeoutError,
    ConfigurationError,
    ConnectionLostError,
    DigitroClient,
    OutcomeUnknownError,
    TimeoutSettings,
)
from digitro_async.testing import (
    Bandwidth,
    ChaosProxy,
    FakePABX,
    HostileConnection,
    HostilePABX,
    Latency,
    LimitData,
    ResetPeer,
    Slicer,
    SlowClose,
    Timeout,
)

BUSY = 60.0
"""Seconds that something may take on a machine that has other things to do."""


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


async def echo(line: HostileConnection) -> None:
    """Send back what comes."""
    while data := await line.read():
        line.send(data)
    line.finish()
    await line.wait_for_end()


class Way:
    """A connection through a proxy to a server that sends back what it gets."""

    def __init__(
        self,
        proxy: ChaosProxy,
        server: HostilePABX,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.proxy = proxy
        self.server = server
        self.reader = reader
        self.writer = writer

    async def there_and_back(self, data: bytes) -> float:
        """Send data, wait for all of it, and return how long that took."""
        began = time.monotonic()
        self.writer.write(data)
        async with asyncio.timeout(BUSY):
            assert await self.reader.readexactly(len(data)) == data
        return time.monotonic() - began

    async def rest(self) -> bytes:
        """Return all that comes until the end."""
        async with asyncio.timeout(BUSY):
            return await self.reader.read()


@contextlib.asynccontextmanager
async def open_way(seed: int = 0) -> AsyncIterator[Way]:
    """Open one."""
    async with (
        HostilePABX(echo) as server,
        ChaosProxy(server.host, server.port, seed=seed) as proxy,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        try:
            yield Way(proxy, server, reader, writer)
        finally:
            writer.transport.abort()
            await asyncio.sleep(0)


async def test_without_toxics() -> None:
    """Data and its end pass unchanged in both directions."""
    async with open_way() as way:
        await way.there_and_back(bytes(range(256)) * 4000)
        way.writer.write(b"last")
        way.writer.write_eof()

        assert await way.rest() == b"last"
        assert way.proxy.connections == 1


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
async def test_latency(stream: str) -> None:
    """All data of a direction is delayed, within the jitter."""
    async with open_way() as way:
        await way.there_and_back(b"before")
        way.proxy.add(Latency(0.15, jitter=0.05), stream=stream)  # type: ignore[arg-type]  # one of the two
        took = [await way.there_and_back(b"x") for _ in range(3)]

        assert all(0.1 <= one < BUSY for one in took)


async def test_latency_delays_but_does_not_slow() -> None:
    """Pieces that come one after another are delayed together."""
    async with open_way() as way:
        way.proxy.add(Latency(0.5))
        began = time.monotonic()
        for _ in range(200):
            way.writer.write(b"x")
            await asyncio.sleep(0.001)
        assert await way.reader.readexactly(200) == b"x" * 200

        assert 0.5 <= time.monotonic() - began < 200 * 0.5


async def test_bandwidth() -> None:
    """So many kilobytes pass in a second."""
    async with open_way() as way:
        way.proxy.add(Bandwidth(100))
        took = await way.there_and_back(b"x" * 30_000)

        assert 0.29 <= took < BUSY


async def test_slicer() -> None:
    """Data arrives in pieces of about the size, and whole."""
    sizes: list[int] = []

    async def note(line: HostileConnection) -> None:
        while data := await line.read():
            sizes.append(len(data))

    async with (
        HostilePABX(note) as server,
        ChaosProxy(server.host, server.port) as proxy,
    ):
        proxy.add(Slicer(100, size_variation=50, delay=0.001), stream="upstream")
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x" * 3000)
        async with asyncio.timeout(BUSY):
            while sum(sizes) < 3000:  # noqa: ASYNC110 - a server's reading is no event
                await asyncio.sleep(0.001)
        writer.transport.abort()
        await asyncio.sleep(0.01)

    assert sum(sizes) == 3000
    assert len(sizes) > 5
    assert len(set(sizes)) > 3


async def test_limit_data() -> None:
    """As many bytes as the limit says pass, over all pieces, then the end."""
    async with open_way() as way:
        way.proxy.add(LimitData(10))
        await way.there_and_back(b"1234567")
        way.writer.write(b"890abc")

        assert await way.rest() == b"890"


async def test_reset_peer() -> None:
    """Data brings an RST to both sides, and does not pass."""
    async with open_way() as way:
        await way.there_and_back(b"before")
        way.proxy.add(ResetPeer(0.05), stream="upstream")
        way.writer.write(b"x")
        with pytest.raises(ConnectionResetError):
            await way.rest()
        await until(lambda: way.server.errors)

        assert way.server.received == b"before"
        assert [type(one) for one in way.server.errors] == [ConnectionResetError]


async def test_timeout() -> None:
    """Nothing passes, and after a while the connection is closed."""
    async with open_way() as way:
        await way.there_and_back(b"before")
        began = time.monotonic()
        way.proxy.add(Timeout(0.15))
        way.writer.write(b"x")

        assert await way.rest() == b""
        assert time.monotonic() - began >= 0.14
        assert way.server.received == b"beforex"


async def test_timeout_without_end() -> None:
    """With 0 data is dropped for as long as the toxic is there."""
    async with open_way() as way:
        with way.proxy.active(Timeout(), stream="upstream"):
            way.writer.write(b"lost")
            await asyncio.sleep(0.05)
        await way.there_and_back(b"found")

        assert way.server.received == b"found"


async def test_slow_close() -> None:
    """The end of a connection comes later than its data."""
    async with open_way() as way:
        way.proxy.add(SlowClose(0.15))
        way.writer.write(b"x")
        way.writer.write_eof()
        began = time.monotonic()

        assert await way.reader.readexactly(1) == b"x"
        assert await way.rest() == b""
        assert time.monotonic() - began >= 0.14


async def test_removed_toxic_lets_go() -> None:
    """Bytes that a toxic holds back go on as soon as it is removed."""
    async with open_way() as way:
        toxic = way.proxy.add(Latency(1000))
        way.writer.write(b"x")
        await asyncio.sleep(0.02)
        way.proxy.remove(toxic)

        assert await asyncio.wait_for(way.reader.readexactly(1), BUSY) == b"x"


async def test_toxics_act_in_order() -> None:
    """Of several toxics each gets what the one before lets through."""
    async with open_way() as way:
        way.proxy.add(LimitData(5))
        way.proxy.add(Slicer(2))
        way.writer.write(b"0123456789")

        assert await way.rest() == b"01234"


async def test_same_seed_same_chance() -> None:
    """With one seed the lots fall alike, with another differently."""

    async def sizes(seed: int) -> list[int]:
        seen: list[int] = []

        async def note(line: HostileConnection) -> None:
            while data := await line.read():
                seen.append(len(data))

        async with (
            HostilePABX(note) as server,
            ChaosProxy(server.host, server.port, seed=seed) as proxy,
        ):
            toxic = Slicer(50, size_variation=40, delay=0.002)
            proxy.add(toxic, stream="upstream")
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            writer.write(b"x" * 300)
            while sum(seen) < 300:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
            writer.transport.abort()
            await asyncio.sleep(0.01)
        return seen[:1]

    assert await sizes(1) == await sizes(1) != await sizes(3)


async def test_client_that_resets() -> None:
    """A client that breaks off is broken off at the PABX."""
    async with open_way() as way:
        await way.there_and_back(b"x")
        sock = way.writer.get_extra_info("socket")
        reset_on_close(sock)
        way.writer.transport.abort()
        await until(lambda: way.server.errors)

        assert [type(one) for one in way.server.errors] == [ConnectionResetError]


async def test_nobody_behind_it() -> None:
    """Where the PABX refuses, the client's connection is reset."""
    async with HostilePABX() as server:
        port = server.port
    async with ChaosProxy("127.0.0.1", port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(), BUSY)
        writer.transport.abort()
        await asyncio.sleep(0)


async def test_misuse() -> None:
    """A toxic acts once, in a stream that exists; a proxy runs once."""
    async with HostilePABX() as server, ChaosProxy(server.host, server.port) as proxy:
        toxic = proxy.add(Latency(1))
        with pytest.raises(ConfigurationError, match="acts already"):
            proxy.add(toxic, stream="upstream")
        with pytest.raises(ConfigurationError, match="upstream or downstream"):
            proxy.add(Latency(1), stream="sideways")  # type: ignore[arg-type]  # wrong
        with pytest.raises(ConfigurationError, match="is running"):
            await proxy.start()
        assert "toxics=1" in repr(proxy)
        proxy.remove(toxic)
        with pytest.raises(ConfigurationError, match="does not act"):
            proxy.remove(toxic)
    await proxy.aclose()
    with pytest.raises(ConfigurationError, match="latency"):
        Latency(-1)


async def test_calls_on_a_bad_way() -> None:
    """A client on a bad way says of each call what can be known, and rings once."""
    async with FakePABX() as pabx, ChaosProxy(pabx.host, pabx.port) as proxy:
        settings = pabx.settings(base_url=proxy.base_url)
        hasty = pabx.settings(
            base_url=proxy.base_url, timeouts=TimeoutSettings(sock_read=0.3)
        )
        async with DigitroClient(settings) as client, DigitroClient(hasty) as other:
            await client.make_predictive_call(make_call(1))
            with proxy.active(Latency(1000)), pytest.raises(AnswerTimeoutError):
                await other.make_predictive_call(make_call(2))
            with (
                proxy.active(ResetPeer(), stream="upstream"),
                pytest.raises(ConnectionLostError),
            ):
                await client.make_predictive_call(make_call(3))
            with proxy.active(LimitData(30)), pytest.raises(OutcomeUnknownError):
                await client.make_predictive_call(make_call(4))
            with proxy.active(Slicer(7)), proxy.active(Bandwidth(20)):
                await client.make_predictive_call(make_call(5))
        rang = [call.destination for call in pabx.calls if call.placed]

    assert rang == ["1", "2", "4", "5"]
