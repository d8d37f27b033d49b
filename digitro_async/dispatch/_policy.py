"""PURE: what to do after an outcome: send again, pause the PABX, or neither.

Sent again is only what provably was not placed: NOT_SENT, and a documented throttle.
The breaker opens sooner on unknowns than other breakers do on errors, because here
every probe of a sick PABX may ring at a person who is then in an unknown state.
"""

import enum
import math
from collections import deque

from digitro_async.errors import Outcome, OutcomeUnknownError, ThrottledError
from digitro_async.protocol import AttemptResult, Classification, Failure
from digitro_async.settings import PauseSettings, RetrySettings

__all__ = [
    "Breaker",
    "BreakerState",
    "RetryQuota",
    "may_be_sent_again",
    "retry_delay",
    "throttle_pause",
]


_MOST_DOUBLINGS = 1000
"""More would be too large for a float."""


def may_be_sent_again(classification: Classification) -> bool:
    """Whether the same call may go out a second time at all."""
    return (
        classification.outcome is Outcome.NOT_SENT
        or classification.error is ThrottledError
    )


def retry_delay(
    settled: AttemptResult, attempts: int, settings: RetrySettings, chance: float
) -> float | None:
    """Return seconds to wait before the next attempt, None where there is none.

    Args:
        settled: The last attempt.
        attempts: Attempts made so far.
        settings: The limits.
        chance: A number from 0 to 1: the jitter.
    """
    if (
        not may_be_sent_again(settled.classification)
        or attempts >= settings.max_attempts
    ):
        return None
    doubled = settings.base_delay * 2.0 ** min(attempts - 1, _MOST_DOUBLINGS)
    ceiling = min(settings.max_delay, doubled)
    backoff = ceiling * chance
    if settled.retry_after is None:
        return backoff
    return max(backoff, min(settled.retry_after, settings.max_retry_after))


def throttle_pause(
    retry_after: float | None, run: int, settings: RetrySettings, chance: float
) -> float:
    """Return seconds in which a PABX that asked for fewer calls gets none.

    It is the PABX's pause, whatever becomes of the call that was throttled: half of it
    is certain, the other half is jitter.

    Args:
        retry_after: Seconds it asked for, None if it did not say.
        run: How many times it asked since it last accepted a call.
        settings: The limits.
        chance: A number from 0 to 1: the jitter.
    """
    wished = min(retry_after or 0.0, settings.max_retry_after)
    if wished > 0:
        return wished
    doubled = settings.base_delay * 2.0 ** min(run - 1, _MOST_DOUBLINGS)
    return min(settings.max_delay, doubled) * (1 + chance) / 2


class RetryQuota:
    """A bucket that retries empty and accepted calls slowly fill again."""

    __slots__ = ("_cost", "_left", "_size")

    def __init__(self, settings: RetrySettings) -> None:
        self._size = self._left = settings.quota
        self._cost = settings.cost

    def take(self) -> bool:
        """Take the price of one retry; False where the bucket does not hold it."""
        if self._left < self._cost:
            return False
        self._left -= self._cost
        return True

    def refund(self) -> None:
        """Put one unit back: a call was accepted."""
        if self._left < self._size:
            self._left += 1


class BreakerState(enum.StrEnum):
    """Whether a PABX takes calls."""

    CLOSED = "closed"
    """It does."""
    OPEN = "open"
    """Not until a moment; then one call goes as a probe."""
    PROBING = "probing"
    """One call is on the wire as a probe; the rest waits for its outcome."""
    PAUSED_BY_HAND = "held"
    """Not until somebody calls ``resume``."""


_OPEN = BreakerState.OPEN
_CUT_OFF = Classification(Outcome.UNKNOWN, OutcomeUnknownError, Failure.CANCELLED)


