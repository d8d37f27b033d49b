import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import attrs
import pytest
from exchanges import exchange, stall
from helpers import API_KEY, RawServer, make_call, make_pabx, quiet_loop, until

from digitro_async import (
    ClientClosedError,
    ConfigurationError,
    ConnectFailedError,
    DigitroClient,
    PoolSettings,
    RetrySettings,
    SessionManager,
    TimeoutSettings,
    WrongLoopError,
)
from digitro_async.protocol import Failure

ONCE = RetrySettings(max_attempts=1)


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


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
        """A client closes its sessions with itself, more than once without harm."""
        async with RawServer() as server:
            client = DigitroClient(make_pabx(base_url=server.base_url))
            async with client:
                await client.make_predictive_call(make_call())
            await client.aclose()

            assert client._parts.sessions.closed

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
