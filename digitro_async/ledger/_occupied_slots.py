"""PURE: the rate slots that calls of earlier runs still hold, by a ledger's events.

They are read from the end: behind an answer that is older than a window, to a call that
was started after all that is further back, nobody holds a slot any more.
"""

import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator

import attrs

from digitro_async._common.reasons import Failure, is_answer
from digitro_async.errors import Outcome
from digitro_async.ledger._state import Step
from digitro_async.settings import RateLimit

__all__ = ["OccupiedSlots", "SlotEvent", "occupied_slots"]

SlotEvent = tuple[int, Step, float, str | None, str | None]
"""An event: contact, step, Unix time, PABX, reason."""

_NOT_SENT = frozenset(Failure)
"""Reasons of calls of which nothing was sent."""

_REFUSED = ("throttled", "status_")
"""Beginnings of the reasons of calls that the PABX refused."""

_ENDS = frozenset(
    {Step.ACCEPT, Step.REJECT, Step.MARK_UNKNOWN, Step.NOT_PLACED, Step.RECOVER}
)

MOST_EVENTS = 500_000
"""Most events that are read; a cap of 2,000 a second makes as many in two minutes."""


@attrs.frozen
class OccupiedSlots:
    """Rate slots that earlier calls hold.

    Attributes:
        cooling: Until when, by Unix time, for each call that was answered.
        lost: Until when at the latest, for each that was sent and never answered.
    """

    cooling: list[float]
    lost: list[float]


@attrs.define
class _End:
    """The end of one attempt.

    Attributes:
        place: Number of events read before its end; the last event is read first.
        at: When it ended.
        is_answered: Whether the PABX answered it.
        is_lost: Whether it was sent and never answered.
        began: The same of its intent, None where that is unknown.
        sent_at: When it was sent at the earliest.
    """

    place: int
    at: float
    is_answered: bool
    is_lost: bool
    began: int | None = None
    sent_at: float | None = None


def occupied_slots(
    events: Iterable[SlotEvent],
    *,
    limit: RateLimit,
    quarantine: float,
    now: float,
    elsewhere: Collection[str] = (),
    latest: Callable[[float], float],
) -> OccupiedSlots:
    """Return the slots that the last calls to one address hold.

    Args:
        events: All events, the last one first.
        limit: The cap: no more slots than its calls are taken.
        quarantine: Seconds from its intent in which a call may be delivered.
        now: The time.
        elsewhere: Names of the PABX that never were at that address.
        latest: Tells, for the time of an event, when it happened at the latest.
    """
    over = now - limit.per
    look_back = _LookBack(limit.calls, over, over - quarantine)
    for place, (contact, step, told_at, pabx, reason) in enumerate(events):
        at = latest(told_at)
        if look_back.is_over(place, at):
            break
        if step is Step.RESTORE:  # nobody knows by which PABX it was called, if it was
            look_back.take_end(contact, _end_of(step, place, at, reason or ""))
            continue
        if pabx is None or pabx in elsewhere:
            continue
        if step in _ENDS:
            look_back.take_end(contact, _end_of(step, place, at, reason or ""))
        elif step is Step.INTEND and look_back.take_intent(contact, place, at):
            break
    return _slots_of(look_back.ends, limit, quarantine, now)


def _slots_of(
    ends: list[_End], limit: RateLimit, quarantine: float, now: float
) -> OccupiedSlots:
    """Return the slots that attempts hold, given their ends, the last one first."""
    calls, window = limit.calls, limit.per
    # When a call was sent is not written down: it was before its end.
    within = math.inf if limit.counted_within is None else limit.counted_within
    cooling: list[float] = []
    lost: deque[_End] = deque()
    for end in reversed(ends):
        if end.is_lost:
            lost.append(end)
            continue
        if end.is_answered and end.began is not None:
            while lost and lost[0].place > end.began:
                lost.popleft()
                cooling.append(end.at + window)
        cooling.append(end.at + window)
    until = []
    for end in lost:
        sent_at = end.at if end.sent_at is None else end.sent_at
        delivered = min(max(sent_at + quarantine, end.at), end.at + within)
        if delivered > now:
            until.append(delivered + window)
        else:
            cooling.append(delivered + window)
    until = sorted(until)[-calls:]
    still = sorted(one for one in cooling if one > now)
    return OccupiedSlots(still[max(0, len(still) + len(until) - calls) :], until)


class _LookBack:
    """The ends of the last attempts that may matter, read backwards.

    Args:
        calls: Most slots that can be held.
        over: When an answered call's slot is free again that ended then or before.
        oldest: The time before which no call holds a slot.

    Attributes:
        ends: The ends, the last one first.
    """

    def __init__(self, calls: int, over: float, oldest: float) -> None:
        self.ends: list[_End] = []
        self._free = calls
        self._over = over
        self._oldest = oldest
        # Ends whose intents are still to come; None where nothing was sent.
        self._waiting: dict[int, _End | None] = {}

    def is_over(self, place: int, at: float) -> bool:
        """Whether an event and all before it do not matter."""
        if at < self._oldest:
            for end in self._open_ends():
                end.sent_at = at  # or before
            return True
        return place == MOST_EVENTS

    def take_end(self, contact: int, end: _End | None) -> None:
        """Take an attempt's end; None where nothing was sent."""
        self._waiting[contact] = end
        if end is not None and (end.is_lost or self._free > 0):
            self.ends.append(end)
            self._free -= end.is_lost or end.at > self._over

    def take_intent(self, contact: int, place: int, at: float) -> bool:
        """Take an intent; return whether nothing before it matters.

        Whatever was lost before an answered call began is free a window after that
        answer; so it does not matter where that is over, or no slot is left for it.
        """
        end = self._waiting.pop(contact, None)
        if end is None:
            return False
        end.began, end.sent_at = place, at
        if not end.is_answered or (end.at > self._over and self._free > 0):
            return False
        return not any(one.is_lost for one in self._open_ends())

    def _open_ends(self) -> Iterator[_End]:
        return (end for end in self._waiting.values() if end is not None)


def _end_of(step: Step, place: int, at: float, reason: str) -> _End | None:
    """Return the end of an attempt; None where nothing was sent."""
    if step is Step.RESTORE:
        return _End(place, at, is_answered=False, is_lost=True)
    if step in (Step.MARK_UNKNOWN, Step.RECOVER):
        is_answered = is_answer(Outcome.UNKNOWN, reason)
        return _End(place, at, is_answered, not is_answered)
    if step is Step.NOT_PLACED:
        if reason in _NOT_SENT:
            return None
        return _End(place, at, reason.startswith(_REFUSED), is_lost=False)
    return _End(place, at, is_answered=True, is_lost=False)
