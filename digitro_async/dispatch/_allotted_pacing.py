"""PURE: the slots of a cap that this process may use, where several share the cap.

A database knows of each slot who has it: a worker that it is allotted to, nobody, or a
call of a worker that is gone, until the PABX can't count that call any more. So there
are never more slots than the cap, and the proof in ``_pacing`` holds over all workers,
whatever their clocks and the way to the database do:

* A worker uses a slot again and again without asking; its own pacer frees it.
* The database counts a slot as the worker's from before it tells the worker so until
  the worker tells that it has it no more, which it does once no call holds it.
* A worker goes by the answer to its last question alone: one that came too late is not
  looked at, and the database refuses questions out of order.
* A worker starts nothing at or after the end of its lease, by a clock that runs on
  while the machine sleeps, counted from before it asked. So whatever it has sent was
  sent before the end of the lease that the database knows, and the database keeps the
  slots of a worker that is gone until a call that was sent then is counted, and a
  window is over.
"""

import math
from collections.abc import Mapping

from digitro_async.dispatch._pacing import Pacer, Together
from digitro_async.settings import RateLimit

__all__ = ["AllottedPacer", "SharedCap"]


class SharedCap:
    """The slots of one cap that this worker has. Time is an argument.

    Args:
        pacer: Paces by these slots; it begins without any.
        limit: The cap of the whole address, as it is configured.

    Attributes:
        pacer: Paces by these slots.
        limit: The cap of the whole address, as it is configured.
        used: Most slots that calls held at once, since ``begin_period``.
    """

    __slots__ = ("_debt", "_surplus", "limit", "pacer", "used")

    def __init__(self, pacer: Pacer, limit: RateLimit) -> None:
        self.pacer, self.limit = pacer, limit
        pacer.drop_slots(pacer.slots, -math.inf)
        self.used = 0
        self._surplus = self._debt = 0

    @property
    def most(self) -> int:
        """Slots that there are over all workers, as this one is configured."""
        return self.limit.calls

    @property
    def has_some(self) -> bool:
        """Whether it has any slot, free or taken."""
        return self.pacer.slots > 0

    @property
    def own_limit(self) -> RateLimit:
        """The cap that the slots of this worker make."""
        return RateLimit(
            max(1, self.pacer.slots),
            self.limit.per,
            counted_within=self.limit.counted_within,
        )

    def holds(self, now: float) -> int:
        """Return the slots that it has, after those are dropped that are too many."""
        self._drop(now)
        return self.pacer.slots - self._debt

    def allot(self, slots: int, now: float) -> None:
        """Have that many slots: more at once, fewer as calls let go of them."""
        more = slots - self.holds(now)
        self._surplus = max(0, -more)
        if more > 0:
            self.pacer.add_slots(more, now)

    def lose(self, now: float) -> None:
        """Have no slots any more: others have them, once their time is over.

        Those that calls hold stay taken here until they are free, and don't count.
        """
        self._drop(now)
        self._debt = self.pacer.slots
        self._surplus = 0
        self._drop(now)

    def taken_until(self, now: float) -> list[float]:
        """Return for each slot that is taken when it is free at the latest."""
        return self.pacer.taken_until(now)

    def begin_period(self) -> None:
        """Begin to look anew for the most slots that calls hold at once."""
        self.used = self.pacer.taken

    def earliest(self, now: float) -> float:
        """Return when a call may start. See ``Pacer``."""
        if self._surplus or self._debt:
            self._drop(now)
        return self.pacer.earliest(now)

    def start(self, now: float) -> None:
        """Take a slot. See ``Pacer``."""
        self.pacer.start(now)
        self.used = max(self.used, self.pacer.taken)

    def _drop(self, now: float) -> None:
        # What calls of before a lost lease hold is not counted, so it goes first.
        self._debt -= self.pacer.drop_slots(self._debt, now)
        self._surplus -= self.pacer.drop_slots(self._surplus, now)


class AllottedPacer(Together):
    """Paces the calls to one address by the slots that this worker has of each cap.

    Args:
        caps: The shared caps that hold for the address; there may be none.

    Attributes:
        caps: The shared caps.
        ends: When the lease ends: from then on nothing starts.
    """

    __slots__ = ("caps", "ends")

    def __init__(self, caps: Mapping[RateLimit, SharedCap]) -> None:
        super().__init__({limit: cap.pacer for limit, cap in caps.items()})
        self.caps = tuple(caps.values())
        self.ends = -math.inf

    @property
    def limits(self) -> tuple[RateLimit, ...]:
        """The caps that the slots of this worker make."""
        return tuple(cap.own_limit for cap in self.caps)

    @property
    def lost_slots(self) -> int:
        """Most slots that one of the caps keeps for calls never answered."""
        return max((cap.pacer.lost_slots for cap in self.caps), default=0)

    def earliest(self, now: float) -> float:
        """Return when every cap lets a call start; inf where the lease ends before."""
        when = max((cap.earliest(now) for cap in self.caps), default=-math.inf)
        return when if max(when, now) < self.ends else math.inf

    def start(self, now: float) -> None:
        """Take a slot in each."""
        for cap in self.caps:
            cap.start(now)
