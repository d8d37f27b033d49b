import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from exchanges import exchange, stall
from helpers import Line, RawServer, answer, make_call, make_pabx, quiet_loop

from digitro_async import (
    AnswerTimeoutError,
    DigitroClient,
    NotSentError,
    PoolSettings,
    PoolTimeoutError,
    RetrySettings,
    SessionManager,
    TimeoutSettings,
)
from digitro_async.protocol import Failure, Observation

ONCE = RetrySettings(max_attempts=1)


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


# The other limits are 100 s, and would end an attempt later than any machine is
# late.
SOON = 60.0


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
            seen, took = await self.limited(server, total=1.0)

        assert seen == Observation(request_started=True, failure=Failure.TIMEOUT)
        assert 1.0 <= took < SOON

    async def test_total_ends_an_answer_that_drips(self) -> None:
        """An answer that comes too slowly is ended by the total."""

        async def drip(line: Line) -> None:
            await line.read_request()
            for byte in answer("x"):  # 2 s at least
                line.send(bytes([byte]))
                await asyncio.sleep(0.02)

        async with RawServer(drip) as server:
            seen, took = await self.limited(server, total=0.5, sock_read=100)

        assert seen.failure is Failure.TIMEOUT
        assert took < SOON

    async def test_sock_read(self) -> None:
        """Silence ends an attempt before the total does."""
        async with RawServer(stall) as server:
            seen, took = await self.limited(server, total=100, sock_read=0.15)

        assert seen == Observation(request_started=True, failure=Failure.TIMEOUT)
        assert took < SOON

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
                timeouts=TimeoutSettings(
                    **{"total": 100, "connect": 100, "sock_connect": 100, limit: 0.2}
                ),
            )
            async with SessionManager() as sessions:
                began = time.monotonic()
                seen = await exchange(sessions, pabx)
                took = time.monotonic() - began
            for other in others:
                other.close()

        assert not seen.request_started
        assert seen.failure is Failure.CONNECT_TIMEOUT or limit == "total"
        assert took < SOON

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
            [endpoint] = sessions._endpoints.values()
            limits = endpoint.phases

        # The total is kept by transport._deadlines.
        assert (limits.total, limits.sock_connect) == (None, 5.0)
        assert limits.ceil_threshold == float("inf")
