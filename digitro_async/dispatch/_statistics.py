"""Counters of one PABX and the frozen snapshots that are shown of them."""

import math
from collections import deque
from collections.abc import Mapping

import attrs

from digitro_async.errors import Outcome

__all__ = ["Counters", "PABXStatistics", "Statistics"]

RATE_SECONDS = 5
"""Seconds that the current rate looks back on."""


@attrs.frozen(kw_only=True)
class PABXStatistics:
    """One PABX at one moment.

    Attributes:
        name: Its name.
        in_flight: Calls on the wire.
        waiting: Calls waiting for a rate slot, for room or for a pause to end.
        attempts: POSTs begun since the start.
        outcomes: Calls with a result since the start, by outcome.
        rate: POSTs begun a second, over the last few seconds.
        paused: Why no calls start, as a code; empty where they do.
        resumes_in: Seconds until it tries again by itself, while a probe is on the
            wire until the next one; None where it is not paused or waits for
            ``resume``.
        alarms: Answers that broke the protocol in a way that suggests stale
            connections or repeated call ids.
        doubtful: Calls whose answer may belong to another call, because such an answer
            came on their connection; with a ledger they are unknown in it.
        uses_fresh_connections: Whether each call has a new connection of its own,
            because the PABX closed kept ones without saying so.
    """

    name: str
    in_flight: int
    waiting: int
    attempts: int
    outcomes: Mapping[Outcome, int]
    rate: float
    paused: str
    resumes_in: float | None
    alarms: int
    doubtful: int = 0
    uses_fresh_connections: bool = False


@attrs.frozen
class Statistics:
    """All PABX at one moment.

    Attributes:
        pabx: By name.
    """

    pabx: Mapping[str, PABXStatistics]

    @property
    def in_flight(self) -> int:
        """Calls on the wire, over all PABX."""
        return sum(one.in_flight for one in self.pabx.values())

    @property
    def attempts(self) -> int:
        """POSTs begun, over all PABX."""
        return sum(one.attempts for one in self.pabx.values())

    @property
    def rate(self) -> float:
        """POSTs begun a second, over all PABX."""
        return sum(one.rate for one in self.pabx.values())

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """Calls with a result, by outcome, over all PABX."""
        return {
            outcome: sum(one.outcomes[outcome] for one in self.pabx.values())
            for outcome in Outcome
        }


class Counters:
    """Counts the attempts and outcomes of one PABX. Time is an argument."""

    __slots__ = (
        "_second",
        "_second_ends",
        "_seconds",
        "alarms",
        "attempts",
        "doubtful",
        "in_flight",
        "outcomes",
    )

    def __init__(self) -> None:
        self.in_flight = 0
        self.attempts = 0
        self.alarms = 0
        self.doubtful = 0
        self.outcomes = dict.fromkeys(Outcome, 0)
        self._second: list[float] = []
        self._second_ends = -math.inf
        self._seconds: deque[list[float]] = deque(maxlen=RATE_SECONDS + 1)

    def start(self, now: float) -> None:
        """Count a POST that begins."""
        self.in_flight += 1
        self.attempts += 1
        if now >= self._second_ends:
            second = now // 1
            self._second_ends = second + 1
            self._second = [second, 0]
            self._seconds.append(self._second)
        self._second[1] += 1

    def rate(self, now: float) -> float:
        """Return POSTs begun a second over the last few seconds."""
        oldest = now - RATE_SECONDS
        counted = [entry for entry in self._seconds if entry[0] + 1 > oldest]
        if not counted:
            return 0.0
        span = max(1.0, now - counted[0][0])
        return sum(entry[1] for entry in counted) / span
