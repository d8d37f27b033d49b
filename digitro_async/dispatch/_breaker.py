"""PURE: whether a PABX is paused because of its answers.

The breaker opens sooner on unknowns than other breakers do on errors, because here
every probe of a sick PABX may ring at a person who is then in an unknown state.
"""

import enum
import math
from collections import deque

from digitro_async.errors import Outcome, OutcomeUnknownError
from digitro_async.protocol import Classification, Failure
from digitro_async.settings import PauseSettings

__all__ = ["Breaker", "BreakerState"]


class BreakerState(enum.StrEnum):
    """Whether a PABX takes calls."""

    CLOSED = "closed"
    """It takes calls."""
    OPEN = "open"
    """It takes none until a moment; then one call goes as a probe."""
    PROBING = "probing"
    """One call is on the wire as a probe; the rest waits for its outcome."""
    PAUSED_BY_HAND = "paused_by_hand"
    """It takes none until ``resume``."""


_OPEN = BreakerState.OPEN
_CUT_OFF = Classification(Outcome.UNKNOWN, OutcomeUnknownError, Failure.CANCELLED)


class Breaker:
    """Pauses one PABX by its answers. Time is an argument.

    Attributes:
        state: Whether the PABX takes calls.
        reason: Why it takes none, as a code; empty where it takes calls.
        until: When a call may start: a moment, or inf where only an event helps.
    """

    __slots__ = (
        "_attempts",
        "_not_sent",
        "_pause",
        "_rejected",
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

    def pause_until_resume(self, reason: str) -> None:
        """Pause the PABX until ``resume``."""
        self.state, self.reason, self.until = (
            BreakerState.PAUSED_BY_HAND,
            reason,
            math.inf,
        )

    def resume(self) -> None:
        """Take calls again, and forget all answers and pauses."""
        self.state, self.reason, self.until = BreakerState.CLOSED, "", -math.inf
        self._pause = min(self._settings.first_pause, self._settings.max_pause)
        self._attempts = self._unknown = self._not_sent = self._rejected = 0
        self._unknown_at.clear()

    def abandon_probe(self, now: float) -> None:
        """Note that the probe was never begun: the next call may go as one."""
        if self.state is BreakerState.PROBING:
            self.state, self.until = BreakerState.OPEN, now

    def cut_probe(self, now: float) -> None:
        """Note that the probe was cut off before an answer came.

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
        self._attempts += 1
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
            self.pause_until_resume(classification.reason)
        elif self._rejected >= self._settings.rejected_run:
            self.pause_until_resume("rejected_run")
        elif probe and self.state is BreakerState.PROBING:
            self._record_probe(classification, now)
        elif self.state is BreakerState.CLOSED:
            reason = self._reason_to_open()
            if reason:
                self._open(reason, now)

    def _count(self, classification: Classification) -> None:
        outcome = classification.outcome
        self._attempts += 1
        self._not_sent = self._not_sent + 1 if outcome is Outcome.NOT_SENT else 0
        self._rejected = self._rejected + 1 if outcome is Outcome.REJECTED else 0
        self._unknown = self._unknown + 1 if outcome is Outcome.UNKNOWN else 0
        if self._unknown:
            self._unknown_at.append(self._attempts)

    def _reason_to_open(self) -> str:
        settings = self._settings
        if self._unknown >= settings.unknown_run:
            return "unknown_run"
        if self._not_sent >= settings.not_sent_run:
            return "not_sent_run"
        recent = self._unknown_at
        while recent and recent[0] <= self._attempts - settings.unknown_window:
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
