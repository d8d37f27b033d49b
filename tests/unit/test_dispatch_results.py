import asyncio
import collections
import gc
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from dispatch_sources import (
    AsyncSource,
    Source,
    assert_conserved,
    make_dispatcher,
    numbers,
    take,
)
from helpers import (
    LOST,
    ScriptedTransport,
    answered,
    calls_to,
    make_call,
    per_second,
    take_into,
)
from virtual_time import virtual_time

from digitro_async import (
    CallResult,
    ConfigurationError,
    DispatchItem,
    DrainedError,
    Outcome,
    PredictiveCall,
)


class TestReading:
    """How the source is read."""

    @pytest.mark.parametrize("kind", [Source, AsyncSource])
    def test_every_call_has_one_result(self, kind: type[Source]) -> None:
        """Each call of a source, synchronous or not, comes out once."""

        @virtual_time
        async def run() -> None:
            source = kind(calls_to(range(500)))
            dispatcher = make_dispatcher(
                ScriptedTransport(latency=0.1), max_in_flight=7
            )
            async with dispatcher.stream(source) as results:
                taken = await take(results)

            assert_conserved(source, taken)
            assert results.exhausted
            assert results.unread() == []
            assert {result.outcome for result in taken} == {Outcome.ACCEPTED}

        run()

    @virtual_time
    async def test_empty_source(self) -> None:
        """No calls, no results."""
        async with make_dispatcher(ScriptedTransport()).stream([]) as results:
            assert await take(results) == []
            assert results.exhausted

    @pytest.mark.parametrize("kind", [Source, AsyncSource])
    def test_no_more_is_read_than_can_be_used(self, kind: type[Source]) -> None:
        """While nobody takes results, reading stops at workers and buffer."""

        @virtual_time
        async def run() -> None:
            source = kind(calls_to(range(100_000)))
            dispatcher = make_dispatcher(
                ScriptedTransport(latency=0.1), max_in_flight=5
            )
            async with dispatcher.stream(source) as results:
                await asyncio.sleep(100)

                assert len(source.read) <= 5 + 2 * 5

                for _ in range(40):
                    await anext(results)
                    await asyncio.sleep(1)

                    assert len(source.read) - 40 <= 5 + 2 * 5
            assert len(results.unread()) == len(source.read) - 40

        run()

    @virtual_time
    async def test_no_more_is_read_than_is_on_the_wire(self) -> None:
        """Nothing is read ahead of the workers."""
        source = Source(calls_to(range(1000)))
        dispatcher = make_dispatcher(ScriptedTransport(latency=10), max_in_flight=8)
        async with dispatcher.stream(source) as results:
            await asyncio.sleep(5)

            assert len(source.read) == 8

            results.drain()

    @virtual_time
    async def test_a_call_that_takes_long_holds_up_no_other(self) -> None:
        """Results come in the order of completion."""
        first = iter([10.0, 1.0, 2.0])
        transport = ScriptedTransport(latency=lambda: next(first))
        async with make_dispatcher(transport).stream(calls_to(range(3))) as results:
            assert numbers(await take(results)) == ["1", "2", "0"]

    @virtual_time
    async def test_one_failure_touches_no_other(self) -> None:
        """Whatever becomes of one call, the others are made."""
        transport = ScriptedTransport(
            [LOST, answered(400), answered(500)], latency=0.01
        )
        source: list[Any] = [*calls_to(range(5)), "nonsense", None]
        async with make_dispatcher(transport).stream(source) as results:
            taken = await take(results)
        outcomes = collections.Counter(result.outcome for result in taken)

        assert outcomes == {
            Outcome.UNKNOWN: 2,
            Outcome.REJECTED: 1,
            Outcome.ACCEPTED: 2,
            Outcome.INVALID: 2,
        }

    @virtual_time
    async def test_items_carry_keys_and_pabx(self) -> None:
        """An item's key comes back and its PABX takes it."""
        transport = ScriptedTransport()
        items = [
            DispatchItem(
                call=make_call(number), pabx=str(number % 2), key=("k", number)
            )
            for number in range(6)
        ]
        dispatcher = make_dispatcher(transport, several=2)
        async with dispatcher.stream(items) as results:
            taken = await take(results)

        assert {(result.key, result.pabx) for result in taken} == {
            (("k", number), str(number % 2)) for number in range(6)
        }
        assert all(result.call is items[result.key[1]].call for result in taken)  # type: ignore[index]  # a tuple

    @pytest.mark.parametrize("kind", [Source, AsyncSource])
    def test_fault_of_the_source(self, kind: type[Source]) -> None:
        """An exception of the source comes after the last result."""

        def broken() -> Iterator[PredictiveCall]:
            yield from calls_to(range(7))
            raise ZeroDivisionError

        @virtual_time
        async def run() -> None:
            source = kind(broken())
            dispatcher = make_dispatcher(ScriptedTransport(latency=1), max_in_flight=3)
            taken: list[CallResult] = []
            async with dispatcher.stream(source) as results:
                with pytest.raises(ZeroDivisionError):
                    await take_into(taken, results)
            assert_conserved(source, [*taken, *results.unread()])
            assert len(source.read) == 7
            assert not results.exhausted
            assert all(result.attempts <= 1 for result in taken)

        run()

    @virtual_time
    async def test_what_waits_when_the_source_breaks_is_not_sent(self) -> None:
        """Calls that wait for their turn when the source breaks end as drained."""

        def broken() -> Iterator[PredictiveCall]:
            yield from calls_to(range(5))
            raise ZeroDivisionError

        dispatcher = make_dispatcher(ScriptedTransport(), rate=per_second(1))
        async with dispatcher.stream(broken()) as results:
            taken = [await anext(results) for _ in range(5)]
            with pytest.raises(ZeroDivisionError):
                await anext(results)

        assert sum(isinstance(one.error, DrainedError) for one in taken) == 4

    @virtual_time
    async def test_entered_once(self) -> None:
        """The results of one dispatch are entered once, and before iterating."""
        results = make_dispatcher(ScriptedTransport()).stream(calls_to(range(3)))
        with pytest.raises(ConfigurationError):
            aiter(results)
        async with results:
            pass
        with pytest.raises(ConfigurationError):
            await results.__aenter__()

    @virtual_time
    async def test_two_may_take_from_one(self) -> None:
        """Two tasks that take results of one dispatch share them."""
        dispatcher = make_dispatcher(ScriptedTransport(latency=1), max_in_flight=3)
        async with dispatcher.stream(calls_to(range(30))) as results:
            both = await asyncio.wait_for(
                asyncio.gather(take(results), take(results)), 60
            )

        assert sorted(numbers(both[0] + both[1])) == sorted(map(str, range(30)))

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with 3.12")
    @virtual_time
    async def test_eager_tasks(self) -> None:
        """On a loop whose tasks start eagerly, reading is as lazy as on others."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]  # 3.12
        source = Source(calls_to(range(1000)))
        transport = ScriptedTransport(latency=1)
        dispatcher = make_dispatcher(transport, max_in_flight=4)
        async with dispatcher.stream(source) as results:
            await asyncio.sleep(0.5)

            assert len(source.read) == 4

            results.drain()
        assert [one.outcome for one in results.unread()] == [Outcome.ACCEPTED] * 4


@virtual_time
async def test_memory_does_not_grow_with_the_list() -> None:
    """Results that were taken are not kept."""
    dispatcher = make_dispatcher(ScriptedTransport(), max_in_flight=10)
    async with dispatcher.stream(calls_to(range(3000))) as results:
        async for _ in results:
            pass
        del _
        gc.collect()
        alive = sum(isinstance(thing, CallResult) for thing in gc.get_objects())

    assert alive < 50
