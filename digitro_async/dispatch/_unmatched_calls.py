"""PURE: the calls that events tell of, and that no answer gave the id of yet.

They are calls whose answer is still to come or was lost, or calls that others made.
"""

import math
from collections.abc import Iterable
from typing import Final

from digitro_async.call_events import CallPhase
from digitro_async.dispatch._call_history import Sighting

__all__ = ["UnmatchedCall", "UnmatchedCalls"]

MOST_SIGHTINGS: Final = 16
"""Events that are kept of one call; of more than these, only its end is."""


class UnmatchedCall:
    """One call id that nobody was given yet.

    Attributes:
        first_seen: Loop time when its first event was read.
        destination: What stands for the number that was called, None where no event
            told it yet.
        is_candidate: Whether it may be a call whose answer was lost: its id is not that
            of a call that ended, and its events tell of one number.
        sightings: Its events.
    """

    __slots__ = ("destination", "first_seen", "is_candidate", "sightings")

    def __init__(self, now: float, *, is_candidate: bool) -> None:
        self.first_seen = now
        self.is_candidate = is_candidate
        self.destination: bytes | None = None
        self.sightings: list[Sighting] = []

    @property
    def phases(self) -> Iterable[CallPhase]:
        """The phases that its events told of."""
        return (seen.phase for seen in self.sightings)


class UnmatchedCalls:
    """The call ids that events told of, until an answer gives them. Bounded.

    Args:
        keep: Seconds for which a call is kept after its first event.
        most: Most calls that are kept; and as many ids of calls that ended.

    Attributes:
        complete_since: Loop time since which every call that an event told of is known
            here; inf while events may be missing.
    """

    def __init__(self, keep: float, most: int) -> None:
        self.complete_since = math.inf
        self._keep, self._most = keep, most
        self._calls: dict[str, UnmatchedCall] = {}  # oldest first
        self._by_destination: dict[bytes, dict[str, None]] = {}
        self._ended: dict[str, None] = {}  # ids of calls that ended; oldest first

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call_id: str, seen: Sighting, destination: bytes | None) -> None:
        """Keep an event.

        Args:
            call_id: The id of its call.
            seen: What is kept of it.
            destination: What stands for the number that was called.
        """
        self._expire(seen.now)
        call = self._calls.get(call_id)
        if call is None:
            is_candidate = call_id not in self._ended
            call = UnmatchedCall(seen.now, is_candidate=is_candidate)
            self._calls[call_id] = call
            if len(self._calls) > self._most:
                self.close(next(iter(self._calls)))
                self.complete_since = max(self.complete_since, seen.now)
        if len(call.sightings) < MOST_SIGHTINGS:
            call.sightings.append(seen)
        elif seen.phase is CallPhase.ENDED:
            call.sightings[-1] = seen
        if destination is not None and destination != call.destination:
            if call.destination is None:
                call.destination = destination
                self._by_destination.setdefault(destination, {})[call_id] = None
            else:
                call.is_candidate = False

    def take(self, call_id: str, since: float) -> list[Sighting]:
        """Take the events of a call whose id an answer gave.

        Args:
            call_id: The call id.
            since: Loop time when the call was sent: an event before that is of another
                call that had the same id.
        """
        call = self._drop(call_id)
        was_used = call_id in self._ended
        self._ended.pop(call_id, None)
        if call is None:
            return []
        seen = [one for one in call.sightings if one.now >= since]
        begins = (CallPhase.STARTED, CallPhase.RINGING)
        if was_used and not any(one.phase in begins for one in seen):
            # The end of the call that had this id before may be told twice.
            seen = [one for one in seen if one.phase is not CallPhase.ENDED]
        return seen

    def close(self, call_id: str) -> None:
        """Note that the call with this id ended: later events are not a new call's."""
        self._drop(call_id)
        self._ended[call_id] = None
        if len(self._ended) > self._most:
            del self._ended[next(iter(self._ended))]

    def find_only(
        self, destination: bytes, since: float, until: float, begin: CallPhase
    ) -> str | None:
        """Return the id of the only new call to a number, None for none or several.

        Args:
            destination: What stands for the number.
            since: Loop time after which all calls to it are counted.
            until: Loop time until which the only one must have been seen.
            begin: The phase that shows that a call is new.
        """
        if self.complete_since >= since:
            return None
        new = [
            call_id
            for call_id in self._by_destination.get(destination, ())
            if self._calls[call_id].first_seen >= since
        ]
        if len(new) != 1:
            return None
        call = self._calls[new[0]]
        if call.first_seen > until or not call.is_candidate or begin not in call.phases:
            return None
        return new[0]

    def first_of(self, call_id: str) -> Sighting:
        """Return the first event of a call that is kept."""
        return self._calls[call_id].sightings[0]

    def _expire(self, now: float) -> None:
        oldest = now - self._keep
        while self._calls:
            call_id, call = next(iter(self._calls.items()))
            if call.first_seen >= oldest:
                return
            self.close(call_id)  # its later events are not those of a new call

    def _drop(self, call_id: str) -> UnmatchedCall | None:
        call = self._calls.pop(call_id, None)
        if call is not None and call.destination is not None:
            ids = self._by_destination[call.destination]
            del ids[call_id]
            if not ids:
                del self._by_destination[call.destination]
        return call
