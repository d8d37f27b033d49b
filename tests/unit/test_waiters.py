"""Many who wait and give up take no longer than they are many."""

import asyncio
import random

import pytest
from cpu_time import STEEPEST, Act, assert_in_proportion
from helpers import ScriptedTransport, make_call, make_pabx
from hypothesis import given
from hypothesis import strategies as st
from virtual_time import virtual_time

from digitro_async import (
    CallResult,
    Dispatcher,
    NotSentError,
    Outcome,
    PauseSettings,
)
from digitro_async.dispatch._waiters import FEW_GONE, Waiter, Waiting

FEW, MANY = 1_000, 10_000


async def fill(
    dispatcher: Dispatcher, count: int, *, max_wait: float | None = None
) -> list[asyncio.Task[CallResult]]:
    """Have a number of calls wait for a PABX that has no room."""
    for admission in dispatcher._router.admissions.values():
        admission.standing.counters.in_flight = admission.pabx.max_in_flight
    call = make_call()
    tasks = [
        asyncio.create_task(
            dispatcher.submit(call, wait_while_paused=True, max_wait=max_wait)
        )
        for _ in range(count)
    ]
    while waiting(dispatcher) < count:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)
    return tasks


def waiting(dispatcher: Dispatcher) -> int:
    """Return how many wait, by the statistics."""
    return sum(one.waiting for one in dispatcher.statistics().pabx.values())


@pytest.mark.parametrize("order", ["last to first", "first to last", "mixed"])
async def test_cancelled(order: str) -> None:
    """Many who are cancelled are gone as fast as few, each, in whatever order."""

    async def prepare(count: int) -> Act:
        dispatcher = Dispatcher([make_pabx("a"), make_pabx("b")], ScriptedTransport())
        tasks = await fill(dispatcher, count)
        admissions = dispatcher._router.admissions.values()
        assert [admission.load for admission in admissions] == [1 + count / 200] * 2
        if order == "last to first":
            tasks.reverse()
        elif order == "mixed":
            random.Random(count).shuffle(tasks)

        async def cancel() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            assert waiting(dispatcher) == 0
            assert [admission.load for admission in admissions] == [1.0, 1.0]

        return cancel

    await assert_in_proportion(prepare, FEW, MANY)


async def test_forty_thousand() -> None:
    """40,000 who are cancelled, last to first, take ten times what 4,000 take."""

    async def prepare(count: int) -> Act:
        dispatcher = Dispatcher(make_pabx(), ScriptedTransport())
        tasks = await fill(dispatcher, count)

        async def cancel() -> None:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.wait(tasks)
            assert waiting(dispatcher) == 0

        return cancel

    await assert_in_proportion(prepare, 4_000, 40_000)


async def test_half_of_them_cancelled() -> None:
    """Those who stay are counted and served in their order."""
    dispatcher = Dispatcher(make_pabx(max_in_flight=1), ScriptedTransport())
    admission = dispatcher._router.admissions["one"]
    first = admission.acquire_nowait(asyncio.get_running_loop().time())
    assert first is not None
    order: list[int] = []

    async def one(number: int) -> None:
        ticket = await admission.acquire(wait_while_paused=True)
        order.append(number)
        ticket.cancel(asyncio.get_running_loop().time(), sent=False)

    tasks = [asyncio.create_task(one(number)) for number in range(2000)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.sleep(0)

    assert admission.snapshot(0.0).waiting == 1000
    assert admission.load == 1001

    first.cancel(asyncio.get_running_loop().time(), sent=False)
    await asyncio.wait(tasks)

    assert order == list(range(1, 2000, 2))
    assert admission.load == 0


@virtual_time
async def test_expired() -> None:
    """Those whose time to wait is over are gone as fast, each, as few."""

    async def prepare(count: int) -> Act:
        dispatcher = Dispatcher(make_pabx(), ScriptedTransport())
        tasks = await fill(dispatcher, count, max_wait=60)

        async def expire() -> None:
            await asyncio.wait(tasks)
            assert waiting(dispatcher) == 0

        return expire

    await assert_in_proportion(prepare, FEW, MANY)


async def test_many_come_while_it_is_paused() -> None:
    """Those who wait for a pause to end are not looked at for each that comes."""

    async def prepare(count: int) -> Act:
        pause = PauseSettings(wait_for_resume=True)
        dispatcher = Dispatcher(make_pabx(), ScriptedTransport(), pause=pause)
        dispatcher.pause()

        async def come_and_go() -> None:
            tasks = await fill(dispatcher, count)
            for admission in dispatcher._router.admissions.values():
                admission.standing.counters.in_flight = 0
            dispatcher.resume()
            await asyncio.wait(tasks)
            assert dispatcher.statistics().outcomes[Outcome.ACCEPTED] == count

        return come_and_go

    await assert_in_proportion(prepare, FEW, MANY)


async def test_turned_away_to_another() -> None:
    """Whoever has to move on does not look at every PABX there is."""

    async def prepare(count: int) -> Act:
        """Pause half of a number of PABX that 2,000 wait for."""
        pabx = [make_pabx(f"{one}", max_in_flight=10**6) for one in range(count // 50)]
        dispatcher = Dispatcher(pabx, ScriptedTransport())
        tasks = await fill(dispatcher, 2_000)
        admissions = list(dispatcher._router.admissions.values())
        for admission in admissions:
            admission.standing.counters.in_flight = 0

        async def move_on() -> None:
            for admission in admissions[: len(admissions) // 2]:
                admission.pause("operator")
            await asyncio.wait(tasks)

        return move_on

    steepest = STEEPEST * FEW / MANY  # their number counts for nothing
    await assert_in_proportion(prepare, FEW, MANY, steepest=steepest)


@given(
    st.lists(
        st.one_of(
            st.just(("join", 0)),
            st.just(("serve", 0)),
            st.just(("turn away", 0)),
            st.tuples(st.just("leave"), st.integers(0, 300)),
        ),
        max_size=300,
    )
)
def test_queue_against_a_list(events: list[tuple[str, int]]) -> None:
    """The queue is what a plain list would be, and keeps few empty places."""
    loop = asyncio.new_event_loop()
    queue, model = Waiting(), list[Waiter]()
    try:
        for number, (event, index) in enumerate(events):
            if event == "join":
                waiter = Waiter(
                    loop.create_future(),
                    wait_while_paused=number % 3 > 0,
                    is_listed=number % 2 > 0,
                )
                queue.join(waiter)
                model.append(waiter)
            elif event == "serve":
                is_lists_turn = number % 4 > 1
                own = [one for one in model if one.is_listed is is_lists_turn]
                expected = next(iter(own or model), None)
                assert queue.first(is_lists_turn=is_lists_turn) is expected
                if expected is not None:
                    model.remove(expected)
                    queue.serve(expected, None)
            elif event == "turn away":
                queue.turn_away(
                    lambda one: None if one.wait_while_paused else _RefusedError()
                )
                model = [one for one in model if one.wait_while_paused]
            elif model:
                waiter = model.pop(index % len(model))
                waiter.turn.cancel()
                queue.leave(waiter)
                queue.leave(waiter)

            assert list(queue) == sorted(model, key=lambda one: one.is_listed)
            assert queue.count == len(model)
            places = len(queue._single) + len(queue._listed)
            assert places <= 2 * queue.count + FEW_GONE
    finally:
        loop.close()


class _RefusedError(NotSentError):
    """Anything that can be raised."""
