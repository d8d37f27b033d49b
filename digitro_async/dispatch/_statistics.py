"""Counters of one PABX and the frozen snapshots that are shown of them."""

import math
from collections import deque
from collections.abc import Mapping

import attrs

from digitro_async.call_events import Disposition
from digitro_async.dispatch._limits import Limit, Load, find_limit
from digitro_async.dispatch._pause_status import PauseStatus
from digitro_async.errors import Outcome
from digitro_async.settings import RateLimit

__all__ = ["Counters", "PABXStatistics", "Statistics", "median_of"]

RATE_SECONDS = 5
"""Seconds that the current rate looks back on."""

AVERAGE_SECONDS = 30
"""Seconds that the average rate looks back on."""

LATENCIES = 64
"""Number of the last answers whose latencies are kept."""


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
        address: Its host and port, with the path prefix where it has one.
        average_rate: POSTs begun a second, over the last half minute.
        pause: Why it is paused, in words, and when it is tried again; None where calls
            start.
        pauses: Pauses that its answers have caused, this one included.
        last_pause: The last of them, also once it is over: its cause, and the seconds
            since it began; None where there was none.
        latency: Median of the seconds that the last answers took, None where none
            came.
        record_seconds: Median of the seconds that a ledger took to record that a call
            is about to be made; 0 without a ledger.
        recording: Calls in flight whose intent is being recorded: nothing of them is
            sent yet.
        silent_for: Seconds since the last answer, while calls are in flight; else 0.
        max_in_flight: Most calls in flight at present.
        lack: Why these are fewer than the PABX's ``max_in_flight``, in words: this
            machine holds no more. Empty where they are as many.
        cap: The cap, None where there is none; of several at one address the strictest.
        lost_slots: Rate slots that are kept for calls that were sent and never
            answered, because the PABX may count them still.
        is_draining: Whether no further call is started.
        in_progress: Calls to its address that are in progress; 0 without ``events``.
        max_in_progress: Most of them, None where there is no cap.
        dispositions: What became of its calls, counted; empty without ``events``.
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
    address: str = ""
    average_rate: float = 0.0
    pause: PauseStatus | None = None
    pauses: int = 0
    last_pause: PauseStatus | None = None
    latency: float | None = None
    record_seconds: float = 0.0
    recording: int = 0
    silent_for: float = 0.0
    max_in_flight: int = 0
    lack: str = ""
    cap: RateLimit | None = None
    lost_slots: int = 0
    is_draining: bool = False
    in_progress: int = 0
    max_in_progress: int | None = None
    dispositions: Mapping[Disposition, int] = attrs.field(factory=dict)

    @property
    def limit(self) -> Limit:
        """What keeps the next call to it from starting."""
        return find_limit(self._load)

    @property
    def allowed_rate(self) -> float | None:
        """Calls a second that the cap allows at this latency, None without a cap."""
        return self._load.allowed

    @property
    def _load(self) -> Load:
        return Load(
            is_paused=self.pause is not None,
            is_draining=self.is_draining,
            waiting=self.waiting,
            in_flight=self.in_flight,
            recording=self.recording,
            max_in_flight=self.max_in_flight,
            cap=self.cap,
            lost_slots=self.lost_slots,
            latency=self.latency,
            record_seconds=self.record_seconds,
            silent_for=self.silent_for,
            in_progress=self.in_progress,
            max_in_progress=self.max_in_progress,
        )


@attrs.frozen
class Statistics:
    """All PABX at one moment.

    Attributes:
        pabx: By name.
        waits_for_source: Whether a ``dispatch`` waits for its source to give a call.
    """

    pabx: Mapping[str, PABXStatistics]
    waits_for_source: bool = False

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
    def average_rate(self) -> float:
        """POSTs begun a second over the last half minute, over all PABX."""
        return sum(one.average_rate for one in self.pabx.values())

    @property
    def outcomes(self) -> Mapping[Outcome, int]:
        """Calls with a result, by outcome, over all PABX."""
        return {
            outcome: sum(one.outcomes[outcome] for one in self.pabx.values())
            for outcome in Outcome
        }


class Counters:
    """Counts the attempts and outcomes of one PABX. Time is an argument.

    Attributes:
        in_flight: Calls between their turn and their answer.
        recording: Those of them whose intent is being recorded.
        attempts: POSTs begun.
        alarms: Protocol violations.
        doubtful: Calls whose answer is in doubt.
        outcomes: Calls with a result, by outcome.
        latencies: Seconds that the last answers took.
        record_times: Seconds that the last records of intents took.
        heard_at: When the last answer came, or calls began to be in flight.
    """

    __slots__ = (
        "_began",
        "_second",
        "_second_ends",
        "_seconds",
        "alarms",
        "attempts",
        "doubtful",
        "heard_at",
        "in_flight",
        "latencies",
        "outcomes",
        "record_times",
        "recording",
    )

    def __init__(self) -> None:
        self.in_flight: int = 0
        self.recording: int = 0
        self.attempts: int = 0
        self.alarms: int = 0
        self.doubtful: int = 0
        self.heard_at: float = 0.0
        self.outcomes: dict[Outcome, int] = dict.fromkeys(Outcome, 0)
        # Rings: nothing is made for a call but the number.
        self.latencies: deque[float] = deque(maxlen=LATENCIES)
        self.record_times: deque[float] = deque(maxlen=LATENCIES)
        self._began = math.inf
        self._second: list[float] = []
        self._second_ends = -math.inf
        self._seconds: deque[list[float]] = deque(maxlen=AVERAGE_SECONDS + 1)

    def start(self, now: float) -> None:
        """Count a POST that begins."""
        if not self.in_flight:
            self.heard_at = now
        self.in_flight += 1
        self.attempts += 1
        if now >= self._second_ends:
            second = now // 1
            self._began = min(self._began, now)
            self._second_ends = second + 1
            self._second = [second, 0]
            self._seconds.append(self._second)
        self._second[1] += 1

    def rate(self, now: float) -> float:
        """Return POSTs begun a second over the last few seconds."""
        oldest = now - RATE_SECONDS
        # A copy is made in one step, so that any thread may ask.
        counted = [entry for entry in self._seconds.copy() if entry[0] + 1 > oldest]
        if not counted:
            return 0.0
        span = max(1.0, now - counted[0][0])
        return sum(entry[1] for entry in counted) / span

    def average_rate(self, now: float) -> float:
        """Return POSTs begun a second over the last half minute, pauses included."""
        oldest = (now - AVERAGE_SECONDS) // 1
        begun = sum(entry[1] for entry in self._seconds.copy() if entry[0] >= oldest)
        return begun / max(1.0, now - max(self._began, oldest)) if begun else 0.0

    def silent_for(self, now: float) -> float:
        """Return seconds since the last answer, 0 where nothing is in flight."""
        return max(0.0, now - self.heard_at) if self.in_flight else 0.0


def median_of(values: deque[float]) -> float | None:
    """Return the median of some values, None where there are none."""
    # A copy is made in one step, also where another thread adds values meanwhile.
    ordered = sorted(values.copy())
    return ordered[len(ordered) // 2] if ordered else None