class Breaker:
    """Pauses one PABX by what it answers. Time is an argument.

    Attributes:
        state: Whether the PABX takes calls.
        reason: Why not, as a code; empty where it does.
        until: When a call may start: a moment, or inf where only an event helps.
    """

    __slots__ = (
        "_not_sent",
        "_pause",
        "_rejected",
        "_seen",
        "_settings",
        "_unknown",
        "_unknown_at",
        "reason",
        "state",
        "until",
    )

    def __init__(self, settings: PauseSettings) -> None:
        self._settings = settings
        self._unknown_at: deque[int] = deque()
        self.state = BreakerState.CLOSED
        self.resume()

    def start(self) -> bool:
        """Note that a call starts; True where it is the probe."""
        if self.state is not _OPEN:
            return False
        self.state, self.until = BreakerState.PROBING, math.inf
        return True

    def hold(self, reason: str) -> None:
        """Pause until ``resume``."""
        self.state, self.reason, self.until = (
            BreakerState.PAUSED_BY_HAND,
            reason,
            math.inf,
        )

    def resume(self) -> None:
        """Take calls again and forget what was before."""
        self.state, self.reason, self.until = BreakerState.CLOSED, "", -math.inf
        self._pause = min(self._settings.first_pause, self._settings.max_pause)
        self._seen = self._unknown = self._not_sent = self._rejected = 0
        self._unknown_at.clear()

    def abandon_probe(self, now: float) -> None:
        """Note that the probe was never begun: the next call may go as one."""
        if self.state is BreakerState.PROBING:
            self.state, self.until = BreakerState.OPEN, now

    def cut_probe(self, now: float) -> None:
        """Note that the probe was cut off before it told anything.

        The pause begins anew, and longer: callers that give up soon would otherwise
        send one probe after another.
        """
        if self.state is BreakerState.PROBING:
            self._open(self.reason, now)

    def seconds_left(self, now: float) -> float | None:
        """Return seconds until it takes calls again by itself, None where it won't.

        While a probe is on the wire: until the next one, if this one fails.
        """
        if self.state is BreakerState.PROBING:
            return self._pause
        return None if self.until == math.inf else max(0.0, self.until - now)

    def record_accepted(self) -> None:
        """Take an accepted call into account that was no probe: nearly every call."""
        self._seen += 1
        self._unknown = self._not_sent = self._rejected = 0

    def record_cut_off(self, now: float, *, probe: bool) -> None:
        """Take an attempt into account that was cut off after it was sent."""
        self.record(_CUT_OFF, now, probe=probe)

    def record(
        self, classification: Classification, now: float, *, probe: bool = False
    ) -> None:
        """Take one attempt's classification into account."""
        if self.state is BreakerState.PAUSED_BY_HAND:
            return
        self._count(classification)
        if classification.needs_operator:
            self.hold(classification.reason)
        elif self._rejected >= self._settings.rejected_run:
            self.hold("rejected_run")
        elif probe and self.state is BreakerState.PROBING:
            self._record_probe(classification, now)
        elif self.state is BreakerState.CLOSED:
            reason = self._reason_to_open()
            if reason:
                self._open(reason, now)

    def _count(self, classification: Classification) -> None:
        outcome = classification.outcome
        self._seen += 1
        self._not_sent = self._not_sent + 1 if outcome is Outcome.NOT_SENT else 0
        self._rejected = self._rejected + 1 if outcome is Outcome.REJECTED else 0
        self._unknown = self._unknown + 1 if outcome is Outcome.UNKNOWN else 0
        if self._unknown:
            self._unknown_at.append(self._seen)

    def _reason_to_open(self) -> str:
        settings = self._settings
        if self._unknown >= settings.unknown_run:
            return "unknown_run"
        if self._not_sent >= settings.not_sent_run:
            return "not_sent_run"
        recent = self._unknown_at
        while recent and recent[0] <= self._seen - settings.unknown_window:
            recent.popleft()
        return "unknown_budget" if len(recent) > settings.unknown_budget else ""

    def _record_probe(self, classification: Classification, now: float) -> None:
        if classification.outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
            self.resume()
        else:
            self._open(self.reason, now)

    def _open(self, reason: str, now: float) -> None:
        self.state, self.reason = BreakerState.OPEN, reason
        self.until = now + self._pause
        self._pause = min(self._pause * 2, self._settings.max_pause)
