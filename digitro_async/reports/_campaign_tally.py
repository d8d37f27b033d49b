"""PURE: sums up the steps of a campaign, one after the other, in little memory."""

import enum
import heapq
from collections import Counter
from collections.abc import Iterable
from typing import Final

import attrs

from digitro_async.ledger._history_records import StepRecord
from digitro_async.ledger._state import Step
from digitro_async.reports._latencies import Latencies
from digitro_async.reports._shown_texts import shown_reason
from digitro_async.reports._time_buckets import TimeBuckets

__all__ = ["AttemptOutcome", "CampaignTally", "Standstill"]


class AttemptOutcome(enum.StrEnum):
    """What came of one attempt, when it was recorded."""

    ACCEPTED = "accepted"
    """The PABX took the call."""
    REJECTED = "rejected"
    """The PABX refused this call for good."""
    UNKNOWN = "unknown"
    """The call may have been placed: no usable answer says."""
    NOT_PLACED = "not_placed"
    """Provably not placed: not sent, or refused for no fault of the call."""
    OPEN = "open"
    """Nothing is recorded of it yet."""


OUTCOME_OF: Final = {
    Step.ACCEPT: AttemptOutcome.ACCEPTED,
    Step.REJECT: AttemptOutcome.REJECTED,
    Step.MARK_UNKNOWN: AttemptOutcome.UNKNOWN,
    Step.RECOVER: AttemptOutcome.UNKNOWN,
    Step.NOT_PLACED: AttemptOutcome.NOT_PLACED,
}

_ANSWERED: Final = {Step.ACCEPT, Step.REJECT}
"""Steps that an answer led to, so that it is known how long that took."""

_LATEST: Final = 32_503_680_000.0
"""The year 3000: times beyond are damage."""

_SHORTEST: Final = 60.0
_STANDSTILLS: Final = 5
_SECONDS_KEPT: Final = 2_000
"""Seconds whose calls are counted before those that are over are looked through:
processes that share a ledger write with some delay."""

_MOST_ATTEMPTS: Final = 255


@attrs.frozen(order=True)
class Standstill:
    """A time in which no call was begun, between two that were.

    Attributes:
        seconds: How long it was.
        began_at: Unix time of the last call before it.
        reason: Why the last attempt before it that was not accepted was not, as a
            code; empty where the last one of all was accepted.
    """

    seconds: float
    began_at: float
    reason: str


class CampaignTally:
    """Sums up the steps of a campaign.

    It keeps a byte for each contact, and what is of bounded number. Steps may be given
    in several goes: more of them later, in the order in which they were recorded.

    Args:
        offset: Seconds that local time is ahead of UTC.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.last = 0
        self.begun: TimeBuckets[str] = TimeBuckets(offset)
        self.outcomes: TimeBuckets[AttemptOutcome] = TimeBuckets(offset)
        self.by_pabx: Counter[tuple[str, AttemptOutcome]] = Counter()
        self.by_reason: Counter[tuple[str, AttemptOutcome, str]] = Counter()
        self.latencies: dict[str, Latencies] = {}
        self.later_steps: Counter[Step] = Counter()
        self.later_reasons: Counter[tuple[Step, str]] = Counter()
        self.standstills: list[Standstill] = []
        self.last_at: float | None = None
        self._attempts = bytearray()
        self._open: dict[int, tuple[float, str]] = {}
        self._seconds: dict[tuple[str, int], int] = {}
        self._peaks: dict[str | None, tuple[int, int]] = {}
        self._last_reason = ""

    def take(self, steps: Iterable[StepRecord]) -> None:
        """Add steps.

        Args:
            steps: The steps, in the order of their sequence numbers.
        """
        for sequence, contact, step, at, pabx, reason in steps:
            self.last = sequence
            if not 0 <= at < _LATEST:
                continue
            if step is Step.INTEND:
                self._begin(contact, at, pabx or "")
                continue
            outcome = OUTCOME_OF.get(step)
            begun = None if outcome is None else self._open.pop(contact, None)
            if outcome is not None and begun is not None:
                self._end(begun, step, outcome, at, reason or "")
            elif outcome is None:
                self.later_steps[step] += 1
                self.later_reasons[step, shown_reason(reason or "")] += 1

    @property
    def open_attempts(self) -> Counter[str]:
        """Name of each PABX to how many attempts nothing is recorded of."""
        return Counter(pabx for _, pabx in self._open.values())

    def attempts_made(self) -> Counter[int]:
        """Return how many contacts had one attempt, two, and so on.

        Contacts with more than 255 count as of 255.
        """
        counts = Counter(self._attempts)
        del counts[0]
        return counts

    def peak(self, pabx: str | None = None) -> tuple[int, int] | None:
        """Return the most calls begun in one second of the clock, and that second.

        Args:
            pabx: Name of the PABX; None for all together.
        """
        self._look_through(until=None)
        return self._peaks.get(pabx)

    def _begin(self, contact: int, at: float, pabx: str) -> None:
        self._open[contact] = at, pabx
        self.begun.add(at, pabx)
        if contact >= len(self._attempts):
            more = max(contact + 1 - len(self._attempts), 4096)
            self._attempts.extend(bytes(more))
        if self._attempts[contact] < _MOST_ATTEMPTS:
            self._attempts[contact] += 1
        second = int(at)
        key = pabx, second
        self._seconds[key] = self._seconds.get(key, 0) + 1
        if len(self._seconds) > _SECONDS_KEPT:
            self._look_through(until=second - 60)
        last = self.last_at
        if last is None:
            self.last_at = at
        elif at > last:
            if at - last >= _SHORTEST:
                stop = Standstill(at - last, last, self._last_reason)
                several = [*self.standstills, stop]
                self.standstills = heapq.nlargest(_STANDSTILLS, several)
            self.last_at = at

    def _end(
        self,
        begun: tuple[float, str],
        step: Step,
        outcome: AttemptOutcome,
        at: float,
        reason: str,
    ) -> None:
        began_at, pabx = begun
        self.outcomes.add(began_at, outcome)
        self.by_pabx[pabx, outcome] += 1
        if step in _ANSWERED:
            latencies = self.latencies.get(pabx)
            if latencies is None:
                latencies = self.latencies[pabx] = Latencies()
            latencies.add(at - began_at)
        if outcome is AttemptOutcome.ACCEPTED:
            self._last_reason = ""
            return
        if step is Step.RECOVER and not reason:
            reason = "owner_gone"
        reason = shown_reason(reason)
        self._last_reason = reason
        self.by_reason[pabx, outcome, reason] += 1

    def _look_through(self, until: int | None) -> None:
        """Look for the most calls of a second, and forget those that are over.

        Args:
            until: The last second that is over; None where none need be forgotten.
        """
        together: Counter[int] = Counter()
        for (pabx, second), count in self._seconds.items():
            together[second] += count
            self._note_peak(pabx, count, second)
        for second, count in together.items():
            self._note_peak(None, count, second)
        if until is not None:
            self._seconds = {
                key: count for key, count in self._seconds.items() if key[1] > until
            }

    def _note_peak(self, pabx: str | None, count: int, second: int) -> None:
        most = self._peaks.get(pabx)
        if most is None or count > most[0]:
            self._peaks[pabx] = count, second
