"""CallEventFeed: hands the events of calls to programs, each through its own queue."""

import asyncio
import time
import weakref
from collections import deque
from typing import Final, Self

import attrs

from digitro_async._common.own_loop import OwnLoop
from digitro_async.call_events import CallEvent, ChannelEvent, Gap

__all__ = ["QUEUE_SIZE", "CallEventFeed", "CallEvents"]

QUEUE_SIZE: Final = 10_000
"""Most events that wait for one program that iterates over them."""

SLOW: Final = "not_taken"
"""Reason of a gap where nobody took the events in time."""


@attrs.define
class _EventsLost:
    since: float
    count: int = 0


class CallEvents:
    """The events of calls from one moment on, to be iterated over.

    It yields each ``CallEvent``, and a ``Gap`` where events are missing: because the
    channel was lost, or because nobody took them while the queue was full; then it
    says how many. The iteration ends when the client closes.

    Args:
        size: Most events that wait.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue: deque[CallEvent | Gap] = deque()
        self._lost: dict[str, _EventsLost] = {}  # by the name of the PABX
        self._taker: asyncio.Future[None] | None = None
        self._own_loop = OwnLoop()
        self.is_closed: bool = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CallEvent | Gap:
        self._own_loop.check(self)
        while not self._queue:
            if self._lost:
                self._tell_lost()
            elif self.is_closed:
                raise StopAsyncIteration
            else:
                await self._wait()
        return self._queue.popleft()

    def __repr__(self) -> str:
        return f"<CallEvents {len(self._queue)} waiting>"

    def put(self, event: CallEvent | Gap) -> None:
        """Add an event, or count it where there is no room."""
        if self.is_closed:
            return
        if len(self._queue) >= self._size:
            lost = self._lost.get(event.pabx)
            if lost is None:
                lost = self._lost[event.pabx] = _EventsLost(event.seen_at)
            lost.count += 1
            return
        if self._lost:
            self._tell_lost()
        self._queue.append(event)
        self._wake()

    def close(self) -> None:
        """Take no further event; those that wait are still yielded."""
        self.is_closed = True
        self._wake()

    async def _wait(self) -> None:
        taker = self._taker
        if taker is None:
            taker = self._taker = asyncio.get_running_loop().create_future()
        await asyncio.shield(taker)  # another task may wait for the same

    def _wake(self) -> None:
        taker, self._taker = self._taker, None
        if taker is not None and not taker.done():
            taker.set_result(None)

    def _tell_lost(self) -> None:
        lost, self._lost = self._lost, {}
        for pabx, one in lost.items():
            gap = Gap(
                pabx=pabx,
                seen_at=time.time(),
                since=one.since,
                reason=SLOW,
                lost=one.count,
            )
            self._queue.append(gap)


class CallEventFeed:
    """Hands the events of calls to every program that iterates over them."""

    def __init__(self) -> None:
        self._several: weakref.WeakSet[CallEvents] = weakref.WeakSet()
        self._is_closed = False

    def open(self, size: int) -> CallEvents:
        """Return the events from now on.

        Args:
            size: Most events that wait.
        """
        events = CallEvents(size)
        self._several.add(events)
        if self._is_closed:
            events.close()
        return events

    def put(self, event: ChannelEvent) -> None:
        """Hand an event on, where it is one of a call, or a gap."""
        if self._several and isinstance(event, CallEvent | Gap):
            for events in tuple(self._several):
                events.put(event)

    def close(self) -> None:
        """End every iteration, once what waits is taken."""
        self._is_closed = True
        for events in tuple(self._several):
            events.close()
