"""The calls that wait for a turn at one PABX, first come first served.

A waiter that is cancelled is marked and not searched for: 40,000 that are cancelled at
once would otherwise take a search each through all the others.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from digitro_async.errors import DigitroError

__all__ = ["Waiter", "Waiting"]

FEW_GONE = 64
"""Places of waiters that are gone which may be left, beyond the number that waits."""


@attrs.define(eq=False)
class Waiter:
    """A call that waits for a turn, or did.

    Attributes:
        turn: Has the ticket of its turn once that has come.
        wait_while_paused: Whether it waits while the PABX is paused.
        waits: Whether it still counts as waiting.
        paced: Whether it waits for a rate slot, too.
    """

    turn: asyncio.Future[Any]  # a Ticket, which this module doesn't know
    wait_while_paused: bool
    waits: bool = True
    paced: bool = attrs.field(default=True, kw_only=True)


class Waiting:
    """A queue of waiters.

    Attributes:
        count: Number of calls that wait.
    """

    __slots__ = ("_queue", "count")

    def __init__(self) -> None:
        self.count = 0
        self._queue: deque[Waiter] = deque()

    def __iter__(self) -> Iterator[Waiter]:
        return (waiter for waiter in self._queue if waiter.waits)

    def join(self, waiter: Waiter) -> None:
        """Put a waiter at the end."""
        self._queue.append(waiter)
        self.count += 1

    def first(self) -> Waiter | None:
        """Return the first that still wants its turn."""
        queue = self._queue
        while queue:
            if not queue[0].turn.done():
                return queue[0]
            self._count_out(queue.popleft())
        return None

    def serve(self, waiter: Waiter, ticket: object) -> None:
        """Give the first its ticket."""
        self._queue.popleft()
        self._count_out(waiter)
        waiter.turn.set_result(ticket)

    def leave(self, waiter: Waiter) -> None:
        """Note that one is gone; places are cleared when most of them are empty."""
        self._count_out(waiter)
        if not self.count or len(self._queue) > 2 * self.count + FEW_GONE:
            self._queue = deque(self)

    def turn_away(self, refuse: Callable[[Waiter], DigitroError | None]) -> None:
        """Reject each waiter for which there is an error."""
        for waiter in self:
            if not waiter.turn.done():
                error = refuse(waiter)
                if error is None:
                    continue
                waiter.turn.set_exception(error)
            self._count_out(waiter)
        self._queue = deque(self)

    def _count_out(self, waiter: Waiter) -> None:
        if waiter.waits:
            waiter.waits = False
            self.count -= 1
