"""PURE: what became of calls, counted, for any exporter to read.

It counts calls as they are settled, and observes what else happens.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from digitro_async.errors import Outcome
from digitro_async.exporters._label_values import NO_PABX, label_of_reason
from digitro_async.observe import (
    ActivitiesLost,
    Activity,
    ActivityStream,
    CallEnded,
    ClientEvent,
    EventKind,
)

__all__ = ["LATENCY_BOUNDS", "CallCounts", "Durations"]

# Those that the OpenTelemetry conventions give for http.client.request.duration.
LATENCY_BOUNDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    10.0,
)
WAIT_BOUNDS: Final = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
CALL_BOUNDS: Final = (1.0, 3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Bounds of how long calls ring and talk; 6 s and less is a short call in Brazil."""

_OBSERVED_KINDS: Final = (CallEnded, ClientEvent)
"""The activities that are counted; calls with a result are counted at once."""

_ACCEPTED: Final = Outcome.ACCEPTED


class Durations:
    """Durations, counted in buckets.

    Args:
        bounds: The upper bounds of the buckets but the last, in seconds.

    Attributes:
        counts: Durations in each bucket; the last has no upper bound.
        total: The sum of all.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def join(self, others: "Durations") -> None:
        """Count others, of the same buckets, among these."""
        self.counts = [*map(sum, zip(self.counts, others.counts, strict=True))]
        self.total += others.total


class _DurationsOfEach(dict[str, Durations]):
    """Durations by the name of the PABX.

    Args:
        bounds: The upper bounds of their buckets.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__()
        self._bounds = bounds

    def __missing__(self, pabx: str) -> Durations:
        made = self[pabx] = Durations(self._bounds)
        return made


class _SettledCalls:
    """The calls with a result of one PABX, command and outcome: plain numbers."""

    __slots__ = ("attempts", "calls", "latencies", "waits")

    def __init__(self) -> None:
        self.calls = self.attempts = 0
        self.latencies = Durations(LATENCY_BOUNDS)
        self.waits = Durations(WAIT_BOUNDS)


class CallCounts:
    """What became of the calls of one client, from now on.

    A call costs it one look-up and some additions. All else is done when it is read.

    Args:
        activity: What happens inside the client.
        names: The names of the PABX that are configured.

    Attributes:
        failures: Calls that were not accepted, by PABX and reason.
        retries: Attempts that failed before others, by PABX and reason.
        ends: Calls of which it is known what became, by PABX and disposition.
        events: Events of the client, by kind.
        lost: Activities that nobody counted.
        rings: Seconds that calls rang, by PABX.
        talks: Seconds that calls were answered, by PABX.
    """

    def __init__(self, activity: ActivityStream, names: Iterable[str]) -> None:
        self.failures: Counter[tuple[str, str]] = Counter()
        self.retries: Counter[tuple[str, str]] = Counter()
        self.ends: Counter[tuple[str, str]] = Counter()
        self.events: Counter[EventKind] = Counter()
        self.lost = 0
        self.rings = _DurationsOfEach(CALL_BOUNDS)
        self.talks = _DurationsOfEach(CALL_BOUNDS)
        self._names = frozenset(names)
        self._settled: dict[tuple[str | None, str, Outcome], _SettledCalls] = {}
        self._activity = activity
        activity.add_counter(self)
        self._observing = activity.observe(self._take, *_OBSERVED_KINDS)

    @property
    def settled(self) -> dict[tuple[str, str, Outcome], int]:
        """Calls with a result, by PABX, command and outcome."""
        return {
            (pabx or NO_PABX, command, outcome): row.calls
            for (pabx, command, outcome), row in self._settled.copy().items()
        }

    @property
    def attempts(self) -> Counter[str]:
        """Attempts of the calls with a result, by PABX."""
        found: Counter[str] = Counter()
        for (pabx, _, _), row in self._settled.copy().items():
            if row.attempts:
                found[pabx or NO_PABX] += row.attempts
        return found

    @property
    def latencies(self) -> dict[str, Durations]:
        """Seconds from the last attempt to its answer or failure, by PABX."""
        return self._durations(LATENCY_BOUNDS, lambda row: row.latencies)

    @property
    def waits(self) -> dict[str, Durations]:
        """Seconds from when a call was taken on to its last attempt, by PABX."""
        return self._durations(WAIT_BOUNDS, lambda row: row.waits)

    def close(self) -> None:
        """Count nothing more."""
        self._activity.remove_counter(self)
        self._observing.stop()

    def count_settled(  # noqa: PLR0917 - see OutcomeCounter
        self,
        pabx: str | None,
        command: str,
        outcome: Outcome,
        reason: str,
        attempts: int,
        waited: float,
        latency: float,
    ) -> None:
        """Count a call with its result."""
        row = self._settled.get((pabx, command, outcome))
        if row is None:
            pabx = self._known(pabx)
            row = self._settled.setdefault((pabx, command, outcome), _SettledCalls())
        row.calls += 1
        if attempts:
            row.attempts += attempts
            row.latencies.add(latency)
            row.waits.add(waited)
        if outcome is not _ACCEPTED:
            pabx = self._known(pabx) or NO_PABX
            self.failures[pabx, label_of_reason(reason)] += 1

    def count_retried(self, pabx: str, reason: str) -> None:
        """Count an attempt that failed before others."""
        self.retries[self._known(pabx) or NO_PABX, label_of_reason(reason)] += 1

    def _take(self, batch: Sequence[Activity]) -> None:
        """Count what happened beside."""
        for one in batch:
            if isinstance(one, CallEnded):
                self._count_end(one)
            elif isinstance(one, ClientEvent):
                self.events[one.kind] += 1
            elif isinstance(one, ActivitiesLost):
                self.lost += one.count

    def _count_end(self, end: CallEnded) -> None:
        pabx = self._known(end.pabx) or NO_PABX
        self.ends[pabx, str(end.disposition)] += 1
        if end.ring_seconds is not None:
            self.rings[pabx].add(end.ring_seconds)
        if end.talk_seconds is not None:
            self.talks[pabx].add(end.talk_seconds)

    def _known(self, pabx: str | None) -> str | None:
        """Return the name of a PABX, None for a text that an error named so."""
        return pabx if pabx in self._names else None

    def _durations(
        self, bounds: Sequence[float], of: Callable[[_SettledCalls], Durations]
    ) -> dict[str, Durations]:
        """Return the durations of each PABX, over its commands and outcomes."""
        found = _DurationsOfEach(bounds)
        for (pabx, _, _), row in self._settled.copy().items():
            if row.attempts:
                found[pabx or NO_PABX].join(of(row))
        return found
