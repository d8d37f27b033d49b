"""Which of many PABX is the least loaded, without looking at all of them each time.

A heap holds at least one entry for each lane, and for each lane one that is no heavier
than the lane is now: a lane that became lighter is entered anew, and one that became
heavier is found out when its entry comes to the top. So what is at the top and still
true is the lightest of all, first come first served among equals, as a look at each of
them would find.
"""

import heapq
from collections.abc import Iterable
from typing import TypeAlias

from digitro_async.dispatch._admission import Lane

__all__ = ["LoadBalancer", "weight"]

_Weight: TypeAlias = tuple[bool, bool, float]

SPARE = 64
"""Entries beyond two a lane that the heap may grow to before it is made anew."""


def weight(lane: Lane) -> _Weight:
    """Return what lanes are ordered by: held, paused otherwise, load."""
    return lane.is_held, lane.is_paused, lane.load


class LoadBalancer:
    """A choice among lanes. Every lane's ``on_lighter`` is set to tell it.

    Args:
        lanes: The lanes, in the order in which equals are chosen.
    """

    def __init__(self, lanes: Iterable[Lane]) -> None:
        self._places = {lane: place for place, lane in enumerate(lanes)}
        self._heap: list[tuple[_Weight, int, Lane]] = []
        self._most = 2 * len(self._places) + SPARE
        self._refill()
        for lane in self._places:
            lane.on_lighter = self._enter

    def choose(self) -> Lane:
        """Return the least loaded lane that is not paused, if there is one."""
        heap = self._heap
        while True:
            entered, place, lane = heap[0]
            now = weight(lane)
            if entered == now:
                return lane
            heapq.heapreplace(heap, (now, place, lane))

    def _enter(self, lane: Lane) -> None:
        heapq.heappush(self._heap, (weight(lane), self._places[lane], lane))
        if len(self._heap) > self._most:
            self._refill()

    def _refill(self) -> None:
        self._heap = [
            (weight(lane), place, lane) for lane, place in self._places.items()
        ]
        heapq.heapify(self._heap)
