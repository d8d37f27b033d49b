"""Connections that are opened ahead of their first calls."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from helpers import (
    Line,
    RawServer,
    ScriptedTransport,
    answer_all,
    make_call,
    make_pabx,
    quiet_loop,
    until,
)
from ways import WAYS, MakeSessions

from digitro_async import (
    PABX,
    ClientClosedError,
    ConfigurationError,
    ConnectFailedError,
    DigitroClient,
    Outcome,
    PauseSettings,
    PoolSettings,
    SessionManager,
)
from digitro_async.transport._warming import WARMED_AT_ONCE

REFUSES = "http://127.0.0.1:9"
NEVER = PauseSettings(unknown_run=99, unknown_budget=99, not_sent_run=99)


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def manager(request: pytest.FixtureRequest) -> MakeSessions:
    """Each way to send."""
    made: MakeSessions = request.param
    return made


async def test_first_calls_find_open_connections(manager: MakeSessions) -> None:
    """Nothing is sent ahead, and the first calls need no connection of their own.

    That is so at once, though connections that served a call would rest.
    """
    pool = PoolSettings(rest=30.0)
    async with RawServer(answer_all) as server, manager() as sessions:
        pabx = make_pabx(base_url=server.base_url, pool=pool)
        async with DigitroClient(pabx, sessions=sessions) as client:
            assert await client.warm(3) == {"one": 3}
            assert await client.warm(2) == {"one": 0}
            await until(lambda: server.connections == 3)
            assert server.received == b""

            calls = [client.dispatcher.submit(make_call(n)) for n in range(3)]
            results = await asyncio.gather(*calls)
            statistics = client.statistics().pabx["one"]

    assert {one.outcome for one in results} == {Outcome.ACCEPTED}
    assert server.connections == 3
    assert server.posts == 3
    assert statistics.attempts == 3


async def test_max_connections_is_kept() -> None:
    """No more are opened than there may be, the used ones included."""
    held = asyncio.Event()

    async def hold(line: Line) -> None:
        while await line.read_request():
            await held.wait()
            line.accept(f"{line.number}")

    pool = PoolSettings(max_connections=3)
    async with RawServer(hold) as server:
        pabx = make_pabx(base_url=server.base_url, pool=pool)
        async with DigitroClient(pabx) as client:
            call = asyncio.create_task(client.make_predictive_call(make_call()))
            await until(lambda: server.posts == 1)
            assert await client.warm(9) == {"one": 2}
            held.set()
            await call
            assert await client.warm(9) == {"one": 0}

        assert server.connections == 3


async def test_a_call_waits_for_no_more_than_a_connection() -> None:
    """One that comes while the only connection is opened gets that one."""
    async with RawServer(answer_all) as server:
        pabx = make_pabx(base_url=server.base_url, pool=PoolSettings(max_connections=1))
        async with DigitroClient(pabx) as client:
            _, accepted = await asyncio.gather(
                client.warm(), client.make_predictive_call(make_call())
            )

    assert accepted.call_id
    assert server.connections == 1


async def test_without_reuse_there_is_none() -> None:
    """Where each call has a new connection of its own none is opened ahead."""
    async with RawServer(answer_all) as server:
        pabx = make_pabx(base_url=server.base_url, pool=PoolSettings(reuse=False))
        async with DigitroClient(pabx) as client:
            assert await client.warm() == {"one": 0}
            await client.make_predictive_call(make_call())

        assert server.connections == 1


async def test_a_pabx_that_cant_be_reached_harms_nobody() -> None:
    """Its first call says why; the others have their connections."""
    async with RawServer(answer_all) as server:
        several = [make_pabx("up", server.base_url), make_pabx("down", REFUSES)]
        async with DigitroClient(several, pause=NEVER) as client:
            assert await client.warm(2) == {"up": 2, "down": 0}
            assert await client.warm(pabx="down") == {"down": 0}
            statistics = client.statistics().pabx["down"]
            assert (statistics.attempts, statistics.paused) == (0, "")
            await client.make_predictive_call(make_call(), pabx="up")
            with pytest.raises(ConnectFailedError, match="refused"):
                await client.make_predictive_call(make_call(), pabx="down")

        assert server.connections == 2


async def _greet(line: Line) -> None:
    await asyncio.sleep(0.02)
    line.send(b"220 hello\r\n")
    await answer_all(line)


async def _close(line: Line) -> None:
    await asyncio.sleep(0)
    line.finish()


@pytest.mark.parametrize("script", [_close, _greet])
async def test_one_that_is_not_quiet_is_not_used(
    script: Any, manager: MakeSessions
) -> None:
    """What ends or speaks before its first call gets no call."""
    scripts = [script, script, answer_all]
    async with RawServer(*scripts) as server, manager() as sessions:
        pabx = make_pabx(base_url=server.base_url)
        async with DigitroClient(pabx, sessions=sessions) as client:
            await client.warm(2)
            await until(lambda: all(line.is_closing for line in server.lines[:2]))
            accepted = await client.make_predictive_call(make_call())

    assert accepted.call_id
    assert server.posts == 1


async def test_one_that_is_not_used_is_closed_in_time() -> None:
    """The idle time of connections holds for it, too."""
    async with RawServer(answer_all) as server:
        pabx = make_pabx(base_url=server.base_url, pool=PoolSettings(idle_seconds=0.1))
        async with DigitroClient(pabx) as client:
            await client.warm()
            async with asyncio.timeout(60):
                await until(lambda: server.lines)
                await server.lines[0].ended.wait()


async def _lose_the_first(line: Line) -> None:
    """Close the connection when the first request comes, as after an idle time."""
    await line.read_request()
    line.close()


async def test_losses_on_it_end_the_reuse(manager: MakeSessions) -> None:
    """A PABX that closes connections which wait gets no further ones to wait."""
    async with RawServer(_lose_the_first) as server, manager() as sessions:
        pabx = make_pabx(base_url=server.base_url)
        async with DigitroClient(pabx, sessions=sessions, pause=NEVER) as client:
            for number in range(3):
                assert await client.warm() == {"one": 1}
                result = await client.dispatcher.submit(make_call(number))
                assert result.outcome is Outcome.UNKNOWN
                await asyncio.sleep(0.02)  # losses at one moment count once

            assert client.statistics().pabx["one"].uses_fresh_connections
            assert await client.warm() == {"one": 0}


async def test_closing_ends_it() -> None:
    """Nothing is left open where a client is closed, before or meanwhile."""
    async with RawServer(answer_all) as server:
        pabx = [make_pabx("a", server.base_url), make_pabx("b", REFUSES)]
        client = DigitroClient(pabx)
        assert await client.warm(2) == {"a": 2, "b": 0}
        warming = asyncio.create_task(client.warm(20))
        await asyncio.sleep(0)
        await client.aclose()
        await asyncio.gather(warming, return_exceptions=True)
        await until(lambda: all(line.is_closing for line in server.lines))
        with pytest.raises(ClientClosedError):
            await client.warm()


async def test_cancelling_ends_it() -> None:
    """A cancelled one opens no further connection."""
    async with RawServer(answer_all) as server:
        async with DigitroClient(make_pabx(base_url=server.base_url)) as client:
            warming = asyncio.create_task(client.warm(10_000))
            await until(lambda: server.connections > 2)
            warming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await warming
            await client.make_predictive_call(make_call("1"))
            opened = server.connections  # all that were opened are accepted by now
            await client.make_predictive_call(make_call("2"))

        assert server.connections == opened


class Counting(SessionManager):
    """Counts how many PABX are connected to at the same time."""

    now = most = 0

    async def warm(self, pabx: PABX, connections: int = 1) -> int:
        """Open connections, slowly."""
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(3):
            await asyncio.sleep(0)
        self.now -= 1
        if pabx.name == "broken":
            raise ConfigurationError("it can't be used")
        return connections


async def test_some_at_the_same_time() -> None:
    """Of many PABX a bounded number is connected to at once."""
    several = [make_pabx(f"p{n}", f"http://127.0.0.1:{n + 1}") for n in range(100)]
    async with Counting() as sessions:
        async with DigitroClient(several, sessions=sessions) as client:
            opened = await client.warm()

        assert opened == {one.name: 1 for one in several}
        assert sessions.most == WARMED_AT_ONCE


async def test_settings_that_cant_be_used() -> None:
    """An error of the configuration comes as it is, and ends the rest."""
    several = [make_pabx(name, f"http://{name}.invalid") for name in ("a", "broken")]
    async with (
        Counting() as sessions,
        DigitroClient(several, sessions=sessions) as client,
    ):
        with pytest.raises(ConfigurationError, match="it can't be used"):
            await client.warm()
        with pytest.raises(ConfigurationError, match="no PABX of that name"):
            await client.warm(pabx="c")
        for wrong in (0, -1, True, 1.5, "1", None):
            with pytest.raises(ConfigurationError, match=r"^connections must be"):
                await client.warm(wrong)  # type: ignore[arg-type]


async def test_another_transport_opens_its_own() -> None:
    """Over a transport of the program's own nothing is opened."""
    transport = ScriptedTransport()
    async with DigitroClient(make_pabx(), transport=transport) as client:
        assert await client.warm() == {"one": 0}
        await client.make_predictive_call(make_call())

    assert len(transport.attempts) == 1
