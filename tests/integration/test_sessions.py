import asyncio
import contextlib
import gzip
import hashlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer as AioServer
from helpers import (
    API_KEY,
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
    PABX,
    AnswerTimeoutError,
    ClientClosedError,
    ConfigurationError,
    ConnectFailedError,
    DigitroClient,
    NotSentError,
    PoolSettings,
    PoolTimeoutError,
    RetrySettings,
    SessionManager,
    TimeoutSettings,
    TLSSettings,
    UnreadableAnswerError,
    WrongLoopError,
)
from digitro_async.protocol import MAX_ANSWER_BYTES, Evidence, Failure, Observation

ONCE = RetrySettings(max_attempts=1)


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


async def exchange(
    sessions: SessionManager, pabx: PABX, body: bytes = b"{}"
) -> Observation:
    """Make one attempt."""
    return await sessions.exchange(pabx, make_request(body), Evidence())


async def stall(line: Line) -> None:
    """Read a request and say nothing."""
    await line.read_request()
    await asyncio.sleep(20)


class TestLife:
    """When connections are made and closed."""

    async def test_nothing_is_made_before_it_is_needed(self) -> None:
        """A manager makes a connector at the first call, one for each host."""
        async with RawServer() as server, SessionManager() as sessions:
            assert repr(sessions) == "<SessionManager 0 hosts>"
            first = make_pabx("first", server.base_url)
            second = attrs.evolve(first, name="second", api_key="other")
            await exchange(sessions, first)
            await exchange(sessions, second)

            assert repr(sessions) == "<SessionManager 1 hosts>"
            assert len(server.lines) == 1
            assert b"x-api-key: other" in server.received
        assert repr(sessions) == "<SessionManager closed>"

    async def test_other_limits_get_a_connector_of_their_own(self) -> None:
        """PABX on one host with other pools or time limits share nothing."""
        async with RawServer() as server, SessionManager() as sessions:
            first = make_pabx("first", server.base_url)
            for pabx in (
                first,
                attrs.evolve(first, pool=PoolSettings(max_connections=3)),
                attrs.evolve(first, timeouts=TimeoutSettings(total=3)),
            ):
                await exchange(sessions, pabx)

            assert repr(sessions) == "<SessionManager 3 hosts>"

    async def test_made_outside_of_a_loop(self) -> None:
        """A manager and a client can be made where no loop runs."""
        client = await asyncio.to_thread(lambda: DigitroClient(make_pabx()))
        async with client:
            pass

    async def test_shared_manager_is_left_open(self) -> None:
        """A client closes only what it opened itself."""
        async with RawServer() as server, SessionManager() as sessions:
            pabx = make_pabx(base_url=server.base_url)
            for _ in range(2):
                async with DigitroClient(pabx, sessions=sessions) as client:
                    await client.make_predictive_call(make_call())

            assert not sessions.closed
            assert len(server.lines) == 1

    async def test_own_manager_is_closed(self) -> None:
        """What a client opened is closed with it, more than once without harm."""
        async with RawServer() as server:
            client = DigitroClient(make_pabx(base_url=server.base_url))
            async with client:
                await client.make_predictive_call(make_call())
            await client.aclose()

            assert client._sessions.closed

    async def test_closed_manager(self) -> None:
        """A closed manager makes no call, through a client or not."""
        sessions = SessionManager()
        await sessions.aclose()
        await sessions.aclose()
        with pytest.raises(ClientClosedError):
            await exchange(sessions, make_pabx())
        with pytest.raises(ClientClosedError):
            async with sessions:
                pass
        client = DigitroClient(make_pabx(), sessions=sessions)
        with pytest.raises(ClientClosedError):
            await client.make_predictive_call(make_call())

    async def test_manager_closed_half_way(self) -> None:
        """Calls on the wire are cut off and unknown, and nothing is left open."""
        async with RawServer(stall) as server:
            pabx = make_pabx(base_url=server.base_url)
            sessions = SessionManager()
            calls = [asyncio.create_task(exchange(sessions, pabx)) for _ in range(3)]
            await until(lambda: server.posts == 3)
            await sessions.aclose()
            seen = await asyncio.gather(*calls)

        assert [one.failure for one in seen] == [Failure.LOST] * 3
        assert all(one.request_started for one in seen)

    async def test_closing_that_is_cancelled_closes_everything(self) -> None:
        """Where closing is cancelled, every connector is closed all the same."""
        async with RawServer() as one, RawServer() as two, RawServer() as three:
            sessions = SessionManager()
            for number, server in enumerate((one, two, three)):
                await exchange(sessions, make_pabx(str(number), server.base_url))
            connectors = list(sessions._connectors.values())
            closing = asyncio.create_task(sessions.aclose())
            await asyncio.sleep(0)
            closing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await closing

            assert [connector.closed for connector in connectors] == [True] * 3
            assert sessions.closed

    def test_other_loop(self) -> None:
        """A manager that was used on one loop can't be used on another."""
        sessions = SessionManager()
        client = DigitroClient(make_pabx(), sessions=sessions)

        async def use() -> None:
            await exchange(sessions, make_pabx())

        async def misuse() -> None:
            with pytest.raises(WrongLoopError):
                await exchange(sessions, make_pabx())
            with pytest.raises(WrongLoopError):
                await client.make_predictive_call(make_call())
            with pytest.raises(WrongLoopError):
                await sessions.aclose()

        with asyncio.Runner() as first, asyncio.Runner() as second:
            first.run(use())
            second.run(misuse())
            first.run(sessions.aclose())

    async def test_no_channel(self) -> None:
        """A PABX without a channel can't be called, and says so."""
        pabx = attrs.evolve(make_pabx(), channel_id=None)
        async with DigitroClient(pabx) as client:
            with pytest.raises(ConfigurationError, match="PABX one is not set") as one:
                await client.make_predictive_call(make_call())

            assert one.value.attempts == 0
            assert client.statistics().attempts == 0
            assert client.statistics().pabx["one"].paused == "no_channel"


