"""PURE: calls of several campaigns that wait at one PABX, and get turns by weight."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal

from digitro_async.dispatch._waiters import Waiter

__all__ = ["WeightedQueue", "campaign_of"]

LEAST: Final = 1e-3
"""The least weight: a campaign without a slot of its own isn't forgotten."""


def campaign_of(waiter: Waiter) -> str:
    """Return the campaign of a call, empty where its recorder names none."""
    name = getattr(waiter.recorder, "campaign", "")
    return name if isinstance(name, str) else ""


class WeightedQueue:
    """Waiters in the order in which campaigns get turns; each campaign's own in line.

    Each turn of a campaign moves its next one back by the reciprocal of its weight; the
    one whose next turn is nearest has it. One that had nothing to send for a while has
    no right to what it did not use.

    Args:
        waiters: The first of them.
        weight_of: Returns the weight of a campaign.
    """

    def __init__(
        self, waiters: Iterable[Waiter], weight_of: Callable[[str], float]
    ) -> None:
        self._weight_of = weight_of
        self._queues: dict[str, deque[Waiter]] = {}
        self._next: dict[str, float] = {}
        self._now = 0.0
        self._head: deque[Waiter] | None = None
        for waiter in waiters:
            self.append(waiter)

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues.values())

    def __iter__(self) -> Iterator[Waiter]:
        for queue in self._queues.values():
            yield from queue

    def __getitem__(self, index: Literal[0]) -> Waiter:
        return self._first()[index]

    def append(self, waiter: Waiter) -> None:
        """Put a waiter at the end of those of its campaign."""
        name = campaign_of(waiter)
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = deque()
            self._next[name] = max(self._next.get(name, 0.0), self._now)
            self._head = None
        queue.append(waiter)

    def popleft(self) -> Waiter:
        """Take the first, and count its turn where it has one."""
        queue = self._first()
        waiter = queue.popleft()
        name = campaign_of(waiter)
        if not waiter.turn.done():
            self._now = self._next[name]
            self._next[name] += 1 / max(self._weight_of(name), LEAST)
            self._head = None
        self._leave(name)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """Take one that may stand anywhere."""
        name = campaign_of(waiter)
        self._queues[name].remove(waiter)
        self._leave(name)

    def _first(self) -> deque[Waiter]:
        if self._head is None:
            name = min(self._queues, key=self._next.__getitem__)
            self._head = self._queues[name]
        return self._head

    def _leave(self, name: str) -> None:
        if not self._queues[name]:
            del self._queues[name]
            self._head = None
