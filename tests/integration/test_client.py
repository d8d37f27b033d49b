import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from helpers import (
    ScriptedTransport,
    calls_to,
    make_call,
    make_pabx,
    quiet_loop,
    take_into,
    within,
)
from mocked_pabx import URL_OF_CALLS, ReadingMock, make_client

import digitro_async
from digitro_async import (
    AuthenticationError,
    CallResult,
    ClientClosedError,
    ConfigurationError,
    DigitroClient,
    DispatchItem,
    DrainedError,
    InvalidCallError,
    Outcome,
    PABXPausedError,
    RateWaitTimeoutError,
    SessionManager,
)
from digitro_async.testing import FakePABX


@pytest.fixture(autouse=True)
async def _quiet() -> AsyncIterator[None]:
    async with quiet_loop():
        yield


class TestUse:
    """How a client is used."""

    async def test_closed(self) -> None:
        """A closed client takes nothing, and says what it is."""
        client = make_client()
        assert repr(client) == "<DigitroClient one>"
        await client.aclose()
        with pytest.raises(ClientClosedError):
            await client.make_predictive_call(make_call())
        with pytest.raises(ClientClosedError):
            client.dispatch([])
        with pytest.raises(ClientClosedError):
            async with client:
                pass

        assert repr(client) == "<DigitroClient closed one>"

    def test_pabx_are_checked(self) -> None:
        """A client needs at least one PABX, each with a name of its own."""
        for wrong in ([], [make_pabx(), make_pabx()]):
            with pytest.raises(ConfigurationError):
                DigitroClient(wrong)

    async def test_unknown_pabx(self) -> None:
        """A call for a PABX that is not there is invalid."""
        async with make_client() as client:
            with pytest.raises(InvalidCallError):
                await client.make_predictive_call(make_call(), pabx="other")

    async def test_paused(self, mocked: ReadingMock) -> None:
        """One call alone does not wait for a pause."""
        mocked.post(URL_OF_CALLS, status=401)
        async with make_client() as client:
            with pytest.raises(AuthenticationError):
                await client.make_predictive_call(make_call())
            with pytest.raises(PABXPausedError) as caught:
                await client.make_predictive_call(make_call())

            assert caught.value.reason == "status_401"
            assert client.statistics().pabx["one"].paused == "status_401"

            client.dispatcher.resume()
            mocked.post(URL_OF_CALLS, payload={"ID_CHAMADA": "x"})
            await client.make_predictive_call(make_call())

    async def test_max_wait(self, mocked: ReadingMock) -> None:
        """The wait for a rate slot can be bounded."""
        mocked.post(URL_OF_CALLS, payload={"ID_CHAMADA": "x"}, repeat=True)
        async with make_client(rate=digitro_async.RateLimit(1, 60)) as client:
            await client.make_predictive_call(make_call())
            with pytest.raises(RateWaitTimeoutError):
                await client.make_predictive_call(make_call(), max_wait=0.01)

    async def test_dispatch(self) -> None:
        """Many calls at once reach the PABX once each."""
        async with FakePABX(latency=0.001) as pabx:
            async with DigitroClient(pabx.settings()) as client:
                items = [
                    DispatchItem(call=call, key=number)
                    for number, call in enumerate(calls_to(range(500)))
                ]
                async with client.dispatch(items) as results:
                    taken = [result async for result in results]

            assert {result.key for result in taken} == set(range(500))
            assert sorted(call.destination or "" for call in pabx.calls) == sorted(
                map(str, range(500))
            )
            assert (
                pabx.accepted == client.statistics().outcomes[Outcome.ACCEPTED] == 500
            )

    async def test_cap_at_the_pabx(self) -> None:
        """The simulator never sees more than its cap in any window."""
        rate = digitro_async.RateLimit(20, 0.2)
        async with FakePABX(
            rate=rate, latency=lambda chance: chance.random() / 50
        ) as pabx:
            async with (
                DigitroClient(pabx.settings()) as client,
                client.dispatch(calls_to(range(80))) as results,
            ):
                async for _ in results:
                    pass

            assert pabx.over_cap == []
            assert pabx.accepted == 80

    async def test_close_during_dispatch(self) -> None:
        """Closing lets the wire finish, and iteration ends with DrainedError."""
        async with FakePABX(latency=0.05) as pabx:
            client = DigitroClient(pabx.settings(max_in_flight=5))
            taken: list[CallResult] = []
            async with client.dispatch(calls_to(range(10_000))) as results:
                await anext(results)
                closing = asyncio.create_task(client.aclose())
                with pytest.raises(DrainedError):
                    await take_into(taken, results)
                await closing
            accepted = sum(one.outcome is Outcome.ACCEPTED for one in taken)

            assert pabx.accepted == accepted + 1
            assert client.statistics().in_flight == 0

    @pytest.mark.parametrize("scope", [asyncio.timeout, anyio.fail_after])
    async def test_leaving_a_cancelled_scope_lets_the_wire_finish(
        self, scope: Any
    ) -> None:
        """A client that is left because of a time-out waits for its calls' answers."""
        taken: list[CallResult] = []

        async def work() -> None:
            async with DigitroClient(pabx.settings(max_in_flight=3)) as client:
                results = client.dispatch(calls_to(range(1000)))
                try:
                    async with results:
                        await take_into(taken, results)
                finally:
                    taken.extend(results.unread())

        async with FakePABX(latency=0.2) as pabx:
            with pytest.raises(TimeoutError):
                async with within(scope(0.1)):
                    await work()

            assert [one.outcome for one in taken] == [Outcome.ACCEPTED] * 3
            assert pabx.accepted == 3

    def test_interrupted_run(self) -> None:
        """Where the main task of a run is cancelled, as Ctrl-C does, all is settled."""
        taken: list[CallResult] = []
        posts = 0

        async def main() -> None:
            nonlocal posts
            async with (
                FakePABX(latency=0.1) as pabx,
                DigitroClient(pabx.settings(max_in_flight=4)) as client,
            ):
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().call_later(0.15, task.cancel)
                results = client.dispatch(calls_to(range(1000)))
                try:
                    async with results:
                        await take_into(taken, results)
                finally:
                    taken.extend(results.unread())
                    posts = pabx.posts

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())

        assert [one.outcome for one in taken] == [Outcome.ACCEPTED] * posts
        assert posts >= 4


def test_backend_is_loaded_when_a_client_opens() -> None:
    """Anyio's backend takes 20 ms to load; that is over before the first call."""
    program = """
import asyncio, sys
from digitro_async import PABX, DigitroClient
BACKEND = "anyio._backends._asyncio"

async def main():
    pabx = PABX("one", "http://127.0.0.1:9", channel_id=1, api_key="key")
    before = BACKEND in sys.modules
    async with DigitroClient(pabx):
        print(before, BACKEND in sys.modules)

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["False", "True"]


async def test_a_transport_of_ones_own() -> None:
    """A client makes its calls through any transport, which its maker closes."""
    transport = ScriptedTransport()
    async with DigitroClient(make_pabx(), transport=transport) as client:
        accepted = await client.make_predictive_call(make_call("04811112222"))

    assert accepted.call_id == "one 1"
    assert transport.destinations == ["04811112222"]


async def test_sessions_beside_a_transport() -> None:
    """Sessions and a transport together are refused: only one could be used."""
    with pytest.raises(ConfigurationError, match="give sessions or transport"):
        DigitroClient(
            make_pabx(), sessions=SessionManager(), transport=ScriptedTransport()
        )