class TestRequest:
    """What does not go out, and what is not taken in."""

    async def test_proxy_of_the_environment_is_not_used(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A proxy named in the environment gets nothing."""
        async with RawServer() as trap, RawServer() as server:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, trap.base_url)
            async with SessionManager() as sessions:
                await exchange(sessions, make_pabx(base_url=server.base_url))

            assert len(trap.lines) == 0
            assert server.posts == 1

    async def test_cookies_are_not_kept(self) -> None:
        """A cookie that the PABX sets never comes back."""

        async def bake(line: Line) -> None:
            while await line.read_request():
                line.send(answer("x", headers="Set-Cookie: crumb=1; Path=/\r\n"))

        async with RawServer(bake) as server, SessionManager() as sessions:
            for _ in range(3):
                await exchange(sessions, make_pabx(base_url=server.base_url))

            assert server.posts == 3
            assert b"crumb" not in server.received

    async def test_compressed_answer_is_not_inflated(self) -> None:
        """An answer that was compressed unasked is unreadable, and not blown up."""
        bomb = gzip.compress(b'{"ID_CHAMADA": "x"}' + b" " * 50_000_000)

        async def compress(line: Line) -> None:
            await line.read_request()
            line.send(
                b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(bomb), bomb)
            )
            await line.read()

        async with RawServer(compress) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx) as client:
                with pytest.raises(UnreadableAnswerError) as caught:
                    await client.make_predictive_call(make_call())

        assert b"accept-encoding: identity" in server.received.lower()
        assert caught.value.may_have_dialed

    @pytest.mark.parametrize("chunked", [True, False])
    async def test_answer_of_any_size(self, chunked: bool) -> None:
        """No more of an answer is read than the cap, and the connection is closed."""
        sizes = [0, 1, MAX_ANSWER_BYTES, MAX_ANSWER_BYTES + 1, 3_000_000]

        async def handler(request: web.Request) -> web.StreamResponse:
            size = int(await request.text())
            response = web.StreamResponse()
            if chunked:
                response.enable_chunked_encoding()
            else:
                response.content_length = size
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):
                await response.write(b"x" * size)
                await response.write_eof()
            return response

        app = web.Application()
        app.router.add_post("/requests/1/chamada-preditiva", handler)
        async with AioServer(app) as server, SessionManager() as sessions:
            pabx = make_pabx(base_url=str(server.make_url("")))
            for size in sizes:
                seen = await exchange(sessions, pabx, str(size).encode())

                assert len(seen.body) == min(size, MAX_ANSWER_BYTES + 1)
                over = size > MAX_ANSWER_BYTES
                assert seen.failure is (Failure.OVERSIZED if over else None)
            [connector] = sessions._connectors.values()
            assert not connector._acquired

    async def test_answer_in_many_pieces(self) -> None:
        """An answer that comes byte by byte is read whole."""

        async def drip(line: Line) -> None:
            await line.read_request()
            for byte in answer("slow and whole"):
                line.send(bytes([byte]))
                await asyncio.sleep(0)
            await line.read()

        async with RawServer(drip) as server:
            pabx = make_pabx(base_url=server.base_url)
            async with DigitroClient(pabx) as client:
                accepted = await client.make_predictive_call(make_call())

        assert accepted.call_id == "slow and whole"


class TestTimeouts:
    """The four limits."""

    async def limited(self, server: RawServer, **limits: float) -> tuple[Any, float]:
        """Make one attempt and return what was seen and how long it took."""
        pabx = make_pabx(base_url=server.base_url, timeouts=TimeoutSettings(**limits))
        async with SessionManager() as sessions:
            began = time.monotonic()
            seen = await exchange(sessions, pabx)
            return seen, time.monotonic() - began

    async def test_total(self) -> None:
        """The whole attempt ends when the total is over."""
        async with RawServer(stall) as server:
            seen, took = await self.limited(server, total=0.2)

        assert seen == Observation(request_started=True, failure=Failure.TIMEOUT)
        assert 0.2 <= took < 0.7

    async def test_total_ends_an_answer_that_drips(self) -> None:
        """An answer that comes too slowly is ended by the total."""

        async def drip(line: Line) -> None:
            await line.read_request()
            for byte in answer("x"):
                line.send(bytes([byte]))
                await asyncio.sleep(0.02)

        async with RawServer(drip) as server:
            seen, took = await self.limited(server, total=0.3, sock_read=0.1)

        assert seen.failure is Failure.TIMEOUT
        assert took < 0.8

    async def test_sock_read(self) -> None:
        """Silence ends an attempt before the total does."""
        async with RawServer(stall) as server:
            seen, took = await self.limited(server, total=5, sock_read=0.15)

        assert seen == Observation(request_started=True, failure=Failure.TIMEOUT)
        assert took < 0.7

    @pytest.mark.parametrize("limit", ["total", "connect", "sock_connect"])
    async def test_connecting(self, limit: str) -> None:
        """A connection that can't be made in time leaves the call unsent."""
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            others = []
            for _ in range(4):  # the backlog is full: further SYN are dropped
                other = socket.socket()
                other.setblocking(False)
                other.connect_ex(("127.0.0.1", port))
                others.append(other)
            await asyncio.sleep(0.05)
            pabx = make_pabx(
                base_url=f"http://127.0.0.1:{port}",
                timeouts=TimeoutSettings(**{"total": 5.0, limit: 0.2}),
            )
            async with SessionManager() as sessions:
                began = time.monotonic()
                seen = await exchange(sessions, pabx)
                took = time.monotonic() - began
            for other in others:
                other.close()

        assert not seen.request_started
        assert seen.failure is Failure.CONNECT_TIMEOUT or limit == "total"
        assert took < 0.7

    @pytest.mark.parametrize("limit", ["total", "connect"])
    async def test_full_pool(self, limit: str) -> None:
        """A call that waits too long for a pooled connection was not sent."""
        async with RawServer(stall) as server:
            pabx = make_pabx(
                base_url=server.base_url,
                pool=PoolSettings(max_connections=1),
                timeouts=TimeoutSettings(**{"total": 1.0, limit: 0.2}),
            )
            async with DigitroClient(pabx, retry=ONCE) as client:
                results = await asyncio.gather(
                    *(client.dispatcher.submit(make_call(n)) for n in range(3))
                )

        assert isinstance(results[0].error, AnswerTimeoutError)
        for result in results[1:]:  # a place may become free in the last moment
            assert isinstance(result.error, NotSentError | AnswerTimeoutError)
        if limit == "connect":
            assert isinstance(results[2].error, PoolTimeoutError)
        assert server.posts == sum(
            isinstance(result.error, AnswerTimeoutError) for result in results
        )

    async def test_pool_that_frees_in_time(self) -> None:
        """Calls share one connection where no more are allowed."""
        async with RawServer() as server:
            pabx = make_pabx(
                base_url=server.base_url, pool=PoolSettings(max_connections=1)
            )
            async with DigitroClient(pabx) as client:
                await asyncio.gather(
                    *(client.make_predictive_call(make_call(n)) for n in range(20))
                )

        assert len(server.lines) == 1

    async def test_long_limits_are_not_rounded(self) -> None:
        """Limits above aiohttp's threshold for rounding are kept exactly."""
        async with RawServer() as server, SessionManager() as sessions:
            pabx = make_pabx(
                base_url=server.base_url, timeouts=TimeoutSettings(total=7.3)
            )
            await exchange(sessions, pabx)
            [line] = sessions._endpoints.values()
            limits = line.session.timeout

        # The total is kept by transport._deadlines.
        assert (limits.total, limits.sock_connect) == (None, 5.0)
        assert limits.ceil_threshold == float("inf")


class Certificate:
    """A certificate that signed itself."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "certificate.pem"
        key = folder / "key.pem"
        subprocess.run(
            (
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
                "-nodes -days 2 -subj /CN=test -addext subjectAltName=IP:127.0.0.1 "
                f"-keyout {key} -out {self.file}"
            ).split(),
            check=True,
            capture_output=True,
        )
        der = ssl.PEM_cert_to_DER_cert(self.file.read_text())
        self.fingerprint = hashlib.sha256(der).hexdigest()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.file, key)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate."""
    return Certificate(tmp_path_factory.mktemp("tls"))


class TestTLS:
    """Whom https trusts."""

    async def one_call(self, server: RawServer, tls: TLSSettings) -> str:
        """Make one call and return its id."""
        pabx = make_pabx(base_url=server.base_url, tls=tls)
        async with DigitroClient(pabx, retry=ONCE) as client:
            return (await client.make_predictive_call(make_call())).call_id

    async def test_unknown_certificate_is_refused(
        self, certificate: Certificate
    ) -> None:
        """A certificate that nobody vouches for ends the attempt before it is sent."""
        async with RawServer(tls=certificate.context) as server:
            with pytest.raises(ConnectFailedError) as caught:
                await self.one_call(server, TLSSettings())

        assert caught.value.reason == "tls_failed"
        assert server.received == b""

    async def test_own_authority(self, certificate: Certificate) -> None:
        """A certificate is taken where its authority was named."""
        async with RawServer(tls=certificate.context) as server:
            settings = TLSSettings(ca_file=certificate.file)

            assert await self.one_call(server, settings) == "1 1"

    async def test_fingerprint(self, certificate: Certificate) -> None:
        """A certificate is taken where its own fingerprint was given."""
        async with RawServer(tls=certificate.context) as server:
            settings = TLSSettings(fingerprint=certificate.fingerprint)

            assert await self.one_call(server, settings) == "1 1"

    async def test_wrong_fingerprint(self, certificate: Certificate) -> None:
        """A certificate with another fingerprint ends the attempt before it is sent."""
        async with RawServer(tls=certificate.context) as server:
            with pytest.raises(ConnectFailedError) as caught:
                await self.one_call(server, TLSSettings(fingerprint="ab" * 32))

        assert caught.value.reason == "tls_failed"
        assert server.received == b""

    async def test_fingerprint_is_not_shared(self, certificate: Certificate) -> None:
        """A connection made with one fingerprint is not used for another."""
        async with RawServer(tls=certificate.context) as server:
            right = make_pabx(
                base_url=server.base_url,
                tls=TLSSettings(fingerprint=certificate.fingerprint),
            )
            wrong = attrs.evolve(right, tls=TLSSettings(fingerprint="ab" * 32))
            async with SessionManager() as sessions:
                first = await exchange(sessions, right)
                second = await exchange(sessions, wrong)

        assert first.status == 200
        assert second.failure is Failure.TLS
        assert server.posts == 1

    async def test_plain_server(self) -> None:
        """A server that speaks no TLS gets no call."""

        async def plain(line: Line) -> None:
            await line.read()
            line.send(answer("x", status="400 Bad Request"))

        async with RawServer(plain) as server:
            pabx = make_pabx(base_url=server.base_url.replace("http:", "https:"))
            async with DigitroClient(pabx, retry=ONCE) as client:
                with pytest.raises(ConnectFailedError) as caught:
                    await client.make_predictive_call(make_call())

        assert caught.value.reason == "tls_failed"
        assert b"POST" not in server.received

    async def test_unusable_authority(self, tmp_path: Path) -> None:
        """A file of authorities that can't be read is said to be unusable."""
        pabx = make_pabx(
            base_url="https://127.0.0.1:9", tls=TLSSettings(ca_file=tmp_path / "no")
        )
        async with DigitroClient(pabx) as client:
            with pytest.raises(ConfigurationError, match="ca_file can't be used"):
                await client.make_predictive_call(make_call())

    @pytest.mark.parametrize("reuse", [True, False])
    async def test_session_tickets_do_not_disturb(
        self, certificate: Certificate, reuse: bool
    ) -> None:
        """What TLS sends after its handshake is not taken for an answer."""
        ready = threading.Event()
        found: dict[str, Any] = {}

        async def serve() -> None:  # in a thread: it answers while the client works
            async with RawServer(answer_all, tls=certificate.context) as server:
                found["server"], found["stop"] = server, asyncio.Event()
                found["loop"] = asyncio.get_running_loop()
                ready.set()
                await found["stop"].wait()

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        await asyncio.to_thread(ready.wait)
        server = found["server"]
        try:
            pabx = make_pabx(
                base_url=server.base_url,
                tls=TLSSettings(fingerprint=certificate.fingerprint),
                pool=PoolSettings(reuse=reuse),
            )
            async with DigitroClient(pabx, retry=ONCE) as client:
                for number in range(60):
                    await client.make_predictive_call(make_call(number))
        finally:
            found["loop"].call_soon_threadsafe(found["stop"].set)
            await asyncio.to_thread(thread.join)

        assert len(server.lines) == (1 if reuse else 60)
        assert server.posts == 60


async def test_name_that_does_not_exist() -> None:
    """A host that has no address leaves the call unsent."""
    async with SessionManager() as sessions:
        pabx = make_pabx(
            base_url="http://nobody.invalid", timeouts=TimeoutSettings(total=5)
        )
        seen = await exchange(sessions, pabx)

    assert not seen.request_started
    assert seen.failure in {Failure.DNS, Failure.CONNECT_TIMEOUT, Failure.TIMEOUT}


async def test_closing_during_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing while a name is looked up ends the call unsent, not as cancelled."""
    asked = asyncio.Event()

    async def never(*_: object, **__: object) -> Any:
        asked.set()
        await asyncio.sleep(20)

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", never)
    monkeypatch.setattr(aiohttp.AsyncResolver, "resolve", never)
    sessions = SessionManager()
    pabx = make_pabx(base_url="http://slow.invalid")
    client = DigitroClient(pabx, sessions=sessions, retry=ONCE)
    call = asyncio.create_task(client.make_predictive_call(make_call()))
    await asked.wait()
    await sessions.aclose()
    [error] = await asyncio.gather(call, return_exceptions=True)

    assert isinstance(error, ConnectFailedError | Exception)
    assert not isinstance(error, asyncio.CancelledError)
    assert getattr(error, "may_have_dialed", True) is False


def test_key_is_not_shown() -> None:
    """No repr on the way to the wire shows the key."""
    sessions = SessionManager()
    sessions._endpoints[make_pabx()] = None  # type: ignore[assignment]  # only to be shown

    assert API_KEY not in repr(sessions)
    assert API_KEY not in repr(sessions._endpoints)
