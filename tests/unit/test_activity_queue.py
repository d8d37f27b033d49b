"""How a program iterates over what happens, and how it stops."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from dispatch_scene import make_dispatcher
from helpers import ScriptedTransport, make_call
from virtual_time import virtual_time

from digitro_async import (
    ConfigurationError,
)
from digitro_async.dispatch._call_run import CallRun
from digitro_async.observe import (
    ActivitiesLost,
    Activity,
    CallQueued,
    CallRetried,
    CallSent,
    CallSettled,
)

CALLS = (CallQueued, CallSent, CallRetried, CallSettled)


def course(told: Sequence[Activity], serial: int) -> list[str]:
    """Return the names of what was told of one call."""
    return [
        type(one).__name__ for one in told if getattr(one, "serial", None) == serial
    ]


class TestIteration:
    """What is iterated over."""

    @virtual_time
    async def test_it_ends_with_the_client(self) -> None:
        """An iteration yields what happened, and ends when the client closes."""
        dispatcher = make_dispatcher(ScriptedTransport())
        queue = dispatcher.activity.follow(*CALLS)
        await dispatcher.submit(make_call())
        dispatcher.stop_events()

        assert course([one async for one in queue], 1) == [
            *("CallQueued", "CallSent", "CallSettled")
        ]
        assert [one async for one in dispatcher.activity.follow()] == []

    @virtual_time
    async def test_a_slow_one_is_told_what_it_lost(self) -> None:
        """Where the queue is full, the number of what is missing stands there."""
        dispatcher = make_dispatcher(ScriptedTransport())
        queue = dispatcher.activity.follow(CallSettled, size=2)
        for number in range(5):
            await dispatcher.submit(make_call(number))
        dispatcher.activity.flush()
        first = [await anext(queue) for _ in range(3)]
        await dispatcher.submit(make_call())
        dispatcher.stop_events()

        assert [getattr(one, "serial", None) for one in first] == [1, 2, None]
        assert isinstance(first[2], ActivitiesLost)
        assert first[2].count == 3
        assert [getattr(one, "serial", None) async for one in queue] == [6]

    @virtual_time
    async def test_it_can_be_left(self) -> None:
        """An iteration that is closed ends, and nobody observes calls any more."""
        dispatcher = make_dispatcher(ScriptedTransport())
        queue = dispatcher.activity.follow()
        waiting = asyncio.ensure_future(anext(queue, None))
        await asyncio.sleep(1)
        queue.close()
        queue.close()

        assert await waiting is None
        assert dispatcher._services.make_run is CallRun

    @pytest.mark.parametrize("size", [0, -1, True, 1.5])
    def test_a_size_that_is_none(self, size: Any) -> None:
        """A size below 1 is refused."""
        activity = make_dispatcher(ScriptedTransport()).activity

        with pytest.raises(ConfigurationError, match="size"):
            activity.follow(size=size)


@virtual_time
async def test_an_observed_client_leaves_nothing_behind() -> None:
    """A dispatcher whose observers stopped keeps no timer that holds it."""
    dispatcher = make_dispatcher(ScriptedTransport())
    dispatcher.activity.observe(print)
    await dispatcher.submit(make_call())
    waits = dispatcher.activity._handle is not None
    dispatcher.stop_events()

    assert waits
    assert dispatcher.activity._handle is None
