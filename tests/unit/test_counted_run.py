"""What those who count calls are told, and that each call is counted once."""

import asyncio
from typing import Any

import pytest
from dispatch_scene import cancel_a_waiting_call, make_dispatcher
from helpers import LOST, NOT_SENT, ScriptedTransport, answered, make_call
from virtual_time import virtual_time

from digitro_async import (
    Dispatcher,
    OtherCommand,
    Outcome,
    PauseSettings,
    RetrySettings,
)
from digitro_async.dispatch._call_run import CallRun
from digitro_async.dispatch._counted_run import CountedCallRun
from digitro_async.observe import CallSettled

NEVER = PauseSettings(unknown_run=99, not_sent_run=99, rejected_run=99)
PATH = OtherCommand("canary-path", {"IDENTIDADE_DESTINO": "1"}, repeatable=True)


class Told:
    """A counter that keeps what it is told."""

    def __init__(self) -> None:
        self.settled: list[tuple[Any, ...]] = []
        self.retried: list[tuple[str, str]] = []

    def count_settled(self, *told: Any) -> None:
        """Keep a call with its result."""
        self.settled.append(told)

    def count_retried(self, *told: Any) -> None:
        """Keep an attempt that failed before others."""
        self.retried.append(told)


def counted(transport: ScriptedTransport, **settings: Any) -> tuple[Dispatcher, Told]:
    """Return a dispatcher and the counter of its calls."""
    dispatcher, told = make_dispatcher(transport, pause=NEVER, **settings), Told()
    dispatcher.activity.add_counter(told)
    return dispatcher, told


@virtual_time
async def test_an_accepted_call() -> None:
    """A call is counted when it has its result, and no activity is made of it."""
    dispatcher, told = counted(ScriptedTransport(latency=0.25))
    await dispatcher.submit(make_call())

    assert told.settled == [
        ("one", "predictive_call", Outcome.ACCEPTED, "", 1, 0.0, 0.25)
    ]
    assert told.retried == []
    assert dispatcher.activity.wanted == frozenset()


@virtual_time
async def test_a_call_that_is_sent_again() -> None:
    """An attempt that failed before others is counted beside the call."""
    dispatcher, told = counted(
        ScriptedTransport([NOT_SENT, answered(400)]), retry=RetrySettings()
    )
    await dispatcher.submit(make_call())

    assert told.retried == [("one", "connect_failed")]
    assert [one[2:5] for one in told.settled] == [(Outcome.REJECTED, "status_400", 2)]


@virtual_time
async def test_what_is_no_call() -> None:
    """What is no call, or names no PABX, is counted under names of this library."""
    dispatcher, told = counted(ScriptedTransport())
    nothing: Any = object()
    await dispatcher.submit(nothing)
    await dispatcher.submit(make_call(), pabx="canary-name")
    await dispatcher.submit(PATH)

    assert [one[:2] for one in told.settled] == [
        *((None, "other"), (None, "predictive_call"), ("one", "other"))
    ]
    assert "canary" not in repr(told.settled)


@virtual_time
async def test_each_call_of_a_list_is_counted_once() -> None:
    """The counts of a list are those of its results, whatever they are."""
    script = [NOT_SENT, LOST, answered(400), answered(500)] * 5
    dispatcher, told = counted(ScriptedTransport(script), retry=RetrySettings())
    async with dispatcher.stream([make_call(n) for n in range(30)]) as results:
        taken = [result async for result in results]

    assert sorted((one[2], one[4]) for one in told.settled) == sorted(
        (result.outcome, result.attempts) for result in taken
    )


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_call_that_is_cancelled_while_it_waits(is_listed: bool) -> None:
    """A call that never had its turn is counted once, as not sent."""

    @virtual_time
    async def run() -> None:
        dispatcher, told = counted(ScriptedTransport())
        await cancel_a_waiting_call(dispatcher, is_listed=is_listed)

        assert [(one[0], one[2], one[4]) for one in told.settled] == [
            (None, Outcome.NOT_SENT, 0)
        ]

    run()


@virtual_time
async def test_a_call_that_is_cancelled_on_the_wire() -> None:
    """A call that is cancelled during its attempt is counted once, as unknown."""
    dispatcher, told = counted(ScriptedTransport(latency=10))
    sending = asyncio.create_task(dispatcher.submit(make_call()))
    await asyncio.sleep(1)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)

    assert [one[2:5] for one in told.settled] == [(Outcome.UNKNOWN, "cancelled", 1)]


@virtual_time
async def test_a_call_that_is_cancelled_after_an_unknown_attempt() -> None:
    """A command that may have been carried out is not told as one that was not sent."""
    retry = RetrySettings(base_delay=60, max_delay=60)
    dispatcher, told = counted(ScriptedTransport([LOST], latency=2), retry=retry)
    told_too: list[Any] = []
    dispatcher.activity.observe(told_too.extend, CallSettled)
    sending = asyncio.create_task(dispatcher.submit(PATH))
    await asyncio.sleep(10)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    dispatcher.activity.flush()

    assert told.retried == [("one", "connection_lost")]
    assert told.settled == [
        ("one", "other", Outcome.UNKNOWN, "connection_lost", 1, 0.0, 2.0)
    ]
    assert [(one.outcome, one.latency) for one in told_too] == [(Outcome.UNKNOWN, 2.0)]


@virtual_time
async def test_a_call_whose_coroutine_is_closed() -> None:
    """A call that ends with the whole process, its attempt on the wire, is unknown."""
    dispatcher, told = counted(ScriptedTransport(latency=10))
    way = dispatcher.submit(make_call())
    way.send(None)
    way.close()

    assert [one[2:5] for one in told.settled] == [(Outcome.UNKNOWN, "cancelled", 1)]


@virtual_time
async def test_calls_are_plain_where_nobody_counts_them() -> None:
    """Before a counter comes and after the last one goes, calls are made as ever."""
    dispatcher = make_dispatcher(ScriptedTransport())
    services, first, second = dispatcher._services, Told(), Told()
    dispatcher.activity.add_counter(first)
    dispatcher.activity.add_counter(second)
    await dispatcher.submit(make_call())
    dispatcher.activity.remove_counter(first)
    one_left = services.make_run
    await dispatcher.submit(make_call())
    dispatcher.activity.remove_counter(second)

    assert (len(first.settled), len(second.settled)) == (1, 2)
    assert one_left is CountedCallRun
    assert services.make_run is CallRun
