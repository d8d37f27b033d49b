import asyncio
import collections
import random
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from dispatch_sources import (
    ONE_A_SECOND,
    AsyncSource,
    Call,
    Source,
    assert_conserved,
    make_dispatcher,
    numbers,
    take,
)
from helpers import (
    LOST,
    NOT_SENT,
    ScriptedTransport,
    answered,
    calls_to,
    make_call,
    per_second,
    take_into,
    within,
)
from virtual_time import virtual_time

from digitro_async import (
    CallResult,
    DispatchResults,
    DrainedError,
    Outcome,
    PABXPausedError,
)


class TestCancellation:
    """The results that are kept where the consumer is cancelled."""

    @pytest.mark.parametrize("kind", [Source, AsyncSource])
    @pytest.mark.parametrize("scope", [asyncio.timeout, anyio.fail_after])
    def test_what_is_on_the_wire_settles_first(
        self, kind: type[Source], scope: Any
    ) -> None:
        """A consumer that is cancelled waits for the wire, then has every result."""

        @virtual_time
        async def run() -> None:
            source = kind(calls_to(range(1000)))
            transport = ScriptedTransport(latency=10)
            dispatcher = make_dispatcher(transport, max_in_flight=6)
            taken: list[CallResult] = []
            results = dispatcher.stream(source)

            async def consume() -> None:
                async with results:
                    await take_into(taken, results)

            with pytest.raises(TimeoutError):
                async with within(scope(25)):
                    await consume()
            left = results.unread()

            assert asyncio.get_running_loop().time() == pytest.approx(30)
            assert_conserved(source, taken + left)
            assert {one.outcome for one in left} == {Outcome.ACCEPTED}
            assert transport.on_wire == 0

        run()

    @virtual_time
    async def test_second_cancellation_cuts_off(self) -> None:
        """A consumer that is cancelled again cuts the wire off; results are kept."""
        source = Source(calls_to(range(1000)))
        dispatcher = make_dispatcher(
            ScriptedTransport(latency=100), max_in_flight=5, rate=ONE_A_SECOND
        )
        results = dispatcher.stream(source)

        async def consume() -> None:
            async with results:
                await take(results)

        task = asyncio.create_task(consume())
        await asyncio.sleep(2.5)
        task.cancel()
        await asyncio.sleep(1)
        assert not task.done()
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        left = results.unread()

        assert task.cancelled()
        assert asyncio.get_running_loop().time() == pytest.approx(3.5)
        assert_conserved(source, left)
        outcomes = collections.Counter(one.outcome for one in left)
        assert outcomes == {Outcome.UNKNOWN: 3, Outcome.NOT_SENT: 2}
        assert dispatcher.statistics().in_flight == 0
        assert len(asyncio.all_tasks()) == 1

    @virtual_time
    async def test_every_task_is_cancelled(self) -> None:
        """Where somebody ends every task there is, no call read is forgotten."""
        source = Source(calls_to(range(1000)))
        dispatcher = make_dispatcher(
            ScriptedTransport(latency=100), max_in_flight=5, rate=ONE_A_SECOND
        )
        results = dispatcher.stream(source)

        async def consume() -> None:
            async with results:
                await take(results)

        task = asyncio.create_task(consume())
        await asyncio.sleep(2.5)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        await asyncio.wait([task])

        assert_conserved(source, results.unread())
        assert dispatcher.statistics().in_flight == 0

    @virtual_time
    async def test_workers_alone_are_cancelled(self) -> None:
        """Where only the workers are ended, iteration ends with DrainedError."""
        source = Source(calls_to(range(1000)))
        dispatcher = make_dispatcher(ScriptedTransport(latency=100), max_in_flight=3)
        taken: list[CallResult] = []
        async with dispatcher.stream(source) as results:
            await asyncio.sleep(1)
            for worker in list(results._workers._runs):
                worker.cancel()
            with pytest.raises(DrainedError):
                await take_into(taken, results)
        assert_conserved(source, [*taken, *results.unread()])

    @virtual_time
    async def test_waiting_for_one_result_can_be_given_up(self) -> None:
        """A wait for one result that is cut off loses nothing."""
        source = Source(calls_to(range(20)))
        dispatcher = make_dispatcher(ScriptedTransport(latency=1), max_in_flight=3)
        taken: list[CallResult] = []
        async with dispatcher.stream(source) as results:
            while True:
                try:
                    async with asyncio.timeout(0.3):
                        taken.append(await anext(results))
                except TimeoutError:
                    continue
                except StopAsyncIteration:
                    break
        assert_conserved(source, taken)

    @virtual_time
    async def test_source_that_waits_is_let_go(self) -> None:
        """A source that has nothing to give does not hold up the end."""
        closed = []

        async def slow() -> AsyncIterator[Call]:
            try:
                yield make_call(1)
                await asyncio.sleep(10_000)
            finally:
                closed.append(True)

        async with make_dispatcher(ScriptedTransport()).stream(slow()) as results:
            await anext(results)

        assert closed == [True]
        assert asyncio.get_running_loop().time() < 1


class Whim:
    """A consumer that does anything with results."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.taken: list[CallResult] = []

    async def consume(self, results: DispatchResults) -> None:
        """Take results, rest, drain, leave."""
        chance = self.chance
        async with results:
            async for result in results:
                self.taken.append(result)
                if chance.random() < 0.3:
                    await asyncio.sleep(chance.random())
                if chance.random() < 0.01:
                    results.drain()
                if chance.random() < 0.01:
                    return

    async def run(self, results: DispatchResults) -> None:
        """Consume, and be cancelled any number of times."""
        chance = self.chance
        task = asyncio.create_task(self.consume(results))
        if chance.random() < 0.7:
            for _ in range(chance.choice([1, 1, 2, 3])):
                await asyncio.sleep(chance.random() * chance.choice([0.001, 1, 10]))
                task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            assert isinstance(task.exception(), PABXPausedError | None)
        self.taken += results.unread()


@pytest.mark.parametrize("seed", range(60))
def test_every_call_read_is_in_exactly_one_result(seed: int) -> None:
    """However a dispatch ends, no call that was read is lost or told twice."""
    chance = random.Random(seed)
    kinds = [None] * 20 + [LOST, NOT_SENT, NOT_SENT, answered(429), answered(400)]
    if chance.random() < 0.2:
        kinds.append(answered(401))
    kind = chance.choice([Source, AsyncSource])

    @virtual_time
    async def run() -> None:
        transport = ScriptedTransport(
            latency=lambda: chance.random() * chance.choice([0.01, 1, 5]),
            decide=lambda _: chance.choice(kinds),
        )
        dispatcher = make_dispatcher(
            transport,
            several=chance.choice([1, 2]),
            max_in_flight=chance.choice([1, 3, 20]),
            rate=chance.choice([None, per_second(10)]),
        )
        source = kind(calls_to(range(chance.choice([0, 1, 5, 200]))))
        whim = Whim(chance)
        await whim.run(dispatcher.stream(source))

        assert_conserved(source, whim.taken)
        assert len(asyncio.all_tasks()) == 1
        assert transport.on_wire == 0
        assert dispatcher.statistics().in_flight == 0
        for result in whim.taken:
            [number] = numbers([result])
            assert transport.destinations.count(number) == result.attempts

    run()
