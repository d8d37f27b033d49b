"""HeededCounts: what stop rules, short calls and originating numbers are counted by."""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator

from digitro_async.call_events import CallEnd, Disposition
from digitro_async.errors import Outcome
from digitro_async.ledger import LedgerAttempt, Schedule
from digitro_async.rules import (
    CallingRules,
    CampaignCounts,
    DayCounts,
    ShortCallCounter,
    ShortCallRule,
    StopReason,
    StopRules,
)

__all__ = ["HeededCounts"]

_NO_STOP = StopRules()
_RANG = frozenset({Outcome.ACCEPTED, Outcome.UNKNOWN})


class _CallCounter(ShortCallCounter):
    """Counts calls by day, and those on the wire as calls of today."""

    def __init__(self, rule: ShortCallRule) -> None:
        super().__init__(rule)
        self.on_wire: Counter[str | None] = Counter()

    def clear(self) -> None:
        """Forget all calls but those on the wire."""
        self._counts.clear()
        self._totals.clear()

    def of_day(self, originating: str | None, when: float) -> DayCounts:
        """Return the calls of an originating number on the day of a moment."""
        counts = super().of_day(originating, when)
        return counts.plus(DayCounts(self.on_wire[originating]))


class HeededCounts:
    """The counts of a campaign, filled from its ledger and kept up by its run.

    Args:
        rules: The rules.
        schedule: The schedule of the ledger.
    """

    def __init__(self, rules: CallingRules, schedule: Schedule) -> None:
        self._rule = rules.short_calls or ShortCallRule.published()
        self._counts_days = bool(rules.short_calls or rules.originating)
        self._stop = rules.stop
        self._counts_all = rules.stop not in {_NO_STOP, StopRules(at=rules.stop.at)}
        self._schedule = schedule
        self._contacts = self._calls = 0
        self._ends: Counter[Disposition] = Counter()
        # By contact: the originating number and the beginning of its call. The call
        # before it may end while it is on the wire.
        self._on_wire: dict[int, tuple[str | None, float]] = {}
        self._awaited: dict[int, tuple[str | None, float]] = {}  # their ends are
        self.counter: _CallCounter = _CallCounter(self._rule)

    async def load(self, contacts: int, now: float) -> None:
        """Take the counts of the ledger in the place of what was known.

        Args:
            contacts: Contacts of the campaign.
            now: The time.

        Raises:
            LedgerError: If the ledger can't be read.
        """
        self._contacts = contacts
        if self._counts_days:
            day = self.counter.next_day(now) - 2 * 86_400.0  # or a little before it
            self._take_days(await self._schedule.attempts_since(day))
        if self._counts_all:
            counts = await self._schedule.count_attempts()
            self._calls, self._ends = counts.calls, Counter(counts.ends)

    def begin(self, contact: int, originating: str | None, at: float) -> None:
        """Note that a call is about to begin."""
        self._on_wire[contact] = (originating, at)
        self.counter.on_wire[originating] += 1

    @contextlib.contextmanager
    def without(self, contact: int) -> Iterator[None]:
        """Leave the call of a contact that is about to be sent out, in the block."""
        found = self._on_wire.get(contact)
        if found is not None:
            self.counter.on_wire[found[0]] -= 1
        try:
            yield
        finally:
            if found is not None:
                self.counter.on_wire[found[0]] += 1

    def settle(self, contact: int, *, may_have_rung: bool, gets_end: bool) -> None:
        """Note the outcome of a call that was begun.

        Args:
            contact: Its contact.
            may_have_rung: Whether it counts.
            gets_end: Whether its end is told later.
        """
        found = self._on_wire.pop(contact, None)
        if found is None:
            return
        originating, at = found
        self.counter.on_wire[originating] -= 1
        if may_have_rung:
            self._calls += 1
            self.counter.begin(originating, at)
            if gets_end:
                self._awaited[contact] = found

    def end(self, contact: int, end: CallEnd) -> None:
        """Note what became of a call."""
        self._ends[end.disposition] += 1
        originating, at = self._awaited.pop(contact, (None, None))
        if at is not None:
            self.counter.end(originating, at, end.disposition, end.talk_seconds)

    def reached(self, when: float) -> StopReason | None:
        """Return why the campaign ends now, or None."""
        if self._stop.at is None and not self._counts_all:
            return None
        counts = CampaignCounts(
            contacts=self._contacts, calls=self._calls, ends=self._ends
        )
        return self._stop.reached(counts, when)

    def may_begin(self, in_progress: int) -> bool:
        """Whether one more call may begin, if all calls in progress count."""
        return self._stop.calls is None or self._calls + in_progress < self._stop.calls

    def _take_days(self, attempts: Iterable[LedgerAttempt]) -> None:
        self.counter.clear()
        for one in attempts:
            if one.began_at is None or not _counts(one):
                continue
            self.counter.begin(one.originating, one.began_at)
            if one.disposition is not None:
                self.counter.end(
                    one.originating, one.began_at, one.disposition, _talked(one)
                )


def _counts(attempt: LedgerAttempt) -> bool:
    """Whether an attempt is over, and may have rung."""
    return attempt.outcome in _RANG


def _talked(attempt: LedgerAttempt) -> float | None:
    if attempt.answered_at is None or attempt.ended_at is None:
        return None
    return max(0.0, attempt.ended_at - attempt.answered_at)
