import asyncio
import collections

import pytest
from dispatch_sources import (
    ONE_A_SECOND,
    AsyncSource,
    Source,
    assert_conserved,
    make_dispatcher,
    take,
)
from helpers import LOST, NOT_SENT, ScriptedTransport, answered, calls_to, take_into
from virtual_time import virtual_time

from digitro_async import (
    CallResult,
    DrainedError,
    Outcome,
    PABXPausedError,
    PauseSettings,
)


class TestEnding:
    """How a dispatch ends before its source does."""

    @virtual_time
    async def test_drain(self) -> None:
        """After drain the wire finishes, and what else was read is unsent."""
        source = Source(calls_to(range(1000)))
        transport = ScriptedTransport(latency=10)
        dispatcher = make_dispatcher(transport, max_in_flight=9, rate=ONE_A_SECOND)
        async with dispatcher.stream(source) as results:
            await asyncio.sleep(3.5)
            results.drain()
            results.drain()
            taken = await take(results)

        assert len(source.read) == 9
        assert_conserved(source, taken)
        assert len(transport.attempts) == 4
        outcomes = collections.Counter(result.outcome for result in taken)
        assert outcomes == {Outcome.ACCEPTED: 4, Outcome.NOT_SENT: 5}
        drained = [one for one in taken if isinstance(one.error, DrainedError)]
        assert len(drained) == 5
        assert not results.exhausted

    @virtual_time
    async def test_drain_sends_nothing_again(self) -> None:
        """A call on the wire at the time of a drain gets no further attempt."""
        transport = ScriptedTransport([NOT_SENT, answered(429, "200")], latency=1)
        async with make_dispatcher(transport).stream(calls_to(range(2))) as results:
            await asyncio.sleep(0.5)
            results.drain()
            taken = await take(results)

        assert asyncio.get_running_loop().time() == pytest.approx(1)
        assert {one.outcome for one in taken} == {Outcome.NOT_SENT, Outcome.REFUSED}
        assert len(transport.attempts) == 2

    @virtual_time
    async def test_drain_cuts_back_off_short(self) -> None:
        """A call that waits to be sent again ends unsent, with its attempts counted."""
        transport = ScriptedTransport([answered(429, "200")])
        async with make_dispatcher(transport).stream(calls_to(range(1))) as results:
            await asyncio.sleep(1)
            results.drain()
            [one] = await take(results)

        assert isinstance(one.error, DrainedError)
        assert one.attempts == one.error.attempts == 1

    @pytest.mark.parametrize("kind", [Source, AsyncSource])
    def test_leaving_early(self, kind: type[Source]) -> None:
        """Leaving the block waits for the wire; what nobody took is kept."""

        @virtual_time
        async def run() -> None:
            source = kind(calls_to(range(1000)))
            transport = ScriptedTransport(latency=1)
            dispatcher = make_dispatcher(transport, max_in_flight=5)
            async with dispatcher.stream(source) as results:
                taken = [await anext(results)]
            left = results.unread()

            assert_conserved(source, taken + left)
            assert results.unread() == []
            assert transport.on_wire == 0
            assert len(transport.attempts) <= 10

        run()

    @virtual_time
    async def test_exception_of_the_consumer(self) -> None:
        """An exception in the block passes through, after the wire is settled."""
        transport = ScriptedTransport(latency=1)
        results = make_dispatcher(transport).stream(calls_to(range(9)))

        async def consume() -> None:
            async with results:
                await asyncio.sleep(0.5)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await consume()

        assert [one.outcome for one in results.unread()] == [Outcome.ACCEPTED] * 9

    @virtual_time
    async def test_unread_half_way_does_not_stop_the_reading(self) -> None:
        """Taking the waiting results at once makes room as taking one by one does."""
        dispatcher = make_dispatcher(ScriptedTransport(latency=1), max_in_flight=2)
        taken: list[CallResult] = []
        async with dispatcher.stream(calls_to(range(50))) as results:
            async with asyncio.timeout(1000):
                while len(taken) < 50:
                    await asyncio.sleep(20)
                    taken += results.unread()
                    if len(taken) < 50:
                        taken.append(await anext(results))

        assert len(taken) == 50

    @virtual_time
    async def test_all_held(self) -> None:
        """Where every PABX is held, iteration ends with the reason."""
        transport = ScriptedTransport([answered(401)] * 100, latency=1)
        source = Source(calls_to(range(1000)))
        dispatcher = make_dispatcher(transport, max_in_flight=3)
        taken: list[CallResult] = []
        async with dispatcher.stream(source) as results:
            with pytest.raises(PABXPausedError) as caught:
                await take_into(taken, results)
        assert caught.value.reason == "status_401"
        assert len(transport.attempts) == 3
        assert len(source.read) < 10
        assert_conserved(source, [*taken, *results.unread()])

    @virtual_time
    async def test_one_of_two_held(self) -> None:
        """While one PABX takes calls, a dispatch goes on."""
        transport = ScriptedTransport(
            decide=lambda attempt: answered(403) if attempt.pabx == "0" else None
        )
        dispatcher = make_dispatcher(transport, several=2)
        async with dispatcher.stream(calls_to(range(100))) as results:
            taken = await take(results)
        outcomes = collections.Counter(result.outcome for result in taken)

        assert len(taken) == 100
        assert outcomes[Outcome.REFUSED] <= 2

    @virtual_time
    async def test_wait_for_resume(self) -> None:
        """With wait_for_resume a dispatch waits until somebody resumes."""
        transport = ScriptedTransport([answered(401)])
        pause = PauseSettings(wait_for_resume=True)
        dispatcher = make_dispatcher(transport, pause=pause, max_in_flight=2)
        loop = asyncio.get_running_loop()
        loop.call_later(5000, dispatcher.resume)
        async with dispatcher.stream(calls_to(range(10))) as results:
            taken = await take(results)

        assert loop.time() == pytest.approx(5000)
        assert sum(one.outcome is Outcome.ACCEPTED for one in taken) == 9

    @virtual_time
    async def test_a_pause_that_ends_by_itself_is_waited_for(self) -> None:
        """A dispatch waits for a PABX that will try again."""
        transport = ScriptedTransport([LOST] * 10)
        dispatcher = make_dispatcher(transport, max_in_flight=1)
        async with dispatcher.stream(calls_to(range(20))) as results:
            taken = await take(results)

        assert len(taken) == 20
        assert asyncio.get_running_loop().time() == pytest.approx(5)

    @virtual_time
    async def test_dispatcher_drains_meanwhile(self) -> None:
        """Where the dispatcher is told to stop, iteration ends with DrainedError."""
        source = Source(calls_to(range(1000)))
        transport = ScriptedTransport(latency=2)
        dispatcher = make_dispatcher(transport, max_in_flight=4)
        taken: list[CallResult] = []
        async with dispatcher.stream(source) as results:
            await asyncio.sleep(1)
            drained = asyncio.create_task(dispatcher.drain())
            with pytest.raises(DrainedError):
                await take_into(taken, results)
            await drained
        assert len(transport.attempts) == 4
        assert_conserved(source, [*taken, *results.unread()])
