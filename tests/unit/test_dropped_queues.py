"""What is left of a program that iterated over what a client tells, and stopped."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from dispatch_scene import make_dispatcher
from helpers import ScriptedTransport, make_call
from scripted_events import ScriptedPABX, pabx_with_events
from virtual_time import virtual_time

from digitro_async import CallPhase, Dispatcher
from digitro_async.observe import ActivitiesLost, CallSettled

Opened = Callable[[Dispatcher], Any]


def activities(dispatcher: Dispatcher) -> Any:
    """Return the queue of what happens in a dispatcher."""
    return dispatcher.activity.follow(CallSettled)


def call_events(dispatcher: Dispatcher) -> Any:
    """Return the queue of its events of calls."""
    return dispatcher.call_events()


class Scene:
    """A dispatcher of a PABX with events."""

    def __init__(self) -> None:
        self.scripted = ScriptedPABX()
        self.dispatcher = self.scripted.connect(
            make_dispatcher(self.scripted, pabx_with_events())
        )
        self.made = 0

    async def make_call(self) -> None:
        """Make a call, of which each kind of queue is told."""
        self.made += 1
        await self.dispatcher.submit(make_call(self.made))
        self.scripted.tell(CallPhase.STARTED, str(self.made))
        self.dispatcher.activity.flush()


async def first_of(queue: AsyncIterator[Any]) -> object:
    """Return the first of what is iterated over, and leave the iteration."""
    async for one in queue:
        return one
    return None


@pytest.mark.parametrize("opened", [activities, call_events])
def test_a_queue_that_is_dropped(opened: Opened) -> None:
    """One that nobody closed and nobody has any more is not kept by the client."""

    @virtual_time
    async def run() -> None:
        scene = Scene()
        queue = opened(scene.dispatcher)
        dropped = weakref.ref(queue)
        await scene.make_call()
        del queue
        gc.collect()
        await scene.make_call()

        assert dropped() is None
        assert scene.dispatcher.activity.wanted == frozenset()

    run()


@pytest.mark.parametrize("opened", [activities, call_events])
def test_an_iteration_that_is_left(opened: Opened) -> None:
    """A loop that is left by ``break`` or ``return`` leaves no queue behind."""

    @virtual_time
    async def run() -> None:
        scene = Scene()
        reading = asyncio.create_task(first_of(opened(scene.dispatcher)))
        await asyncio.sleep(1)
        await scene.make_call()
        assert await reading is not None
        del reading
        gc.collect()
        await scene.make_call()

        assert len(scene.dispatcher.activity._queues) == 0
        assert len(scene.dispatcher._feed._queues) == 0
        assert scene.dispatcher.activity.wanted == frozenset()

    run()


@pytest.mark.parametrize("opened", [activities, call_events])
@pytest.mark.parametrize("is_cancelled", [True, False])
def test_a_task_that_only_its_queue_knows(opened: Opened, is_cancelled: bool) -> None:
    """A task that waits goes on though nobody kept it, until its client closes."""

    @virtual_time
    async def run() -> None:
        scene, told = Scene(), list[object]()

        async def read() -> None:
            queue = opened(scene.dispatcher)
            if is_cancelled:  # another task waits for the same, and no longer
                other = asyncio.create_task(anext(queue))
                asyncio.get_running_loop().call_later(0.5, other.cancel)
            async for one in queue:
                told.append(one)
            told.append(None)

        asyncio.create_task(read())  # noqa: RUF006 - nobody keeps it
        await asyncio.sleep(1)
        gc.collect()
        await scene.make_call()
        await asyncio.sleep(1)
        gc.collect()
        scene.dispatcher.stop_events()
        await asyncio.sleep(1)

        assert len(told) > 1
        assert told[-1] is None
        assert not scene.dispatcher.activity._queues._awaited
        assert not scene.dispatcher._feed._queues._awaited

    run()


@virtual_time
async def test_a_reader_that_stops_reading() -> None:
    """One that is kept and not read holds as much as it has room for, and no more."""
    dispatcher = make_dispatcher(ScriptedTransport())
    queue = dispatcher.activity.follow(CallSettled, size=3)
    for number in range(50):
        await dispatcher.submit(make_call(number))
        dispatcher.activity.flush()
    waiting = len(queue._queue)
    dispatcher.stop_events()
    told = [one async for one in queue]

    assert waiting == 3
    assert isinstance(told[-1], ActivitiesLost)
    assert told[-1].count == 47


@virtual_time
async def test_a_queue_that_is_closed() -> None:
    """A closed queue is kept by nobody but its program, and nor is its client."""
    dispatcher = make_dispatcher(ScriptedTransport())
    queue = dispatcher.activity.follow()
    queue.close()
    kept = weakref.ref(dispatcher)
    del dispatcher
    gc.collect()

    assert kept() is None
    assert [one async for one in queue] == []
