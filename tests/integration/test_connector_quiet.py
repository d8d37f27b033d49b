import asyncio
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from helpers import (
    Line,
    RawServer,
    answer,
    answer_all,
    make_call,
    make_pabx,
    quiet_loop,
)

from digitro_async import (
    ConnectFailedError,
    DigitroClient,
    Outcome,
    PoolSettings,
    RetrySettings,
)
from digitro_async.transport import _connector
from digitro_async.transport._connector import CheckedConnector


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


ONCE = RetrySettings(max_attempts=1)


@pytest.mark.parametrize(
    ("happens", "waits"),
    [
        ("nothing", False),
        ("bytes come", True),
        ("the other end closes", True),
        ("this end was closed", True),
        ("it is no socket", False),
    ],
)
def test_watch(happens: str, waits: bool) -> None:
    """The end of a connection waits on it as bytes do; asking takes no time."""
    here, there = socket.socketpair()
    if happens == "this end was closed":
        here.close()
    known = {} if happens == "it is no socket" else {"socket": here}
    with here, there:
        look = _connector._watch(SimpleNamespace(get_extra_info=known.get))
        if happens == "bytes come":
            there.send(b"?")
        elif happens == "the other end closes":
            there.close()

        assert bool(look(0)) is waits
        assert bool(look(0)) is waits


class TestQuietPool:
    """Connections on which something waits."""

    @pytest.mark.parametrize("end", ["FIN", "RST", "unasked answer", "408"])
    async def test_what_waits_in_the_kernel_is_seen(self, end: str) -> None:
        """Where an idle connection ended or spoke, the call goes out on another."""
        async with RawServer() as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx, retry=ONCE) as client:
                await client.make_predictive_call(make_call(1))
                sock = server.lines[0].sock
                same = socket.socket(fileno=socket.dup(sock.fileno()))
                if end == "FIN":
                    same.shutdown(socket.SHUT_WR)
                elif end == "RST":
                    same.close()
                    server.lines[0].reset()
                    server.lines[0].sock._sock.close()  # now
                elif end == "408":
                    same.send(answer("stale", status="408 Request Timeout"))
                else:
                    same.send(answer("stale"))
                # Nothing runs in between: the loop can't have noticed.
                result = await client.dispatcher.submit(make_call(2))
                same.close()

            assert result.outcome is Outcome.ACCEPTED
            assert result.call_id == "2 1"
            assert [line.received.count(b"POST") for line in server.lines] == [1, 1]

    @pytest.mark.parametrize("end", ["FIN", "unasked answer"])
    async def test_what_the_loop_has_read_is_seen(self, end: str) -> None:
        """The same holds where the loop has noticed already."""
        async with RawServer() as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx, retry=ONCE) as client:
                await client.make_predictive_call(make_call(1))
                if end == "FIN":
                    server.lines[0].close()
                else:
                    server.lines[0].send(answer("stale"))
                await asyncio.sleep(0.02)
                result = await client.dispatcher.submit(make_call(2))

            assert result.call_id == "2 1"
            assert [line.received.count(b"POST") for line in server.lines] == [1, 1]

    async def test_several_stale_connections(self) -> None:
        """Each stale connection is passed by, and the call is sent once."""

        async def slow(line: Line) -> None:
            while await line.read_request():
                await asyncio.sleep(0.02)
                line.send(answer(f"{line.number} {len(line.received)}"))

        async with RawServer(slow) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx, retry=ONCE) as client:
                await asyncio.gather(
                    *(client.make_predictive_call(make_call(n)) for n in range(5))
                )
                for line in server.lines:
                    with socket.socket(fileno=socket.dup(line.sock.fileno())) as same:
                        same.shutdown(socket.SHUT_WR)
                await client.make_predictive_call(make_call("last"))

            assert len(server.lines) == 6
            assert server.received.count(b'"last"') == 1

    async def test_a_new_connection_that_speaks_first_is_tried_once(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where something waits on a new connection the attempt ends, unsent."""
        monkeypatch.setattr(_connector, "_watch", lambda _: lambda _: True)
        async with RawServer() as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx, retry=ONCE) as client:
                with pytest.raises(ConnectFailedError) as caught:
                    await client.make_predictive_call(make_call())

                [connector] = client._parts.sessions._connectors.values()
                assert connector.pool.used == 0
            await asyncio.sleep(0.01)

            assert caught.value.reason == "connection_lost"
            assert len(server.lines) == 1
            assert server.received == b""

    async def test_greeting(self) -> None:
        """A server that greets every connection gets one attempt and no second one."""

        async def greet(line: Line) -> None:
            line.send(b"220 mail.example\r\n")
            await line.read()
            await line.read()

        async with RawServer(greet) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx, retry=ONCE) as client:
                result = await client.dispatcher.submit(make_call())
            await asyncio.sleep(0.01)

            assert result.outcome in {Outcome.NOT_SENT, Outcome.UNKNOWN}
            assert len(server.lines) == 1

    async def test_limit_is_kept(self) -> None:
        """Passing a stale connection by does not use up the pool."""
        async with RawServer(answer_all) as server:
            pabx = make_pabx(
                base_url=server.base_url, pool=PoolSettings(max_connections=1)
            )
            async with DigitroClient(pabx, retry=ONCE) as client:
                for number in range(10):
                    await client.make_predictive_call(make_call(number))
                    sock = server.lines[-1].sock
                    with socket.socket(fileno=socket.dup(sock.fileno())) as same:
                        same.shutdown(socket.SHUT_WR)
                [connector] = client._parts.sessions._connectors.values()

                assert isinstance(connector, CheckedConnector)
                assert connector.pool.used == 0
        assert len(server.lines) == 10
