"""What leases of slots cost in calls a second, and that they never let more through."""

import asyncio
import bisect
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from helpers import ScriptedTransport, make_call, make_pabx
from sharing_table import SharingTable
from virtual_time import virtual_time

from digitro_async import Dispatcher, PredictiveCall, RateLimit
from digitro_async.workers import WorkerBeat, WorkerSettings

CALLS: Final = 200
LATENCY: Final = 0.02
ROUNDING: Final = 1e-9
ALONE: Final = CALLS / (1 + LATENCY)
"""Calls a second of one process that shares with nobody: 196.1."""


class Dialler:
    """One worker that dials while it is told to."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Send calls without end."""
        self._task = asyncio.create_task(self._dial())

    async def stop(self) -> None:
        """Send no further call."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _dial(self) -> None:
        async with self._dispatcher.stream(calls()) as results:
            async for _ in results:
                pass


def calls() -> Iterator[PredictiveCall]:
    """Yield one call again and again."""
    call = make_call()
    while True:
        yield call


@contextlib.asynccontextmanager
async def dialling(
    transport: ScriptedTransport, table: SharingTable
) -> AsyncIterator[Dialler]:
    """Yield a worker that shares the cap."""
    pabx = make_pabx(rate=RateLimit(CALLS), max_in_flight=50)
    dispatcher = Dispatcher(pabx, transport)
    clock = asyncio.get_running_loop().time
    settings = WorkerSettings()
    async with WorkerBeat(table, dispatcher, settings, name="w", clock=clock):
        dialler = Dialler(dispatcher)
        try:
            yield dialler
        finally:
            await dialler.stop()


def rate(transport: ScriptedTransport, since: float, until: float) -> float:
    """Return the calls a second that began in a time."""
    return sum(since <= at < until for at in transport.times) / (until - since)


def most_in_a_second(transport: ScriptedTransport) -> int:
    """Return the most calls that the PABX can have counted within one second."""
    starts, ends = transport.times, sorted(transport.ended)
    return max(
        number + 1 - bisect.bisect_right(ends, at - 1 + ROUNDING)
        for number, at in enumerate(starts)
    )


@virtual_time
async def test_quiet_workers_lose_nothing() -> None:
    """Three workers that all have calls to send reach 99 % of what one alone would."""
    transport, table = ScriptedTransport(latency=LATENCY), SharingTable(CALLS)
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(3):
            one = await stack.enter_async_context(dialling(transport, table))
            one.begin()
        await asyncio.sleep(8.0)
        whole = rate(transport, 5.0, 8.0)

    assert whole >= 0.99 * ALONE
    assert whole >= 0.95 * CALLS
    assert most_in_a_second(transport) <= CALLS


@virtual_time
async def test_slots_that_move_cost_about_a_second() -> None:
    """Where two workers begin beside one, less than 1.5 s of the rate is lost."""
    transport, table = ScriptedTransport(latency=LATENCY), SharingTable(CALLS)
    async with contextlib.AsyncExitStack() as stack:
        several = [
            await stack.enter_async_context(dialling(transport, table))
            for _ in range(3)
        ]
        several[0].begin()
        await asyncio.sleep(4.0)
        assert rate(transport, 2.0, 4.0) >= 0.95 * CALLS
        several[1].begin()
        several[2].begin()
        await asyncio.sleep(4.0)
        lost = 4 * (ALONE - rate(transport, 4.0, 8.0))
        assert rate(transport, 7.0, 8.0) >= 0.95 * CALLS
        await several[0].stop()
        await asyncio.sleep(4.0)
        lost_again = 4 * (ALONE - rate(transport, 8.0, 12.0))

    assert lost <= 1.5 * CALLS
    assert lost_again <= 1.5 * CALLS
    assert most_in_a_second(transport) <= CALLS
