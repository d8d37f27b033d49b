"""A list ends as a whole one only where its source came to its own end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from helpers import ScriptedTransport, calls_to, make_call, make_pabx, take_into
from virtual_time import virtual_time

from digitro_async import (
    CallResult,
    DigitroClient,
    Dispatcher,
    DrainedError,
    Outcome,
    SourceError,
)
from digitro_async.testing import FakePABX


def make_dispatcher(latency: float = 0.1, **settings: Any) -> Dispatcher:
    """Return a dispatcher that accepts everything."""
    settings = {"max_in_flight": 3, **settings}
    return Dispatcher(make_pabx(**settings), ScriptedTransport(latency=latency))


def breaks_off(error: type[BaseException]) -> Iterator[Any]:
    """Give ten calls, then raise; a generator that raised is at its end."""
    yield from calls_to(range(10))
    raise error


async def breaks_off_async(error: type[BaseException]) -> AsyncIterator[Any]:
    """Do the same, waiting now and then."""
    for call in calls_to(range(10)):
        await asyncio.sleep(0.01)
        yield call
    raise error


class Raises:
    """An iterator by hand: it may raise what no generator can."""

    def __init__(self, error: type[BaseException], *, at: int = 10) -> None:
        self.error, self.at, self.read = error, at, 0

    def __iter__(self) -> "Raises":
        return self

    def __next__(self) -> Any:
        self.read += 1
        if self.read == self.at + 1:
            raise self.error
        if self.read > 100:  # it would go on, if anybody went on reading
            raise StopIteration
        return make_call(self.read)


class RaisesAsync(Raises):
    """The same as an asynchronous one."""

    __iter__: Any = None

    def __aiter__(self) -> "RaisesAsync":
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        if self.read >= 100:
            raise StopAsyncIteration
        return self.__next__()


Make = Callable[[type[BaseException]], Any]
MISTAKABLE = [asyncio.CancelledError, GeneratorExit]


@pytest.mark.parametrize("error", [*MISTAKABLE, StopAsyncIteration, ValueError])
@pytest.mark.parametrize("make", [breaks_off, breaks_off_async, Raises, RaisesAsync])
def test_a_source_that_breaks_off(make: Make, error: type[BaseException]) -> None:
    """The error of a source comes after the last result, never taken for its end."""
    if make is RaisesAsync and error is StopAsyncIteration:
        return  # that is how one ends

    @virtual_time
    async def run() -> None:
        taken: list[CallResult] = []
        task = asyncio.current_task()
        assert task is not None
        async with make_dispatcher().stream(make(error)) as results:
            with pytest.raises(Exception) as caught:  # noqa: PT011 - looked at below
                await take_into(taken, results)

        assert not results.exhausted
        assert len([*taken, *results.unread()]) == 10
        assert {one.outcome for one in taken} <= {Outcome.ACCEPTED, Outcome.NOT_SENT}
        assert task.cancelling() == 0
        if error is ValueError:
            assert type(caught.value) is ValueError
        elif isinstance(caught.value, SourceError):
            assert caught.value.reason == "source"
            assert error.__name__ in str(caught.value)
            assert isinstance(caught.value.__cause__, error)
        else:  # Python itself has made it a RuntimeError of a generator
            assert isinstance(caught.value, RuntimeError)
            assert error is StopAsyncIteration

    run()


@pytest.mark.parametrize("kind", ["__iter__", "__aiter__"])
def test_a_source_that_cannot_be_begun(kind: str) -> None:
    """The error of a source before its first call does not pass for a cancellation."""

    def refuse(_: object) -> Any:
        raise asyncio.CancelledError

    source = type("Source", (), {kind: refuse})()
    with pytest.raises(SourceError) as caught:
        make_dispatcher().stream(source)

    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


@virtual_time
async def test_a_generator_that_runs_elsewhere() -> None:
    """An asynchronous generator that somebody else iterates over is an error."""

    async def slow() -> AsyncIterator[Any]:
        while True:
            await asyncio.sleep(1)
            yield make_call()

    shared = slow()
    other = asyncio.ensure_future(anext(shared))
    await asyncio.sleep(0)
    async with make_dispatcher().stream(shared) as results:
        with pytest.raises(RuntimeError, match="already running"):
            await anext(results)

    assert not results.exhausted
    await other
    await shared.aclose()  # type: ignore[attr-defined]  # it is a generator


def test_an_end_of_the_process() -> None:
    """A source that ends the process does, and its list is not whole."""

    def ends() -> Iterator[Any]:
        yield make_call(1)
        raise SystemExit(3)

    seen: list[Any] = []

    async def main() -> None:
        async with make_dispatcher().stream(ends()) as results:
            seen.append(results)
            async for _ in results:
                pass

    with pytest.raises(SystemExit) as caught:
        asyncio.run(main())

    assert caught.value.code == 3
    assert not seen[0].exhausted


@virtual_time
async def test_readers_that_are_cancelled_from_outside() -> None:
    """Where somebody cancels whoever reads the source, the list is not whole."""

    async def waits() -> AsyncIterator[Any]:
        yield make_call(1)
        await asyncio.sleep(1000)
        yield make_call(2)

    taken: list[CallResult] = []
    async with make_dispatcher().stream(waits()) as results:
        await asyncio.sleep(1)
        for worker in list(results._workers._runs):
            worker.cancel()
        with pytest.raises(DrainedError):
            await take_into(taken, results)

    assert len(taken) == 1
    assert not results.exhausted


@virtual_time
async def test_a_source_that_ends_when_it_is_told_to() -> None:
    """A source that takes its cancellation for its end was not read to its end."""

    async def polite() -> AsyncIterator[Any]:
        yield make_call(1)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)

    async with make_dispatcher().stream(polite()) as results:
        await anext(results)
        await asyncio.sleep(1)
        results.drain()
        with pytest.raises(StopAsyncIteration):
            await anext(results)

    assert not results.exhausted


@pytest.mark.parametrize("sync", [True, False])
def test_a_source_that_gives_a_call_after_the_end(sync: bool) -> None:
    """A call that comes when no more may start is not made, and has a result."""
    dispatcher = make_dispatcher()
    streams: list[Any] = []

    def drains() -> Iterator[Any]:
        yield make_call(1)
        streams[0].drain()
        yield make_call(2)

    async def stubborn() -> AsyncIterator[Any]:
        yield make_call(1)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)
        yield make_call(2)

    @virtual_time
    async def run() -> None:
        streams.append(dispatcher.stream(drains() if sync else stubborn()))
        async with streams[0] as results:
            taken = [await anext(results)]
            results.drain()
            taken += [one async for one in results]

        outcomes = sorted(one.outcome for one in taken)
        assert outcomes == [Outcome.ACCEPTED, Outcome.NOT_SENT]
        assert not results.exhausted

    run()


class TestClosing:
    """A client that is closed ends what reads for it."""

    @pytest.mark.parametrize("entered", ["before", "after"])
    def test_a_source_that_waits(self, entered: str) -> None:
        """Closing ends a stream whose source waits for ever, and lets go of it."""
        closed = []

        async def waits() -> AsyncIterator[Any]:
            try:
                yield make_call(1)
                await asyncio.get_running_loop().create_future()
            finally:
                closed.append(True)

        @virtual_time
        async def run() -> None:
            dispatcher = make_dispatcher()
            results = dispatcher.stream(waits())
            if entered == "after":
                await dispatcher.drain()
            taken: list[CallResult] = []
            async with results:
                await asyncio.sleep(1)
                await dispatcher.drain()
                with pytest.raises(DrainedError):
                    await take_into(taken, results)

            assert not results.exhausted
            assert len(taken) == (entered == "before")
            assert closed == [True] * (entered == "before")
            assert len(asyncio.all_tasks()) == 1

        run()

    @pytest.mark.parametrize("exhausted", [True, False])
    def test_what_is_on_the_wire_finishes(self, exhausted: bool) -> None:
        """Calls on the wire finish; only what was not read makes an error."""

        async def source() -> AsyncIterator[Any]:
            for number in range(3):
                yield make_call(number)
            if not exhausted:
                await asyncio.get_running_loop().create_future()

        @virtual_time
        async def run() -> None:
            dispatcher = make_dispatcher(latency=10, max_in_flight=5)
            taken: list[CallResult] = []
            async with dispatcher.stream(source()) as results:
                await asyncio.sleep(1)
                closing = asyncio.create_task(dispatcher.drain())
                end = contextlib.nullcontext()
                with end if exhausted else pytest.raises(DrainedError):
                    await take_into(taken, results)
                await closing

            assert [one.outcome for one in taken] == [Outcome.ACCEPTED] * 3
            assert results.exhausted is exhausted
            assert asyncio.get_running_loop().time() == pytest.approx(10)

        run()

    @virtual_time
    async def test_who_waits_for_room(self) -> None:
        """A stream whose results nobody takes ends too, and keeps them."""
        dispatcher = make_dispatcher()
        async with dispatcher.stream(calls_to(range(1000))) as results:
            await asyncio.sleep(60)
            await dispatcher.drain()
            taken: list[CallResult] = []
            with pytest.raises(DrainedError):
                await take_into(taken, results)

        assert 3 <= len(taken) <= 10
        assert {one.outcome for one in taken} == {Outcome.ACCEPTED}

    async def test_the_client(self) -> None:
        """aclose() returns although a source waits, and iteration ends."""

        async def waits() -> AsyncIterator[Any]:
            yield make_call(1)
            await asyncio.get_running_loop().create_future()

        async with FakePABX() as pabx, asyncio.timeout(60):
            client = DigitroClient(pabx.settings())
            async with client, client.dispatch(waits()) as results:
                first = await anext(results)
                waiting = asyncio.ensure_future(anext(results))
                await asyncio.sleep(0.05)
                await client.aclose()
                with pytest.raises(DrainedError):
                    await waiting

        assert first.outcome is Outcome.ACCEPTED
        assert not results.exhausted


@virtual_time
async def test_many_waits_for_a_result_leave_nothing() -> None:
    """Waits for a result that are given up are not remembered."""
    async with make_dispatcher(latency=1000).stream(calls_to(range(3))) as results:
        for _ in range(500):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await anext(results)

        assert not results._buffer.takers
