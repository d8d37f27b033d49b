"""PURE: when was each call's turn, and how much later did it go?

A call's *turn* is the first moment at which the promise let it go: it is there, the
even schedule has come to it, and one of the N slots is free, each held from a call's
start until its answer and one window more. A call is *late* by what it started after
that.
"""

import heapq
import math
from collections.abc import Iterable, Sequence

import attrs

CATCH_UP = 0.01
"""Seconds of lateness that the schedule makes up for, as the pacer does."""


@attrs.frozen
class Sent:
    """One call on its way, in seconds of one clock.

    Attributes:
        began: When it was there.
        start: When it was sent.
        answered: When it was answered.
    """

    began: float
    start: float
    answered: float


def lateness(calls: Iterable[Sent], most: int, window: float = 1.0) -> list[float]:
    """Return by how many seconds each call started after its turn.

    Args:
        calls: All calls to one PABX, in any order.
        most: Calls that one window may hold.
        window: Its length in seconds.
    """
    spacing = window / most
    slots: list[float] = []  # when each slot in use is free again
    schedule = -math.inf
    late = []
    for call in sorted(calls, key=lambda call: call.start):
        free = heapq.heappop(slots) if len(slots) == most else -math.inf
        late.append(max(0.0, call.start - max(call.began, schedule, free)))
        heapq.heappush(slots, call.answered + window)
        schedule = max(schedule, call.start - CATCH_UP) + spacing
    return late


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of all don't exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
