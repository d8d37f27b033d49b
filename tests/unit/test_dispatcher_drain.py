import asyncio

import pytest
from dispatch_scene import is_clean, make_dispatcher, now, submit_all
from helpers import NOT_SENT, ScriptedTransport, answered, make_call, make_pabx
from virtual_time import virtual_time

from digitro_async import DrainedError, Outcome


class TestDrain:
    """The orderly end."""

    @virtual_time
    async def test_what_is_on_the_wire_finishes(self) -> None:
        """Drain waits for the wire and turns away who waits."""
        transport = ScriptedTransport(latency=3)
        dispatcher = make_dispatcher(transport, make_pabx(max_in_flight=2))
        calls = asyncio.create_task(submit_all(dispatcher, 5))
        await asyncio.sleep(1)
        await dispatcher.drain()
        results = await calls

        assert now() == pytest.approx(3)
        assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2 + [
            Outcome.NOT_SENT
        ] * 3
        assert isinstance(results[4].error, DrainedError)
        assert is_clean(dispatcher)

    @virtual_time
    async def test_several_may_drain(self) -> None:
        """Everybody who drains is told when it is done."""
        dispatcher = make_dispatcher(ScriptedTransport(latency=3))
        call = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(0)
        await asyncio.wait_for(
            asyncio.gather(*(dispatcher.drain() for _ in range(3))), 10
        )

        assert call.done()

    @virtual_time
    async def test_back_off_is_cut_short(self) -> None:
        """A call that waits to be sent again is not waited for."""
        transport = ScriptedTransport([answered(429, "300")])
        dispatcher = make_dispatcher(transport)
        call = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(1)
        await dispatcher.drain()
        result = await call

        assert now() == pytest.approx(1)
        assert result.outcome is Outcome.NOT_SENT
        assert isinstance(result.error, DrainedError)
        assert result.error.attempts == result.attempts == 1
        assert is_clean(dispatcher)

    @virtual_time
    async def test_no_new_attempt_begins(self) -> None:
        """A call on the wire that could be sent again is not, while draining."""
        transport = ScriptedTransport([NOT_SENT] * 3, latency=1)
        dispatcher = make_dispatcher(transport)
        call = asyncio.create_task(dispatcher.submit(make_call()))
        await asyncio.sleep(0.5)
        await dispatcher.drain()

        assert (await call).attempts == 1
        assert now() == pytest.approx(1)

    @virtual_time
    async def test_afterwards_nothing_starts(self) -> None:
        """After a drain every call is told so."""
        dispatcher = make_dispatcher(ScriptedTransport())
        await dispatcher.drain()
        result = await dispatcher.submit(make_call())

        assert isinstance(result.error, DrainedError)
        assert result.error.reason == "drained"
