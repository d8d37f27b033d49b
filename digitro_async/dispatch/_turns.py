"""Turns: gives the turns at one PABX to the calls that wait for one.

Where several PABX share a cap, a turn is that of their address: a single call of any of
them goes before the calls of lists of all, and lists keep their share.
"""

import asyncio
import math
from collections.abc import Callable

from digitro_async.dispatch._live_clock import live_time
from digitro_async.dispatch._needs import Needs
from digitro_async.dispatch._waiters import TurnShare, Waiter, Waiting

__all__ = ["Turns"]

SHORTEST_TIMER = 1e-5
"""Seconds; a loop fires a shorter timer too early, again and again."""

YIELD_SECONDS = 1e-4
"""The delay of the admission that went last, where others share its cap."""


class Turns:
    """Gives the turns at one PABX to its waiters, and keeps one timer for them.

    Args:
        waiters: The waiters.
        earliest: Tells when a call may start.
        start: Starts a call and returns its ticket.
        admit: Called when the next turn has come.
        share: Shares the turns at the address.

    Attributes:
        waiters: The waiters.
        admit: Lets each waiter go whose turn has come.
        timer: Ends when the next turn comes; None where that is not known.
        beside: The turns at the other PABX at its address, which share its pacer.
    """

    __slots__ = ("_earliest", "_share", "_start", "admit", "beside", "timer", "waiters")

    def __init__(
        self,
        waiters: Waiting,
        earliest: Callable[[float, Needs], float],
        start: Callable[[float, Needs], object],
        admit: Callable[[], None],
        share: TurnShare,
    ) -> None:
        self.waiters = waiters
        self.admit = admit
        self.beside: tuple[Turns, ...] = ()
        self.timer: asyncio.TimerHandle | None = None
        self._earliest, self._start, self._share = earliest, start, share

    def give(self) -> None:
        """Wake each waiter whose turn has come, and set the timer for the next one."""
        turn_of_others = 0.0
        waiters, share = self.waiters, self._share
        self.stop_timer()
        while waiter := waiters.first(is_lists_turn=share.is_lists_turn):
            now = live_time()
            when = self._earliest(now, waiter.needs)
            if when > now:
                when = min(when, self._give_to_commands(now))
                if when < math.inf:
                    delay = max(when - now, SHORTEST_TIMER) + turn_of_others
                    loop = asyncio.get_running_loop()
                    self.timer = loop.call_later(delay, self.admit)
                return
            if self.beside:
                if self._others_go(waiter, now):
                    continue
                turn_of_others = YIELD_SECONDS
            self._serve(waiter, now)

    def stop_timer(self) -> None:
        """Set no timer any more for the next turn."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def take(self, now: float, *, is_listed: bool) -> bool:
        """Start the first waiter of a kind if it may; return whether it did."""
        waiter = self.waiters.first_of(is_listed)
        if waiter is None or self._earliest(now, waiter.needs) > now:
            return False
        self._serve(waiter, now)
        return True

    def look_again(self) -> None:
        """Look for turns that nobody knew of before, here and beside."""
        for one in (self, *self.beside):
            if one.waiters.count and one.timer is None:
                one.admit()

    def wake_beside(self) -> None:
        """Wake the waiters that share the pacer: a slot may be free now."""
        for one in self.beside:
            if one.waiters.count:
                one.admit()

    def _give_to_commands(self, now: float) -> float:
        """Wake commands that need less than the call before them, which has to wait.

        Returns:
            When the next of them may start, inf where none waits.
        """
        while (command := self.waiters.first_command()) is not None:
            when = self._earliest(now, command.needs)
            if when > now:
                return when
            self._serve(command, now)
        return math.inf

    def _others_go(self, waiter: Waiter, now: float) -> bool:
        """Give the turn to a call beside, where it is that of the other kind.

        Returns:
            Whether one took it.
        """
        is_listed = self._share.is_lists_turn
        return waiter.is_listed is not is_listed and any(
            one.take(now, is_listed=is_listed) for one in self.beside
        )

    def _serve(self, waiter: Waiter, now: float) -> None:
        """Start the call of a waiter, and note whose turn it was."""
        self.waiters.serve(waiter, self._start(now, waiter.needs))
        is_listed = waiter.is_listed
        list_waits = not is_listed and any(
            one.waiters.first_of(True) is not None  # noqa: FBT003 - a kind
            for one in (self, *self.beside)
        )
        self._share.note_turn(is_listed=is_listed, list_waits=list_waits)
