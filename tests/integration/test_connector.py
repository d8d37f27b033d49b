import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from helpers import (
    Line,
    RawServer,
    answer,
    answer_all,
    make_call,
    make_pabx,
    make_request,
    quiet_loop,
    until,
)

from digitro_async import (
    ConfigurationError,
    ConnectFailedError,
    DigitroClient,
    Outcome,
    PoolSettings,
    RetrySettings,
    SessionManager,
    TimeoutSettings,
    TLSSettings,
)
from digitro_async.protocol import Evidence
from digitro_async.transport import _connector
from digitro_async.transport._abortive_sockets import abortive_sockets, tls_of
from digitro_async.transport._connector import CheckedConnector, make_connector


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


ONCE = RetrySettings(max_attempts=1)


class TestAbortiveSockets:
    """Sockets that leave nothing behind."""

    def test_options(self) -> None:
        """A socket lingers for no time, and its data not longer than an attempt."""
        made = abortive_sockets(7.5)((socket.AF_INET, socket.SOCK_STREAM, 0))
        with made:
            linger = made.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)

            assert struct.unpack("ii", linger) == (1, 0)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                option = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                assert option == 7500

    def test_failure_closes_the_socket(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A socket that can't be set up is not left open."""
        made: list[socket.socket] = []

        class Stubborn(socket.socket):
            """Takes no options."""

            def setsockopt(self, *_: Any) -> None:
                made.append(self)
                raise OSError

        monkeypatch.setattr(socket, "socket", Stubborn)
        with pytest.raises(OSError):  # noqa: PT011 - it has no text
            abortive_sockets(1)((socket.AF_INET, socket.SOCK_STREAM, 0))

        assert made[0].fileno() == -1

    @pytest.mark.parametrize("how", ["cancelled", "timed out", "closed"])
    async def test_server_sees_a_reset(self, how: str) -> None:
        """Whatever ends an attempt, the server sees RST and not FIN."""
        ended = asyncio.get_running_loop().create_future()

        async def handler(line: Line) -> None:
            await line.read_request()
            try:
                ended.set_result(await line.read())
            except ConnectionResetError as error:
                ended.set_result(error)

        async with RawServer(handler) as server:
            total = 0.1 if how == "timed out" else 5
            pabx = make_pabx(
                base_url=server.base_url, timeouts=TimeoutSettings(total=total)
            )
            sessions = SessionManager()
            evidence = Evidence()
            going = sessions.exchange(pabx, make_request(), evidence)
            call = asyncio.create_task(going)
            await until(lambda: server.received)
            if how == "cancelled":
                call.cancel()
            elif how == "closed":
                await sessions.aclose()
            end = await asyncio.wait_for(ended, 2)
            await asyncio.wait([call])
            await sessions.aclose()

        assert isinstance(end, ConnectionResetError)
        assert evidence.request_started

    async def test_what_is_still_buffered_is_not_delivered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a time-out the rest of a request that did not fit does not follow."""

        def small_sockets(total: float) -> Any:
            def make(address: tuple[Any, ...]) -> socket.socket:
                made: socket.socket = abortive_sockets(total)(address)
                made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
                return made

            return make

        monkeypatch.setattr(_connector, "abortive_sockets", small_sockets)
        size = 1_000_000
        go = asyncio.Event()
        loop = asyncio.get_running_loop()
        read = 0
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            listener.setblocking(False)
            url = "http://{}:{}".format(*listener.getsockname())
            pabx = make_pabx(base_url=url, timeouts=TimeoutSettings(total=0.2))

            async def late_reader() -> None:
                nonlocal read
                sock, _ = await loop.sock_accept(listener)
                with sock, contextlib.suppress(ConnectionResetError):
                    await go.wait()
                    while part := await loop.sock_recv(sock, 1_000_000):
                        read += len(part)

            reading = asyncio.create_task(late_reader())
            async with SessionManager() as sessions:
                request = make_request(b"x" * size)
                seen = await sessions.exchange(pabx, request, Evidence())
                go.set()
                await asyncio.wait_for(reading, 5)

        assert seen.request_started
        assert read < size


class TestTLS:
    """What aiohttp is told to verify."""

    def test_default_verifies(self) -> None:
        """Without settings the system's authorities are asked."""
        assert tls_of(TLSSettings()) is True

    def test_fingerprint(self) -> None:
        """A fingerprint is what is checked."""
        made = tls_of(TLSSettings(fingerprint="ab" * 32))

        assert isinstance(made, aiohttp.Fingerprint)

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_unusable_ca_file(self, tmp_path: Path, content: str | None) -> None:
        """A file that can't be read or holds no certificate is said to be unusable."""
        path = tmp_path / "ca.pem"
        if content is not None:
            path.write_text(content)
        with pytest.raises(ConfigurationError, match="ca_file can't be used") as caught:
            tls_of(TLSSettings(ca_file=path))

        assert caught.value.__context__ is None


class TestMakeConnector:
    """What settings become."""

    async def test_reuse(self) -> None:
        """Connections are kept for as long as the settings say."""
        connector = make_connector(PoolSettings(idle_seconds=3), 1, True)

        assert connector._keepalive_timeout == 3
        assert connector.limit == 0
        assert not connector.force_close
        await connector.close()

    async def test_no_reuse(self) -> None:
        """Without reuse each connection is closed after its call."""
        connector = make_connector(
            PoolSettings(reuse=False, max_connections=4), 1, True
        )

        assert connector.limit == 4
        assert connector.force_close
        await connector.close()


async def make_calls(server: RawServer, count: int, **pool: Any) -> list[str]:
    """Make calls one after another."""
    pabx = make_pabx(base_url=server.base_url, pool=PoolSettings(**pool))
    async with DigitroClient(pabx) as client:
        return [
            (await client.make_predictive_call(make_call(number))).call_id
            for number in range(count)
        ]


class TestReuse:
    """When a connection is used again."""

    async def test_many_calls_on_one_connection(self) -> None:
        """Calls one after another share a connection."""
        async with RawServer() as server:
            ids = await make_calls(server, 20)

        assert ids == [f"1 {number}" for number in range(1, 21)]
        assert b"keep-alive" not in server.received.lower()
        assert b"connection: close" not in server.received.lower()

    async def test_a_connection_for_each_call(self) -> None:
        """With reuse off each call has a connection of its own."""
        async with RawServer() as server:
            ids = await make_calls(server, 5, reuse=False)

        assert ids == [f"{number} 1" for number in range(1, 6)]
        assert server.received.lower().count(b"connection: close") == 5

    async def test_idle_seconds(self) -> None:
        """A connection that was idle for too long is not used again."""
        async with RawServer() as server:
            pabx = make_pabx(
                base_url=server.base_url, pool=PoolSettings(idle_seconds=0.05)
            )
            async with DigitroClient(pabx) as client:
                await client.make_predictive_call(make_call(1))
                await client.make_predictive_call(make_call(2))
                await asyncio.sleep(0.15)
                await client.make_predictive_call(make_call(3))

        assert [line.received.count(b"POST") for line in server.lines] == [2, 1]

    async def test_refusals_keep_the_connection(self) -> None:
        """An answer other than 200 that was read whole leaves the connection usable."""

        async def refuse(line: Line) -> None:
            while await line.read_request():
                line.send(answer("x", status="400 Bad Request"))

        async with RawServer(refuse) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with SessionManager() as sessions:
                for _ in range(3):
                    seen = await sessions.exchange(pabx, make_request(), Evidence())
                    assert seen.status == 400

        assert len(server.lines) == 1

    async def test_upgrade_leaves_nothing_open(self) -> None:
        """An answer that switches protocols ends the connection."""

        async def upgrade(line: Line) -> None:
            await line.read_request()
            line.send(
                b"HTTP/1.1 101 Switching Protocols\r\n"
                b"Upgrade: x\r\nConnection: upgrade\r\n\r\n"
            )
            await line.read()

        asyncio.get_running_loop().set_debug(True)
        async with RawServer(upgrade) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with SessionManager() as sessions:
                for _ in range(2):
                    seen = await sessions.exchange(pabx, make_request(), Evidence())
                    assert seen.status == 101
                [connector] = sessions._connectors.values()
                assert not connector._acquired
        assert len(server.lines) == 2


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
    """What waits on a connection is its end as well as bytes; asking takes no time."""
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

                [connector] = client._sessions._connectors.values()
                assert not connector._acquired
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
                [connector] = client._sessions._connectors.values()

                assert isinstance(connector, CheckedConnector)
                assert not connector._acquired
        assert len(server.lines) == 10
