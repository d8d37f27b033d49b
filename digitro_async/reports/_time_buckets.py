"""PURE: counts by time, in intervals that grow with the time that they cover."""

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Final, Generic, TypeVar

__all__ = ["WIDTHS", "TimeBuckets", "width_for"]

_Kind = TypeVar("_Kind", bound=Hashable)

WIDTHS: Final = (
    *(1, 5, 10, 30, 60, 300, 600, 1800),
    *(3600, 7200, 21_600, 43_200, 86_400, 7 * 86_400, 28 * 86_400),
)
"""Seconds of an interval; each is a whole number of the one before, so that intervals
can be merged."""

_MOST: Final = 120
"""Most intervals: more can't be told apart on a screen."""

_AT_ONCE: Final = 1024


def width_for(seconds: float) -> int:
    """Return the seconds of an interval for a time of which so many are to be shown."""
    width = next((one for one in WIDTHS if _fits(seconds, one)), WIDTHS[-1])
    while not _fits(seconds, width):
        width *= 2
    return width


def _fits(seconds: float, width: int) -> bool:
    return seconds / width <= _MOST - 1  # it may begin and end within one


class TimeBuckets(Generic[_Kind]):
    """Counts what happened when, in a memory that stays small.

    Args:
        offset: Seconds that local time is ahead of UTC.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self._offset = offset
        self._width = WIDTHS[0]
        self._counts: dict[int, Counter[_Kind]] = {}
        self._first = self._last = 0
        self._seconds: dict[tuple[int, _Kind], int] = {}

    @property
    def width(self) -> int:
        """Seconds of an interval."""
        self._take_seconds()
        return self._width

    @property
    def span(self) -> tuple[float, float] | None:
        """The begin of the first interval and the end of the last; None of none."""
        self._take_seconds()
        if not self._counts:
            return None
        return (
            self._first * self._width - self._offset,
            (self._last + 1) * self._width - self._offset,
        )

    def add(self, at: float, kind: _Kind) -> None:
        """Count something.

        Args:
            at: Unix time.
            kind: What it is.
        """
        # Nearly all of a second have one key: one look-up instead of five.
        key = (int(at), kind)
        self._seconds[key] = self._seconds.get(key, 0) + 1
        if len(self._seconds) >= _AT_ONCE:
            self._take_seconds()

    def _take_seconds(self) -> None:
        for (second, kind), count in self._seconds.items():
            self._add(second, kind, count)
        self._seconds.clear()

    def _add(self, second: int, kind: _Kind, count: int) -> None:
        place = int((second + self._offset) // self._width)
        counts = self._counts.get(place)
        if counts is None:
            if not self._counts:
                self._first = self._last = place
            self._first = min(self._first, place)
            self._last = max(self._last, place)
            counts = self._counts[place] = Counter()
            if self._last - self._first >= _MOST:
                counts[kind] += count
                seconds = (self._last - self._first + 1) * self._width
                self._merge(width_for(seconds))
                return
        counts[kind] += count

    def widen(self, width: int) -> None:
        """Merge the counts into intervals of a greater width, where it is one."""
        self._take_seconds()
        self._merge(width)

    def _merge(self, width: int) -> None:
        if width <= self._width:
            return
        merged: dict[int, Counter[_Kind]] = {}
        for place, counts in self._counts.items():
            begin = place * self._width
            merged.setdefault(begin // width, Counter()).update(counts)
        self._counts, self._width = merged, width
        if merged:
            self._first, self._last = min(merged), max(merged)

    def counts(self, begins: Iterable[float]) -> list[Counter[_Kind]]:
        """Return the counts of the intervals that begin at these Unix times."""
        self._take_seconds()
        empty: Counter[_Kind] = Counter()
        return [
            self._counts.get(round((begin + self._offset) / self._width), empty)
            for begin in begins
        ]
