"""The calls that wait for a turn at one PABX: single ones, and those of lists.

A single call is one that somebody waits for, such as a handler of a web server; it must
not stand behind a hundred calls of a list. So single calls take the next turn, and
lists keep a share. Among their own kind calls are first come first served.

A waiter that is cancelled is marked and not searched for: 40,000 that are cancelled at
once would otherwise take a search each through all the others.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, Final, Literal, Protocol

import attrs

from digitro_async.dispatch._needs import NEEDS_OF_A_CALL, Needs
from digitro_async.errors import DigitroError

__all__ = ["TURNS_OF_LISTS", "ListQueue", "TurnShare", "Waiter", "Waiting"]

TURNS_OF_LISTS: Final = 4
"""Where both wait, lists get at least one turn in so many."""

FEW_GONE = 64
"""Places of waiters that are gone which may be left, beyond the number that waits."""


@attrs.define(eq=False)
class Waiter:
    """A call that waits for a turn, or did.

    Attributes:
        turn: Has the ticket of its turn once that has come.
        wait_while_paused: Whether it waits while the PABX is paused.
        is_listed: Whether it is a call of a list.
        waits: Whether it still counts as waiting.
        needs: What it waits for.
        recorder: Whoever records the attempts of its list, None where nobody does.
    """

    turn: asyncio.Future[Any]  # a Ticket, which this module doesn't know
    wait_while_paused: bool
    is_listed: bool = False
    waits: bool = True
    needs: Needs = attrs.field(default=NEEDS_OF_A_CALL, kw_only=True)
    recorder: object = attrs.field(default=None, kw_only=True)


class ListQueue(Protocol):
    """The part of a deque that the queue of lists' calls has."""

    def append(self, waiter: Waiter, /) -> None:
        """Put a waiter at the end."""
        ...

    def popleft(self) -> Waiter:
        """Take the first."""
        ...

    def remove(self, waiter: Waiter, /) -> None:
        """Take one that may stand anywhere."""
        ...

    def __getitem__(self, index: Literal[0], /) -> Waiter: ...

    def __iter__(self) -> Iterator[Waiter]: ...

    def __len__(self) -> int: ...


class TurnShare:
    """Shares the turns at one address between single calls and those of lists.

    Attributes:
        is_lists_turn: Whether a list's call takes the next turn, if one waits.
    """

    __slots__ = ("_run", "is_lists_turn")

    def __init__(self) -> None:
        self._run = 0  # turns that single calls took while a listed one waited
        self.is_lists_turn: bool = False

    def note_turn(self, *, is_listed: bool, list_waits: bool) -> None:
        """Note who took a turn.

        Args:
            is_listed: Whether it was a call of a list.
            list_waits: Whether a list's call waits.
        """
        self._run = self._run + 1 if list_waits and not is_listed else 0
        self.is_lists_turn = self._run >= TURNS_OF_LISTS - 1


class Waiting:
    """Two queues of waiters.

    Attributes:
        count: Number of calls that wait.
    """

    __slots__ = ("_commands", "_listed", "_make_listed", "_single", "count")

    def __init__(self) -> None:
        self.count = self._commands = 0
        self._single: deque[Waiter] = deque()
        self._make_listed: Callable[[Iterable[Waiter]], ListQueue] = deque
        self._listed: ListQueue = deque()

    def __iter__(self) -> Iterator[Waiter]:
        return (one for one in chain(self._single, self._listed) if one.waits)

    def join(self, waiter: Waiter) -> None:
        """Put a waiter at the end of those of its kind."""
        (self._listed if waiter.is_listed else self._single).append(waiter)
        self.count += 1
        self._commands += waiter.needs is not NEEDS_OF_A_CALL

    def queue_lists(self, make: Callable[[Iterable[Waiter]], ListQueue]) -> None:
        """Let the calls of lists wait in another kind of queue."""
        self._make_listed = make
        self._listed = make(self._listed)

    def first(self, *, is_lists_turn: bool = False) -> Waiter | None:
        """Return the next that still wants its turn, of a list where that has it."""
        return self.first_of(is_lists_turn) or self.first_of(not is_lists_turn)

    def first_of(self, is_listed: bool) -> Waiter | None:  # noqa: FBT001 - a kind
        """Return the first of the listed or the single calls that wants its turn."""
        queue = self._listed if is_listed else self._single
        while queue:
            if not queue[0].turn.done():
                return queue[0]
            self._count_out(queue.popleft())
        return None

    def first_command(self) -> Waiter | None:
        """Return the first that wants its turn and needs less than a call."""
        if not self._commands:
            return None
        for one in chain(self._single, self._listed):
            if one.needs is not NEEDS_OF_A_CALL and not one.turn.done():
                return one
        return None

    def serve(self, waiter: Waiter, ticket: object) -> None:
        """Give a waiter its ticket; it is nearly always the first of its kind."""
        queue = self._listed if waiter.is_listed else self._single
        if queue[0] is waiter:
            queue.popleft()
        else:
            queue.remove(waiter)
        self._count_out(waiter)
        waiter.turn.set_result(ticket)

    def leave(self, waiter: Waiter) -> None:
        """Note that one is gone; places are cleared when most of them are empty."""
        self._count_out(waiter)
        places = len(self._single) + len(self._listed)
        if not self.count or places > 2 * self.count + FEW_GONE:
            self._clear_places()

    def turn_away(self, refuse: Callable[[Waiter], DigitroError | None]) -> None:
        """Reject each waiter for which there is an error."""
        for waiter in self:
            if not waiter.turn.done():
                error = refuse(waiter)
                if error is None:
                    continue
                waiter.turn.set_exception(error)
            self._count_out(waiter)
        self._clear_places()

    def _clear_places(self) -> None:
        self._single = deque(one for one in self._single if one.waits)
        self._listed = self._make_listed(one for one in self._listed if one.waits)

    def _count_out(self, waiter: Waiter) -> None:
        if waiter.waits:
            waiter.waits = False
            self.count -= 1
            self._commands -= waiter.needs is not NEEDS_OF_A_CALL
