"""PURE: how long calls took to be answered, as counts of bounded number."""

import math
from bisect import bisect_left
from collections import Counter
from typing import Final

__all__ = ["LATENCY_BOUNDS", "Latencies"]

LATENCY_BOUNDS: Final = (
    *(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
)
"""Upper ends, in seconds, of the bars of a histogram; a last bar has the rest."""

_STEP: Final = math.log(1.03)
"""Values are told apart where they differ by 3 %: enough for a percentile."""

_LEAST: Final = 0.0001


class Latencies:
    """Counts durations, in a memory that does not grow with their number."""

    def __init__(self) -> None:
        self.count = 0
        self.bars = [0] * (len(LATENCY_BOUNDS) + 1)
        self.sizes: Counter[int] = Counter()

    def add(self, seconds: float) -> None:
        """Count one; a clock that was set back makes it 0."""
        self.count += 1
        self.bars[bisect_left(LATENCY_BOUNDS, seconds)] += 1
        self.sizes[round(math.log(max(seconds, _LEAST)) / _STEP)] += 1

    def merge(self, other: "Latencies") -> None:
        """Add the counts of others."""
        self.count += other.count
        self.bars = [a + b for a, b in zip(self.bars, other.bars, strict=True)]
        self.sizes.update(other.sizes)

    def quantile(self, share: float) -> float | None:
        """Return the seconds that a share of all took at most, None of none.

        It is right to 3 %.

        Args:
            share: The share, above 0 and up to 1.
        """
        left = math.ceil(share * self.count)
        for size, count in sorted(self.sizes.items()):
            left -= count
            if left <= 0:
                return math.exp(size * _STEP)
        return None
