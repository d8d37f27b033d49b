"""PURE: what holds the calls to one PABX back, at one moment.

Each answer is true of the figures it is given, and names the first of these that keeps
the next call from starting: the PABX takes none, nothing is there to start, the wire is
full, the cap is reached. The cap allows ``calls / (per + seconds)``, where a call
takes that many seconds from its turn to its answer, or until the PABX is known to have
counted it: it holds its slot for both.
"""

import enum

import attrs

from digitro_async.settings import RateLimit

__all__ = ["NEAR", "SILENT_SECONDS", "Limit", "Load", "allowed_rate", "find_limit"]

NEAR = 0.9
"""Share of the cap from which on a run counts as held back by the cap alone."""

SILENT_SECONDS = 2.0
"""Seconds without an answer after which calls on the wire count as waiting for one."""


class Limit(enum.StrEnum):
    """What keeps the next call to a PABX from starting."""

    PAUSED = "paused"
    """The PABX is paused, asked for fewer calls, or has no channel: see ``pause``."""
    IDLE = "idle"
    """No call is there to start, and none is on the wire."""
    DRAINING = "draining"
    """No further call is started; the calls on the wire are waited for."""
    SILENT = "silent"
    """Calls are on the wire, and none was answered for longer than usual."""
    LEDGER = "ledger"
    """The ledger takes long to record that a call is about to be made."""
    PLACES = "places"
    """``max_in_flight`` calls are on the wire."""
    MAX_IN_PROGRESS = "max_in_progress"
    """``max_in_progress`` calls are in progress."""
    LOST_SLOTS = "lost_slots"
    """Rate slots are kept for calls that were sent and never answered."""
    LATENCY = "latency"
    """Answers take long, and each call holds its rate slot until then.

    Where it is known how soon the PABX counts a call, ``counted_within`` of its
    ``RateLimit`` frees the slots sooner.
    """
    CAP = "cap"
    """The cap."""
    SOURCE = "source"
    """Nothing of the PABX: calls start as soon as they are there."""


@attrs.frozen(kw_only=True)
class Load:
    """The figures of one PABX that say what holds its calls back.

    Attributes:
        is_paused: Whether it takes no calls, for any reason.
        is_draining: Whether no further call is started.
        waiting: Calls that wait for their turn.
        in_flight: Calls between their turn and their answer.
        recording: Those of them whose intent is being recorded.
        max_in_flight: Most calls in flight.
        cap: The cap, None where there is none.
        lost_slots: Rate slots kept for calls that were never answered.
        latency: Seconds that answers take, None where none came.
        record_seconds: Seconds that the record of an intent takes.
        silent_for: Seconds since the last answer while calls are in flight.
        in_progress: Calls to its address that are in progress.
        max_in_progress: Most of them, None where there is no cap.
    """

    is_paused: bool
    is_draining: bool
    waiting: int
    in_flight: int
    recording: int
    max_in_flight: int
    cap: RateLimit | None
    lost_slots: int
    latency: float | None
    record_seconds: float
    silent_for: float
    in_progress: int = 0
    max_in_progress: int | None = None

    @property
    def seconds_a_call(self) -> float:
        """Seconds that a call takes from its turn to its answer."""
        return (self.latency or 0.0) + self.record_seconds

    def seconds_a_slot(self, cap: RateLimit) -> float:
        """Return the seconds that a call holds its slot of a cap."""
        return cap.seconds_held(self.latency or 0.0) + self.record_seconds

    @property
    def allowed(self) -> float | None:
        """Calls a second that the cap allows, None where there is none."""
        if self.cap is None:
            return None
        return allowed_rate(
            self.cap,
            self.latency or 0.0,
            record_seconds=self.record_seconds,
            lost_slots=self.lost_slots,
        )

    @property
    def is_full(self) -> bool:
        """Whether as many calls are in progress as may be."""
        return (
            self.max_in_progress is not None
            and self.in_progress >= self.max_in_progress
        )

    @property
    def is_silent(self) -> bool:
        """Whether no call was answered for longer than calls take."""
        longest = max(SILENT_SECONDS, 4 * self.seconds_a_call)
        return self.in_flight > 0 and self.silent_for > longest


def allowed_rate(
    cap: RateLimit,
    latency: float,
    *,
    record_seconds: float = 0.0,
    lost_slots: int = 0,
) -> float:
    """Return the calls a second that a cap allows.

    Args:
        cap: The cap.
        latency: Seconds until an answer.
        record_seconds: Seconds that a call waits for its record, holding its slot.
        lost_slots: Slots that no call can take.
    """
    held = cap.seconds_held(latency) + record_seconds
    return max(0, cap.calls - lost_slots) / held


def find_limit(load: Load) -> Limit:
    """Return what keeps the next call from starting."""
    if load.is_paused:
        return Limit.PAUSED
    if load.is_draining:
        return Limit.DRAINING if load.in_flight else Limit.IDLE
    if load.is_silent:
        only_recording = load.recording >= load.in_flight
        return Limit.LEDGER if only_recording else Limit.SILENT
    if load.in_flight >= load.max_in_flight:
        return Limit.LEDGER if _is_ledger(load) else Limit.PLACES
    if load.waiting and load.is_full:
        return Limit.MAX_IN_PROGRESS
    if load.waiting and load.cap is not None:
        return _limit_of_the_cap(load, load.cap)
    return Limit.SOURCE if load.in_flight else Limit.IDLE


def _limit_of_the_cap(load: Load, cap: RateLimit) -> Limit:
    share_of_slots = (cap.calls - load.lost_slots) / cap.calls
    share_of_time = cap.per / load.seconds_a_slot(cap)
    if share_of_slots * share_of_time >= NEAR:
        return Limit.CAP
    if share_of_slots < share_of_time:
        return Limit.LOST_SLOTS
    by_answer = cap.seconds_held(load.latency or 0.0) - cap.per
    return Limit.LEDGER if load.record_seconds > by_answer else Limit.LATENCY


def _is_ledger(load: Load) -> bool:
    """Whether the ledger takes more of a call's time than the PABX."""
    return load.record_seconds > (load.latency or 0.0)
