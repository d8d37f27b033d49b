"""PURE: when the next call may start, so that the PABX never sees more than its cap.

The cap is "no window of W seconds holds more than N calls, counted at the PABX". What
the PABX counts happens somewhere between our send and its answer, so counting our
sends is not enough: a slow call can land in a later window. Therefore N *slots* exist;
a call holds one from its start until its answer plus W. If N + 1 calls fell within one
window, then when the last was started each of the others had its answer less than W
ago or still to come, so all N slots were taken: a contradiction, whatever the delays.

Inside the cap, starts are spaced W / N apart, so that there is no burst either. Answers
take time, so slots come back a little more slowly than that: the free ones are spread
over the time until the next comes back. Otherwise calls would go at the full rate for
almost a window and stand still for the rest, in every window anew.
"""

import math
from collections import deque
from collections.abc import Iterable

from digitro_async.settings import RateLimit

__all__ = ["Pacer"]

CATCH_UP = 0.01
"""Seconds of lateness that later starts may make up for; beyond it time is lost.

A start that had to wait for a slot is not late: there is nothing to make up for.
"""


class Pacer:
    """Slots and spacing of one PABX. Time is an argument; nothing here waits.

    Args:
        limit: The cap.
    """

    __slots__ = ("_calls", "_cooling", "_held", "_next", "_spacing", "_window")

    def __init__(self, limit: RateLimit) -> None:
        self._calls = limit.calls
        self._window = limit.per
        self._spacing = limit.per / limit.calls
        self._held = 0
        self._cooling: deque[float] = deque()
        self._next = -math.inf

    def earliest(self, now: float) -> float:
        """Return when a call may start: a time up to now, a later one, or inf.

        Infinity means: not before another call settles.
        """
        cooling = self._cooling
        if cooling and cooling[0] <= now:
            is_full = self._held + len(cooling) >= self._calls
            if is_full and cooling[0] > self._next:
                self._next = cooling[0]  # nothing could start before
            while cooling and cooling[0] <= now:
                cooling.popleft()
        if self._held + len(cooling) < self._calls:
            return self._next
        return max(cooling[0], self._next) if cooling else math.inf

    def hold(self, free_at: Iterable[float]) -> None:
        """Take the slots of calls that were made before, until those moments."""
        self._cooling = deque(sorted((*self._cooling, *free_at)))

    def start(self, now: float) -> None:
        """Take a slot; call it only when ``earliest(now)`` is not after ``now``."""
        self._held += 1
        spacing, cooling = self._spacing, self._cooling
        free = self._calls - self._held - len(cooling)
        if free > 0:
            back = cooling[0] - now if cooling else self._window
            spread = back / (free + 1)
            if spread > spacing:  # noqa: PLR1730 - max() takes longer
                spacing = spread
        turn, oldest = self._next, now - CATCH_UP
        if turn < oldest:
            turn = oldest if turn > -math.inf else now
        self._next = turn + spacing

    def settle(self, now: float, *, sent: bool = True) -> None:
        """Give the slot back, one window after the call's answer, which came now.

        Args:
            now: The time.
            sent: False where provably nothing was sent: then it is free at once.
        """
        self._held -= 1
        if sent:
            self._cooling.append(now + self._window)
