"""The connections that a pool keeps: how many, for how long, and to what end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from exchanges import exchange, stall
from helpers import (
    Line,
    RawServer,
    answer,
    make_call,
    make_pabx,
    quiet_loop,
    until,
)
from ways import WAYS, MakeSessions

from digitro_async import (
    DigitroClient,
    Outcome,
    PoolSettings,
    SessionManager,
    TimeoutSettings,
)
from digitro_async.protocol import Evidence, Failure
from digitro_async.transport._pool import ConnectionPool


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def manager(request: pytest.FixtureRequest) -> MakeSessions:
    """Each way to send."""
    made: MakeSessions = request.param
    return made


def pool_of(sessions: SessionManager) -> ConnectionPool:
    """Return the only pool of a manager."""
    [connector] = sessions._connectors.values()
    return connector.pool


async def test_an_idle_connection_is_closed_in_time(manager: MakeSessions) -> None:
    """Without a further call a connection is closed after its idle time."""
    pool = PoolSettings(idle_seconds=1.0)
    async with RawServer() as server, manager() as sessions:
        await exchange(sessions, make_pabx(base_url=server.base_url, pool=pool))
        assert not server.lines[0].is_closing
        async with asyncio.timeout(60):
            await server.lines[0].ended.wait()

        assert not list(pool_of(sessions).state.open)


async def test_places_go_to_who_waits_first(manager: MakeSessions) -> None:
    """Calls that wait for a place get it in order, and a cancelled one passes it on."""
    served: list[bytes] = []

    async def slow(line: Line) -> None:
        while request := await line.read_request():
            served.append(request[-3:])
            await asyncio.sleep(0.02)
            line.send(answer(f"id {len(served)}"))

    pool = PoolSettings(max_connections=2)
    async with RawServer(slow) as server, manager() as sessions:
        pabx = make_pabx(base_url=server.base_url, pool=pool)
        calls = []
        for number in range(8):
            body = b'"<%d"' % number
            calls.append(asyncio.create_task(exchange(sessions, pabx, body)))
            await asyncio.sleep(0)
        await until(lambda: len(served) == 2)
        calls[3].cancel()
        seen = await asyncio.gather(*calls, return_exceptions=True)

        assert pool_of(sessions).used == 0
    numbers = [int(one[1:2]) for one in served]
    assert sorted(numbers) == [0, 1, 2, 4, 5, 6, 7]
    assert [sorted(numbers[at : at + 2]) for at in (0, 2, 4)] == [
        [0, 1],
        [2, 4],
        [5, 6],
    ]
    assert len(server.lines) == 2
    assert sum(isinstance(one, asyncio.CancelledError) for one in seen) == 1


async def test_a_place_handed_over_as_its_call_is_cancelled() -> None:
    """A place that comes to a call in the moment of its end is not lost."""
    pool = ConnectionPool(PoolSettings(max_connections=1))
    made: list[Any] = []

    async def make() -> Any:
        made.append(object())
        raise aiohttp.ClientConnectionError

    async def never() -> Any:
        await asyncio.get_running_loop().create_future()

    first = asyncio.create_task(pool.take(1, Evidence(), None, never))
    await asyncio.sleep(0)
    second = asyncio.create_task(pool.take(2, Evidence(), None, make))
    third = asyncio.create_task(pool.take(3, Evidence(), None, make))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)  # the place goes to the second
    second.cancel()
    await asyncio.wait([first, second, third])

    assert second.cancelled()
    assert isinstance(third.exception(), aiohttp.ClientConnectionError)
    assert (len(made), pool.used) == (1, 0)


async def test_closing_ends_the_wait_for_a_place(manager: MakeSessions) -> None:
    """Where a manager is closed, a call that waits for a place ends unsent."""
    async with RawServer(stall) as server:
        sessions = manager()
        pool = PoolSettings(max_connections=1)
        pabx = make_pabx(base_url=server.base_url, pool=pool)
        calls = [asyncio.create_task(exchange(sessions, pabx)) for _ in range(2)]
        await until(lambda: server.posts == 1)
        await sessions.aclose()
        first, second = await asyncio.gather(*calls)

    assert (first.request_started, first.failure) == (True, Failure.LOST)
    assert (second.request_started, second.failure) == (False, Failure.LOST)


@pytest.mark.parametrize("when", ["whole", "half"])
async def test_cancelled_attempts_leave_no_connection(
    manager: MakeSessions, when: str
) -> None:
    """A call that is cut off closes its connection, and holds no place."""

    async def half(line: Line) -> None:
        await line.read_request()
        if when == "half":
            line.send(answer("x")[:-3])
        await line.wait_for_end()

    async with RawServer(half) as server, manager() as sessions:
        limits = TimeoutSettings(sock_read=0.2)  # of a request that was sent
        pabx = make_pabx(base_url=server.base_url, timeouts=limits)
        seen = await exchange(sessions, pabx)
        async with asyncio.timeout(60):
            await server.lines[0].ended.wait()

        assert seen.failure is Failure.TIMEOUT
        assert pool_of(sessions).used == 0
        assert not list(pool_of(sessions).state.open)


@pytest.mark.parametrize(
    "shape", ["in two pieces", "chunked", "says close", "to the end", "large"]
)
async def test_every_shape_of_answer(manager: MakeSessions, shape: str) -> None:
    """Answers of all shapes are accepted, and keep the connection where they may."""

    async def serve(line: Line) -> None:
        while await line.read_request():
            whole = answer(f"{line.number} {line.received.count(b'POST')}")
            head, _, body = whole.partition(b"\r\n\r\n")
            if shape == "in two pieces":
                line.send(head + b"\r\n\r\n")
                await asyncio.sleep(0.01)
                line.send(body)
            elif shape == "chunked":
                chunks = b"%x\r\n%b\r\n0\r\nX: trailer\r\n\r\n" % (len(body), body)
                line.send(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
                )
            elif shape == "says close":
                line.send(head + b"\r\nConnection: close\r\n\r\n" + body)
            elif shape == "large":
                body = body[:-1] + b', "more": "%b"}' % (b"x" * 60_000)
                line.send(
                    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(body), body)
                )
            else:
                line.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)
                line.finish()
                return

    async with RawServer(serve) as server, manager() as sessions:
        pabx = make_pabx(base_url=server.base_url)
        async with DigitroClient(pabx, sessions=sessions) as client:
            results = [
                await client.dispatcher.submit(make_call(number)) for number in range(3)
            ]

    keeps = shape not in {"says close", "to the end"}
    assert {result.outcome for result in results} == {Outcome.ACCEPTED}
    assert len(server.lines) == (1 if keeps else 3)


async def test_an_answer_behind_another(manager: MakeSessions) -> None:
    """A second answer in the same piece breaks the protocol, in either way."""

    async def twice(line: Line) -> None:
        while await line.read_request():
            line.send(answer(f"a{line.number}") + answer(f"b{line.number}"))

    async with RawServer(twice) as server, manager() as sessions:
        pabx = make_pabx(base_url=server.base_url)
        async with DigitroClient(pabx, sessions=sessions) as client:
            await client.dispatcher.submit(make_call())
            await client.dispatcher.submit(make_call())

            assert client.statistics().pabx["one"].alarms == 2
    assert [line.received.count(b"POST") for line in server.lines] == [1, 1]
