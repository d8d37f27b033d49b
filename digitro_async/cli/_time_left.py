"""PURE: how long a list will take, as a figure that slides and never jumps."""

import math
from collections import deque

__all__ = ["TimeLeft"]

LOOK_BACK = 120.0
"""Seconds over which the pace is taken: pauses that come again and again are in it."""

FEWEST_SECONDS = 3.0
"""Seconds before which no pace is known."""

FEWEST_DONE = 10
"""Contacts without which no pace is known: of one, a pause would make days."""

SLIDE_SECONDS = 5.0
"""Seconds in which most of a correction is made."""

SMALL_SHARE = 0.02
"""Part of the time left up to which a new estimate changes nothing."""


class TimeLeft:
    """Estimates the seconds until a list is done. Time is an argument.

    The estimate counts down a second each second. Where the pace says something else,
    it moves there over some seconds. While no PABX can be reached it stands still: how
    long that lasts is not known, and it says nothing about the pace.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self._end = math.inf
        self._at = -math.inf
        self._seen_at = 0.0
        self._down = 0.0

    def update(
        self, now: float, done: int, left: int, *, is_down: bool = False
    ) -> float | None:
        """Return the seconds left, None where no pace is known.

        Args:
            now: The time.
            done: Contacts done so far.
            left: Contacts still to be done.
            is_down: Whether no PABX can be reached.
        """
        if is_down:
            self._down += now - self._seen_at
        self._seen_at = now
        now -= self._down
        seen = self._seen
        seen.append((now, done))
        while len(seen) > 1 and seen[1][0] <= now - LOOK_BACK:
            seen.popleft()
        since, before = seen[0]
        if left <= 0:
            return 0.0
        if now - since < FEWEST_SECONDS or done - before < FEWEST_DONE:
            self._end = math.inf
            return None
        estimate = now + left * (now - since) / (done - before)
        if self._end == math.inf:
            self._end = estimate
        elif abs(estimate - self._end) > SMALL_SHARE * (estimate - now):
            part = 1 - math.exp(-(now - self._at) / SLIDE_SECONDS)
            self._end += (estimate - self._end) * part
        self._at = now
        return max(0.0, self._end - now)
