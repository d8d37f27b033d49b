"""CallEventFeed: hands the events of calls to programs, each through its own queue."""

import time
from collections.abc import Iterable
from typing import Final

import attrs

from digitro_async._common.program_queue import ProgramQueue, ProgramQueues
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


class CallEvents(ProgramQueue[CallEvent | Gap]):
    """The events of calls from one moment on, to be iterated over.

    It yields each ``CallEvent``, and a ``Gap`` where events are missing: because the
    channel was lost, or because nobody took them while the queue was full; then it
    says how many. The iteration ends when the client closes.

    Args:
        size: Most events that wait.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._lost: dict[str, _EventsLost] = {}  # by the name of the PABX

    def put(self, event: CallEvent | Gap) -> None:
        """Add an event, or count it where there is no room."""
        if self._is_closed:
            return
        if len(self._queue) >= self._size:
            lost = self._lost.get(event.pabx)
            if lost is None:
                lost = self._lost[event.pabx] = _EventsLost(event.seen_at)
            lost.count += 1
            return
        if self._lost:
            self._queue.extend(self._take_lost())
        self._queue.append(event)
        self._wake()

    def _take_lost(self) -> Iterable[Gap]:
        lost, self._lost = self._lost, {}
        return [
            Gap(
                pabx=pabx,
                seen_at=time.time(),
                since=one.since,
                reason=SLOW,
                lost=one.count,
            )
            for pabx, one in lost.items()
        ]


class CallEventFeed:
    """Hands the events of calls to every program that iterates over them."""

    def __init__(self) -> None:
        self._queues: ProgramQueues[CallEvents] = ProgramQueues()

    def open(self, size: int) -> CallEvents:
        """Return the events from now on.

        Args:
            size: Most events that wait.
        """
        events = CallEvents(size)
        self._queues.add(events)
        return events

    def put(self, event: ChannelEvent) -> None:
        """Hand an event on, where it is one of a call, or a gap."""
        if self._queues and isinstance(event, CallEvent | Gap):
            for events in self._queues:
                events.put(event)

    def close(self) -> None:
        """End every iteration, once what waits is taken."""
        self._queues.close()
