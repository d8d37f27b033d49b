"""PURE: the calls to one address that the PABX took, or may have taken, until they end.

Time is an argument: the loop's, and never an earlier one than before. A call is in
progress from before it is sent until

* an event tells of its end, with the call id of its answer;
* or its time for that is over (``end_timeout`` after its answer);
* or it is known that it was not placed.

A call whose answer was lost has no call id. It takes that of the only new call to its
number that events told of within ``match_window`` of its start, if

* no event may be missing since it was sent, and that call's beginning was seen;
* no other call of ours to that number is without a call id;
* every call that was sent before that one was seen has its answer, so that none of
  them can be given the id.

What stays ambiguous stays unknown. Others' calls to the same number can't be told from
ours where ours was not placed: use ``match_window=None`` where others make such calls.
"""

import heapq
import math
from collections import deque
from collections.abc import Hashable
from typing import Final

from digitro_async.call_events import CallEnd, CallPhase, CallSeen, EndEvidence
from digitro_async.dispatch._call_history import CallHistory, Sighting
from digitro_async.dispatch._end_rules import EndRules
from digitro_async.dispatch._unmatched_calls import UnmatchedCalls

__all__ = ["CallInProgress", "CallsInProgress", "EndRules"]

ASK_AGAIN: Final = 1.0
"""Seconds until a match is looked for again that waits for answers to other calls."""


class CallInProgress:
    """One call.

    Attributes:
        owner: Whoever is told of its end; this module hands it through.
        key: The key of the call's ``DispatchItem``.
        pabx: Name of the PABX.
        sent_at: Loop time when it was sent.
        call_id: Its call id, None while none is known.
        is_counted: Whether it counts as in progress.
        is_doubted: Whether its answer may be another call's.
        is_over: Whether nothing more comes of it.
        is_told: Whether its owner was told of its end.
        end: What became of it, None where that is not known, or it was not placed.
        destination: What stands for the number called, None to match none by it.
        evidence: How its id is known.
        history: What its events say.
        may_match: Whether it may take the id of the only new call to its number.
    """

    __slots__ = (
        *("call_id", "destination", "end", "evidence", "history", "is_counted"),
        *("is_doubted", "is_over", "is_told", "key", "may_match", "owner", "pabx"),
        "sent_at",
    )

    def __init__(
        self,
        owner: object,
        key: Hashable,
        pabx: str,
        destination: bytes | None,
        now: float,
    ) -> None:
        self.owner: object = owner
        self.key: Hashable = key
        self.pabx: str = pabx
        self.sent_at = now
        self.call_id: str | None = None
        self.is_counted: bool = True
        self.is_doubted: bool = False
        self.is_over: bool = False
        self.is_told: bool = False
        self.end: CallEnd | None = None
        self.destination = destination
        self.history: CallHistory = CallHistory()
        self.may_match = False
        self.evidence = EndEvidence.CALL_ID

    @property
    def was_not_placed(self) -> bool:
        """Whether nothing comes of it, because it was not placed."""
        return self.is_over and self.end is None


