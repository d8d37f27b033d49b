"""PURE: how many calls may be in flight at one PABX where this machine holds fewer."""

from typing import Final

__all__ = ["Places"]

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
"""Seconds until one more call is tried, after the first lack and at most."""


class Places:
    """The places for calls in flight. Time is an argument.

    Where this machine has no descriptor, memory or port for one more connection, as
    many calls as have one go on, and the others wait for their places. From time to
    time one more is tried, ever more seldom where that fails.

    Args:
        most: The ``max_in_flight`` of the PABX.

    Attributes:
        now: Most calls in flight at present.
    """

    __slots__ = ("_is_trying", "_most", "_raise_at", "_wait", "now")

    def __init__(self, most: int) -> None:
        self._most = self.now = most
        self._raise_at = 0.0
        self._wait = FIRST_WAIT
        self._is_trying = False

    @property
    def are_fewer(self) -> bool:
        """Whether there are fewer places than ``max_in_flight``."""
        return self.now < self._most

    def lower(self, in_flight: int, now: float) -> bool:
        """Note that there was nothing left for one more call than those in flight.

        Args:
            in_flight: Calls in flight without the one that failed; at least one.
            now: The time.

        Returns:
            Whether this is the first time.
        """
        is_first = not self.are_fewer
        if self._is_trying:
            self._wait = min(self._wait * 2, LONGEST_WAIT)
            self._is_trying = False
        self.now = min(self.now, in_flight)
        self._raise_at = now + self._wait
        return is_first

    def may_raise(self, now: float) -> bool:
        """Add a place if it is time to try one more; return whether one was added."""
        if not self.are_fewer or now < self._raise_at:
            return False
        self.now += 1
        self._raise_at = now + self._wait
        self._is_trying = True
        return True
