"""PURE: what became of calls, counted, for any exporter to read.

It is an observer: a call costs it a few additions.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import Final

from digitro_async.errors import Outcome
from digitro_async.exporters._label_values import NO_PABX, label_of_reason
from digitro_async.observe import (
    ActivitiesLost,
    Activity,
    CallEnded,
    CallRetried,
    CallSettled,
    ClientEvent,
    EventKind,
)

__all__ = ["OBSERVED_KINDS", "CallCounts", "Durations"]

# Those that the OpenTelemetry conventions give for http.client.request.duration.
LATENCY_BOUNDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5),
    10.0,
)
WAIT_BOUNDS: Final = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
CALL_BOUNDS: Final = (1.0, 3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Bounds of how long calls ring and talk; 6 s and less is a short call in Brazil."""

OBSERVED_KINDS: Final = (CallRetried, CallSettled, CallEnded, ClientEvent)
"""The activities that are counted."""

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


class CallCounts:
    """What became of the calls of one client.

    Attributes:
        settled: Calls with a result, by PABX, command and outcome.
        failures: Calls that were not accepted, by PABX and reason.
        retries: Attempts that failed before others, by PABX and reason.
        attempts: Attempts of the calls with a result, by PABX.
        ends: Calls of which it is known what became, by PABX and disposition.
        events: Events of the client, by kind.
        lost: Activities that nobody counted.
        latencies: Seconds from the last attempt to its answer or failure, by PABX.
        waits: Seconds from when a call was taken on to its last attempt, by PABX.
        rings: Seconds that calls rang, by PABX.
        talks: Seconds that calls were answered, by PABX.
    """

    def __init__(self) -> None:
        self.settled: Counter[tuple[str, str, Outcome]] = Counter()
        self.failures: Counter[tuple[str, str]] = Counter()
        self.retries: Counter[tuple[str, str]] = Counter()
        self.attempts: Counter[str] = Counter()
        self.ends: Counter[tuple[str, str]] = Counter()
        self.events: Counter[EventKind] = Counter()
        self.lost = 0
        self.latencies = _DurationsOfEach(LATENCY_BOUNDS)
        self.waits = _DurationsOfEach(WAIT_BOUNDS)
        self.rings = _DurationsOfEach(CALL_BOUNDS)
        self.talks = _DurationsOfEach(CALL_BOUNDS)

    def take(self, batch: Sequence[Activity]) -> None:
        """Count what happened."""
        for one in batch:
            if type(one) is CallSettled:
                self._count_settled(one)
            elif isinstance(one, CallEnded):
                self._count_end(one)
            elif isinstance(one, CallRetried):
                self.retries[one.pabx, label_of_reason(one.reason)] += 1
            elif isinstance(one, ClientEvent):
                self.events[one.kind] += 1
            elif isinstance(one, ActivitiesLost):
                self.lost += one.count

    def _count_settled(self, call: CallSettled) -> None:
        pabx, outcome = call.pabx or NO_PABX, call.outcome
        self.settled[pabx, call.command, outcome] += 1
        if outcome is not _ACCEPTED:
            self.failures[pabx, label_of_reason(call.reason)] += 1
        if call.sent_at is not None:
            self.attempts[pabx] += call.attempts
            self.latencies[pabx].add(call.latency)
            self.waits[pabx].add(call.waited)

    def _count_end(self, end: CallEnded) -> None:
        self.ends[end.pabx, str(end.disposition)] += 1
        if end.ring_seconds is not None:
            self.rings[end.pabx].add(end.ring_seconds)
        if end.talk_seconds is not None:
            self.talks[end.pabx].add(end.talk_seconds)