class CallsInProgress:
    """The calls to one address, until they end. Who uses it calls ``expire`` in time.

    Args:
        rules: The rules for their ends.
        most: Most calls in progress, None for no cap.

    Attributes:
        count: Calls in progress that count: those sent, and turns given for one.
        end_timeout: Seconds from an answer within which the call ends, as far as is
            waited for it.
        by_id: Those that wait for their end and have a call id, by that.
        news: The ends of calls, and calls of unknown outcome that an event shows, in
            order; whoever hands them on clears it.
    """

    def __init__(self, rules: EndRules, most: int | None = None) -> None:
        self.count: int = 0
        self.most = most
        self.news: list[tuple[CallInProgress, CallEnd | CallSeen]] = []
        self._rules = rules
        self.end_timeout: float = rules.end_timeout
        self._most_calls = max(rules.most_calls, most or 0)
        self._sent: dict[CallInProgress, None] = {}  # not answered; oldest first
        self.by_id: dict[str, CallInProgress] = {}
        # Each is in the order of its times: what is added is later than all before.
        self._deadlines: dict[CallInProgress, float] = {}
        self._ending: dict[CallInProgress, float] = {}
        self._after_gaps: deque[tuple[float, list[CallInProgress]]] = deque()
        self._matches: list[tuple[float, int, CallInProgress]] = []  # a heap
        self._matched = 0  # tells apart what is in the heap for the same time
        self._without_id: dict[bytes, dict[CallInProgress, None]] = {}
        self._unmatched = UnmatchedCalls(rules.keep, rules.most_unmatched)
        self._closed: set[str] = set()

    def __len__(self) -> int:
        """Return the number of calls whose end is not known yet."""
        return len(self._sent) + len(self._deadlines)

    @property
    def next_due(self) -> float:
        """When ``expire`` has something to do, inf for never."""
        # Asked after every event: without loops it takes 0.3 us instead of 2.
        due = math.inf
        if self._deadlines:
            due = next(iter(self._deadlines.values()))
        if self._ending:
            due = min(due, next(iter(self._ending.values())))
        if self._after_gaps:
            due = min(due, self._after_gaps[0][0])
        return min(due, self._matches[0][0]) if self._matches else due

    def has_room(self) -> bool:
        """Whether one more call may be in progress."""
        return self.most is None or self.count < self.most

    def enter(self) -> None:
        """Count a call that is about to be sent."""
        self.count += 1

    def leave(self) -> None:
        """Count a call no more that was not sent."""
        self.count -= 1

    def send(
        self,
        owner: object,
        key: Hashable,
        pabx: str,
        destination: bytes | None,
        now: float,
    ) -> CallInProgress:
        """Note that a call is sent now that ``enter`` counted.

        Args:
            owner: Whoever is told of its end.
            key: The key of the call's ``DispatchItem``.
            pabx: Name of the PABX.
            destination: What stands for the number called, None to match none by it.
            now: The time.
        """
        call = CallInProgress(owner, key, pabx, destination, now)
        self._sent[call] = None
        if destination is not None:
            self._without_id.setdefault(destination, {})[call] = None
        return call

    def not_placed(self, call: CallInProgress) -> None:
        """Note that a call was not placed: nothing comes of it."""
        self._forget(call)

    def accept(self, call: CallInProgress, call_id: str, now: float) -> None:
        """Note the call id that the PABX gave in its answer to a call."""
        self._wait_for_its_end(call, now)
        self._give(call, call_id, now)

    def lose(self, call: CallInProgress, now: float, *, may_match: bool = True) -> None:
        """Note that nobody knows whether a call was placed.

        Args:
            call: The call.
            now: The time.
            may_match: Whether events may show it. False where the answer may be
                another call's: then that one has the id of this.
        """
        self._wait_for_its_end(call, now)
        window, begin = self._rules.match_window, self._rules.begin
        may_match = may_match and not call.is_doubted
        if may_match and call.destination and window is not None and begin is not None:
            call.may_match = True
            self._look_later(call, max(call.sent_at + window, now))

    def doubt(self, call: CallInProgress) -> None:
        """Note that the call id of a call may be another call's."""
        call.is_doubted, call.may_match = True, False
        if call.is_over or call.call_id is None:
            return
        self._take_id(call)
        call.history = CallHistory()  # that was another call's, perhaps
        if self._ending.pop(call, None) is not None:
            call.is_counted = True
            self.count += 1
        if call.destination is not None:
            self._without_id.setdefault(call.destination, {})[call] = None

    def withdraw(self, call: CallInProgress) -> None:
        """Note that the answer to a call is not believed after all."""
        if call.call_id is not None and call.evidence is EndEvidence.CALL_ID:
            self.doubt(call)

    def see(self, call_id: str, seen: Sighting, destination: bytes | None) -> None:
        """Take an event into account.

        Args:
            call_id: The id of its call.
            seen: What is kept of it.
            destination: What stands for the number called, None where it tells none.
        """
        call = self.by_id.get(call_id)
        if call is None:
            self._unmatched.add(call_id, seen, destination)
        else:
            self._add(call, seen, seen.now)

    def open(self, pabx: str, now: float) -> None:
        """Note that events of a PABX come from now on."""
        self._closed.discard(pabx)
        if not self._closed and self._unmatched.complete_since == math.inf:
            self._unmatched.complete_since = now

    def close(self, pabx: str, now: float) -> None:
        """Note that no events of a PABX come until ``open``."""
        self._closed.add(pabx)
        self.miss(now)
        self._unmatched.complete_since = math.inf

    def miss(self, now: float) -> None:
        """Note that events may be missing before now."""
        self._unmatched.complete_since = max(self._unmatched.complete_since, now)
        if self._rules.gap_timeout is None:
            return
        waiting = {call for _, calls in self._after_gaps for call in calls}
        calls = [
            call for call in self._deadlines if call.is_counted and call not in waiting
        ]
        if calls:
            self._after_gaps.append((now + self._rules.gap_timeout, calls))

    def expire(self, now: float) -> None:
        """Do what is due by now."""
        while self._ending and next(iter(self._ending.values())) <= now:
            self._end(next(iter(self._ending)))
        while self._matches and self._matches[0][0] <= now:
            self._match(heapq.heappop(self._matches)[2], now)
        while self._after_gaps and self._after_gaps[0][0] <= now:
            for call in self._after_gaps.popleft()[1]:
                self._uncount(call)
        while self._deadlines and next(iter(self._deadlines.values())) <= now:
            self._end(next(iter(self._deadlines)), EndEvidence.DEADLINE)

    def _wait_for_its_end(self, call: CallInProgress, now: float) -> None:
        del self._sent[call]
        self._deadlines[call] = now + self._rules.end_timeout
        if len(self._deadlines) > self._most_calls:
            self._end(next(iter(self._deadlines)), EndEvidence.FORGOTTEN)

    def _give(self, call: CallInProgress, call_id: str, now: float) -> None:
        """Give a call its id, and the events that came before."""
        before = self.by_id.get(call_id)
        if before is not None:  # the PABX used its id again: it has ended
            self._end(before, EndEvidence.DEADLINE)
        self._leave_those_without_id(call)
        call.call_id = call_id
        self.by_id[call_id] = call
        for seen in self._unmatched.take(call_id, call.sent_at):
            self._add(call, seen, now)

    def _add(self, call: CallInProgress, seen: Sighting, now: float) -> None:
        if call.is_over:
            return
        call.history.add(seen)
        if seen.phase is not CallPhase.ENDED:
            return
        self._uncount(call)
        if not self._rules.grace:
            self._end(call)
        elif call not in self._ending:
            self._ending[call] = now + self._rules.grace

    def _look_later(self, call: CallInProgress, due: float) -> None:
        self._matched += 1
        heapq.heappush(self._matches, (due, self._matched, call))

    def _match(self, call: CallInProgress, now: float) -> None:
        """Give a call of unknown outcome the id of the only call that it can be."""
        number, rules = call.destination, self._rules
        window, begin = rules.match_window, rules.begin
        if call.is_over or not call.may_match or number is None:
            return
        if window is None or begin is None or len(self._without_id[number]) > 1:
            return
        since = call.sent_at
        call_id = self._unmatched.find_only(number, since, since + window, begin)
        if call_id is None:
            return
        first = self._unmatched.first_of(call_id)
        if self._sent and next(iter(self._sent)).sent_at <= first.now:
            self._look_later(call, now + ASK_AGAIN)
            return
        call.may_match = False
        call.evidence = EndEvidence.DESTINATION
        seen = CallSeen(
            pabx=call.pabx,
            call_id=call_id,
            name=first.name,
            seen_at=first.seen_at,
            at=first.at,
        )
        self.news.append((call, seen))
        self._give(call, call_id, now)

    def _end(
        self, call: CallInProgress, evidence: EndEvidence = EndEvidence.DEADLINE
    ) -> None:
        """End a call for good, by its events where they told of its end."""
        if call.history.has_ended:
            evidence = call.evidence
        call.end = call.history.end(call.pabx, call.call_id, call.key, evidence)
        self.news.append((call, call.end))
        self._forget(call)

    def _forget(self, call: CallInProgress) -> None:
        call.is_over = True
        self._sent.pop(call, None)
        self._deadlines.pop(call, None)
        self._ending.pop(call, None)
        self._leave_those_without_id(call)
        self._take_id(call)
        self._uncount(call)

    def _take_id(self, call: CallInProgress) -> None:
        call_id, call.call_id = call.call_id, None
        if call_id is not None:
            self.by_id.pop(call_id, None)
            self._unmatched.close(call_id)

    def _leave_those_without_id(self, call: CallInProgress) -> None:
        number = call.destination
        if number is None:
            return
        calls = self._without_id.get(number)
        if calls is not None:
            calls.pop(call, None)
            if not calls:
                del self._without_id[number]

    def _uncount(self, call: CallInProgress) -> None:
        if call.is_counted:
            call.is_counted = False
            self.count -= 1
