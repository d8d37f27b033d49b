import asyncio
import collections
import gc
import random
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import anyio
import pytest
from helpers import (
    LOST,
    NOT_SENT,
    ScriptedTransport,
    answered,
    calls_to,
    make_call,
    make_pabx,
    per_second,
    take_into,
    within,
)
from virtual_time import virtual_time

from digitro_async import (
    CallResult,
    ConfigurationError,
    Dispatcher,
    DispatchItem,
    DispatchResults,
    DrainedError,
    Outcome,
    PABXPausedError,
    PauseSettings,
    PredictiveCall,
    RateLimit,
)

Call = PredictiveCall | DispatchItem
ONE_A_SECOND = RateLimit(10, 10.0)  # with slots for slow calls


def make_dispatcher(transport: Any, *, several: int = 1, **settings: Any) -> Dispatcher:
    """Return a dispatcher over PABX with those settings."""
    pause = settings.pop("pause", None)
    pabx = [make_pabx(str(number), **settings) for number in range(several)]
    return Dispatcher(pabx, transport, pause=pause, chance=lambda: 1.0)


class Source:
    """Calls that are counted as they are read."""

    def __init__(self, calls: Iterable[Call]) -> None:
        self.read: list[Call] = []
        self._calls = iter(calls)

    def __iter__(self) -> Iterator[Call]:
        for call in self._calls:
            self.read.append(call)
            yield call


class AsyncSource(Source):
    """The same, each after a while."""

    def __init__(self, calls: Iterable[Call], pause: float = 0.0) -> None:
        super().__init__(calls)
        self._pause = pause

    async def __aiter__(self) -> AsyncIterator[Call]:
        for call in self._calls:
            await asyncio.sleep(self._pause)
            self.read.append(call)
            yield call


def numbers(results: Iterable[CallResult]) -> list[str]:
    """Return the destinations of results."""
    return [result.call.destination.reveal() for result in results]


def assert_conserved(source: Source, results: Iterable[CallResult]) -> None:
    """Check that every call read is in exactly one result."""
    read = [
        item.call if isinstance(item, DispatchItem) else item for item in source.read
    ]
    counted = collections.Counter(id(result.call) for result in results)

    assert counted == collections.Counter(id(call) for call in read)


async def take(results: DispatchResults) -> list[CallResult]:
    """Take all results."""
    return [result async for result in results]


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


class TestCancellation:
    """What is kept where the consumer is cancelled."""

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
