"""PURE: how long calls took to be answered, as counts of bounded number."""

import math
from collections import Counter
from typing import Final

__all__ = ["LATENCY_BOUNDS", "Latencies"]

LATENCY_BOUNDS: Final = (
    *(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)
"""Ends, in seconds, of the bars of a histogram; a last bar has the rest."""

_FINE, _MIDDLE, _COARSE = 0.1, 10.0, 1000.0
"""Seconds below which 0.1 ms, 10 ms and a second are told apart; a day beyond."""

_DAY: Final = 86_400.0


class Latencies:
    """Counts durations, in a memory that does not grow with their number."""

    # Whole steps of the decimal system: to count one takes a third of what a logarithm
    # and a search among the bounds do.

    def __init__(self) -> None:
        self.sizes: Counter[float] = Counter()

    def add(self, seconds: float) -> None:
        """Count one; a clock that was set back makes it 0."""
        if seconds < _FINE:
            self.sizes[int(seconds * 10_000) / 10_000 if seconds > 0 else 0.0] += 1
        elif seconds < 1:
            self.sizes[int(seconds * 1000) / 1000] += 1
        elif seconds < _MIDDLE:
            self.sizes[int(seconds * 100) / 100] += 1
        elif seconds < _COARSE:
            self.sizes[float(int(seconds))] += 1
        else:
            self.sizes[min(seconds // 1000 * 1000, _DAY)] += 1

    def merge(self, other: "Latencies") -> None:
        """Add the counts of others."""
        self.sizes.update(other.sizes)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.sizes.total()

    def bars(self) -> list[int]:
        """Return the counts of a histogram: below each bound, and the rest."""
        bars = [0] * (len(LATENCY_BOUNDS) + 1)
        for size, count in self.sizes.items():
            place = sum(size >= bound for bound in LATENCY_BOUNDS)
            bars[place] += count
        return bars

    def quantile(self, share: float) -> float | None:
        """Return the seconds that a share of all took at most, None of none.

        It is right to 1 %, and below 10 ms to 0.1 ms.

        Args:
            share: The share, above 0 and up to 1.
        """
        left = math.ceil(share * self.count)
        for size, count in sorted(self.sizes.items()):
            left -= count
            if left <= 0:
                return size
        return None
