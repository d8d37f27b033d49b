import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from helpers import Line, RawServer, make_pabx, make_request, quiet_loop, until

from digitro_async import (
    ConfigurationError,
    SessionManager,
    TimeoutSettings,
    TLSSettings,
)
from digitro_async.protocol import Evidence
from digitro_async.transport import _connector
from digitro_async.transport._abortive_sockets import abortive_sockets
from digitro_async.transport._tls import tls_of


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


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
            silence = 0.1 if how == "timed out" else 30  # begins after the request
            pabx = make_pabx(
                base_url=server.base_url, timeouts=TimeoutSettings(sock_read=silence)
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
            end = await asyncio.wait_for(ended, 60)
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
            pabx = make_pabx(base_url=url, timeouts=TimeoutSettings(total=1.0))

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
                await asyncio.wait_for(reading, 60)

        assert seen.request_started
        assert read < size


class TestTLS:
    """The certificate checks that aiohttp is told to make."""

    def test_default_verifies(self) -> None:
        """Without settings the system's authorities are asked."""
        context = tls_of(TLSSettings())

        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname

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
