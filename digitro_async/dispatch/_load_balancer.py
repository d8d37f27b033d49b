"""LoadBalancer: finds the least loaded PABX without a look at all of them.

A heap holds for each admission at least one entry that is no greater than its load key
is now: an admission whose load decreased gets a new entry, and one whose load increased
is found out when its entry comes to the top. So an entry at the top that is still true
is the least of all, first come first served among equals, as a look at each would find.
"""

import heapq
from collections.abc import Iterable
from typing import TypeAlias

from digitro_async.dispatch._admission import Admission

__all__ = ["LoadBalancer", "load_key"]

_LoadKey: TypeAlias = tuple[bool, bool, float]

SPARE = 64
"""Entries beyond two an admission that the heap may grow to before it is made anew."""


def load_key(admission: Admission) -> _LoadKey:
    """Return the order of admissions: needs resume, is paused otherwise, load."""
    return admission.needs_resume, admission.is_paused, admission.load


class LoadBalancer:
    """Chooses among admissions; it sets the ``on_load_decreased`` of each.

    Args:
        admissions: The admissions, in the order in which equals are chosen.
    """

    def __init__(self, admissions: Iterable[Admission]) -> None:
        self._places = {admission: place for place, admission in enumerate(admissions)}
        self._heap: list[tuple[_LoadKey, int, Admission]] = []
        self._most = 2 * len(self._places) + SPARE
        self._refill()
        for admission in self._places:
            admission.on_load_decreased = self._enter

    def choose(self) -> Admission:
        """Return the least loaded admission that is not paused, if there is one."""
        heap = self._heap
        while True:
            entered, place, admission = heap[0]
            now = load_key(admission)
            if entered == now:
                return admission
            heapq.heapreplace(heap, (now, place, admission))

    def _enter(self, admission: Admission) -> None:
        heapq.heappush(
            self._heap, (load_key(admission), self._places[admission], admission)
        )
        if len(self._heap) > self._most:
            self._refill()

    def _refill(self) -> None:
        self._heap = [
            (load_key(admission), place, admission)
            for admission, place in self._places.items()
        ]
        heapq.heapify(self._heap)
