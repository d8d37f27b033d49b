"""PURE: sums up the ends of a campaign's calls, in little memory."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from digitro_async.call_events import Disposition
from digitro_async.ledger._history_records import EndRecord
from digitro_async.reports._latencies import Latencies
from digitro_async.reports._time_buckets import TimeBuckets

__all__ = ["EndTally"]

_HOUR: Final = 3600
_DAY: Final = 24
_REACHED: Final = {Disposition.ANSWERED}
"""Dispositions of calls that a person took, as far as the PABX told."""


class EndTally:
    """Sums up the ends of calls.

    It keeps a byte for each contact, and what is of bounded number.

    Args:
        offset: Seconds that local time is ahead of UTC.

    Attributes:
        last: The place of the last end that was added.
        taken: How many were added.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.by_time: TimeBuckets[Disposition] = TimeBuckets(offset)
        self.by_pabx: Counter[tuple[str, Disposition]] = Counter()
        self.by_hour: Counter[tuple[int, Disposition]] = Counter()
        self.ring, self.talk = Latencies(), Latencies()
        self.last: tuple[int, int] = (0, 0)
        self.taken = 0
        self._offset = offset
        self._reached = bytearray()

    def take(self, ends: Iterable[EndRecord]) -> None:
        """Add ends of calls, in the order of their places."""
        for end in ends:
            contact, pabx, begun_at, disposition, rang, answered, ended = end[:7]
            self.last = end.told, end.intent
            self.taken += 1
            self.by_time.add(begun_at, disposition)
            self.by_pabx[pabx, disposition] += 1
            hour = int((begun_at + self._offset) // _HOUR) % _DAY
            self.by_hour[hour, disposition] += 1
            until = ended if answered is None else answered
            if rang is not None and until is not None:
                self.ring.add(until - rang)
            if answered is not None and ended is not None:
                self.talk.add(ended - answered)
            if disposition in _REACHED:
                self._mark(contact)

    def count_reached(self) -> int:
        """Return how many contacts had a call that was answered."""
        return self._reached.count(1)

    def count(self, disposition: Disposition) -> int:
        """Return how many calls ended in some way."""
        return sum(n for (_, one), n in self.by_pabx.items() if one is disposition)

    @property
    def told(self) -> int:
        """How many calls have an end that was told by an event."""
        return self.by_pabx.total() - self.count(Disposition.NONE_SEEN)

    def ended_in(self, hour: int) -> int:
        """Return how many calls of an hour of the day have an end that was told."""
        return sum(
            n
            for (one, disposition), n in self.by_hour.items()
            if one == hour and disposition is not Disposition.NONE_SEEN
        )

    def answered_in(self, hour: int) -> int:
        """Return how many calls of an hour of the day were answered."""
        return self.by_hour[hour, Disposition.ANSWERED]

    def _mark(self, contact: int) -> None:
        if contact >= len(self._reached):
            more = max(contact + 1 - len(self._reached), 4096)
            self._reached.extend(bytes(more))
        self._reached[contact] = 1
