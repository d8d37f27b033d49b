import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer as AioServer
from exchanges import exchange
from helpers import Line, RawServer, answer, make_call, make_pabx, quiet_loop

from digitro_async import DigitroClient, SessionManager, UnreadableAnswerError
from digitro_async.protocol import MAX_ANSWER_BYTES, Failure


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


class TestRequest:
    """Requests with no proxy and no cookie, and answers that are read as they are."""

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
            assert connector.pool.used == 0

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
