"""PURE: whether a PABX is paused because of its answers.

Every unknown is a person whom nobody may call again, and every probe of a sick PABX may
make one more. So the breaker opens sooner on unknowns than other breakers do on errors.
How long it stays open depends on what the other calls met. Where nearly all calls of a
PABX fail, or one of many, a pause is worth its time: fewer people are lost by it. Where
most calls are accepted in between, the faults go on at the same share after the pause:
it only gives a short trouble time to pass, and costs a fixed number of calls for each
unknown.

The unknowns that can come of it are bounded, whatever the PABX answers:

* Between two pauses: ``unknown_budget`` among ``unknown_window`` calls, one more that
  opens the breaker, and those that were on the wire with it.
* In a pause: one for each probe; each probe that fails doubles the pause.
* Over pauses that are not brief: each begins twice as long as the one before it, up to
  ``max_pause``, unless ``unknown_window`` calls lie between the two.
"""

import enum
import math
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Final, Self

import attrs

from digitro_async._common.reason_words import words_of
from digitro_async.errors import Outcome, OutcomeUnknownError
from digitro_async.protocol import Classification, Failure
from digitro_async.settings import PauseSettings

__all__ = ["ORDERED", "Breaker", "BreakerState", "PauseCause"]

CALLS_FOR_ONE_UNKNOWN = 3
"""The brief pause is as long as so many calls take, for each unknown of its budget.

So a share of unknowns of 5 % costs a seventh of the rate, whatever the rate is.
"""


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


@attrs.frozen
class PauseCause:
    """The attempts that a pause came of.

    Attributes:
        failed: Attempts that failed.
        of: The last attempts among which they were.
        since: When the pause began.
        problems: How they failed, in words that follow "3 calls", and how many did;
            the most frequent first.
    """

    failed: int
    of: int
    since: float
    problems: tuple[tuple[str, int], ...]

    @classmethod
    def run_of(cls, problems: Iterable[str], since: float) -> Self:
        """Return the cause that is a run of failures, by their problems."""
        counted = Counter(problems)
        total = counted.total()
        return cls(total, total, since, tuple(counted.most_common()))


ORDERED: Final = "ordered"
"""Reason of a pause by an operator of the running process, who can resume it."""

_OPEN = BreakerState.OPEN
_CUT_OFF = Classification(Outcome.UNKNOWN, OutcomeUnknownError, Failure.CANCELLED)


class Breaker:
    """Pauses one PABX by its answers. Time is an argument.

    Attributes:
        state: Whether the PABX takes calls.
        reason: Why it takes none, as a code; empty where it takes calls.
        until: When a call may start: a moment, or inf where only an event helps.
        cause: The attempts that the pause came of, None where it came of none.
        tries: Probes that have failed since the pause began.
        last_problem: How the last of them failed; empty where none did.
        pauses: Pauses that ended or end by themselves, so far.
        past: Code and cause of the last of them, None before the first.
        ended: When a good probe ended it, None while it lasts or where nothing tells.
        told: Why others that send to the PABX paused it, in words; empty where its
            answers to this process did.
        tried_at: When one of them tries it, where this process waits for that; None
            where it doesn't.
        on_probe: Called when a probe begins; None where nobody is.
    """

    __slots__ = (
        "_attempts",
        "_begins",
        "_closed_at",
        "_long_at",
        "_not_sent",
        "_pause",
        "_rejected",
        "_run",
        "_settings",
        "_unknown",
        "_unknown_at",
        "cause",
        "ended",
        "last_problem",
        "on_probe",
        "past",
        "pauses",
        "reason",
        "state",
        "told",
        "tried_at",
        "tries",
        "until",
    )

    def __init__(self, settings: PauseSettings) -> None:
        self._settings = settings
        self._unknown_at: deque[tuple[int, float, str]] = deque()
        self._run: list[str] = []  # problems of the run of not sent, or of rejected
        self._attempts = 0
        self.pauses: int = 0
        self.past: tuple[str, PauseCause] | None = None
        self.ended: float | None = None
        self.tried_at: float | None = None
        self.on_probe: Callable[[], object] | None = None
        self.state: BreakerState = BreakerState.CLOSED
        self.told: str = ""
        self.reason: str = ""
        self.until: float = -math.inf
        self.cause: PauseCause | None = None
        self.tries: int = 0
        self.last_problem: str = ""
        self.resume()

    @property
    def first_pause(self) -> float:
        """Seconds of the first pause."""
        return self._settings.first_pause

    @property
    def waits_for_others(self) -> bool:
        """Whether others paused the PABX, and this process doesn't try it."""
        return bool(self.told) and (
            self.tried_at is not None or self.state is BreakerState.PAUSED_BY_HAND
        )

    @property
    def is_ordered(self) -> bool:
        """Whether an operator paused it who will resume it: calls of lists wait."""
        return self.reason == ORDERED and self.state is BreakerState.PAUSED_BY_HAND

    def start(self) -> bool:
        """Note that a call starts; True where it is the probe."""
        if self.state is not _OPEN:
            return False
        self.state, self.until = BreakerState.PROBING, math.inf
        if self.on_probe is not None:
            self.on_probe()
        return True

    def pause_until_resume(
        self, reason: str, cause: PauseCause | None = None, told: str = ""
    ) -> None:
        """Pause the PABX until ``resume``; ``told`` are the words of others why."""
        self.cause, self.tries = cause, 0
        self.told, self.tried_at = told, None
        self.reason, self.until = reason, math.inf
        self.state = BreakerState.PAUSED_BY_HAND  # last: any thread may ask for it

    def wait_for_others(self, reason: str, words: str, tried_at: float) -> None:
        """Pause the PABX until another process has tried it, and says ``resume``.

        Args:
            reason: Why it is paused, as a code.
            words: The same in words.
            tried_at: When that process tries it.
        """
        self.cause, self.tries, self.last_problem = None, 0, ""
        self.reason, self.told, self.tried_at = reason, words, tried_at
        self.until, self.state = math.inf, _OPEN

    def try_for_others(self, at: float) -> None:
        """Try the PABX here, at a moment, where another process was waited for."""
        if self.tried_at is not None:
            self.until, self.tried_at = at, None

    def resume(self) -> None:
        """Take calls again, and forget all answers and pauses."""
        self._close()
        self._begins, self._long_at = 0.0, -self._settings.unknown_window

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
            self._fail_probe(words_of(Failure.CANCELLED), now)

    def seconds_left(self, now: float) -> float | None:
        """Return seconds until it takes calls again by itself, None where it won't.

        While a probe is on the wire: until the next one, if this one fails.
        """
        if self.state is BreakerState.PROBING:
            return self._pause
        until = self.until if self.tried_at is None else self.tried_at
        return None if until == math.inf else max(0.0, until - now)

    def record_accepted(self) -> None:
        """Take an accepted call into account that was no probe: nearly every call."""
        self._attempts += 1
        self._unknown = self._not_sent = self._rejected = 0

    def record_cut_off(self, now: float, *, probe: bool) -> None:
        """Take an attempt into account that was cut off after it was sent."""
        self.record(_CUT_OFF, now, probe=probe)

    def record(
        self,
        classification: Classification,
        now: float,
        *,
        probe: bool = False,
        status: int | None = None,
    ) -> None:
        """Take one attempt's classification into account.

        Args:
            classification: The classification.
            now: The time.
            probe: Whether it was a probe.
            status: HTTP status of the answer, None where none came.
        """
        if self.state is BreakerState.PAUSED_BY_HAND:
            return
        problem = words_of(classification.reason, status)
        self._count(classification.outcome, problem, now)
        if classification.needs_operator:
            cause = PauseCause.run_of([problem], now)
            self.pause_until_resume(classification.reason, cause)
        elif self._rejected >= self._settings.rejected_run:
            self.pause_until_resume("rejected_run", PauseCause.run_of(self._run, now))
        elif probe and self.state is BreakerState.PROBING:
            self._record_probe(classification.outcome, problem, now)
        elif self.state is BreakerState.CLOSED:
            self._open_if_too_many(now)

    def _count(self, outcome: Outcome, problem: str, now: float) -> None:
        self._attempts += 1
        self._not_sent = self._not_sent + 1 if outcome is Outcome.NOT_SENT else 0
        self._rejected = self._rejected + 1 if outcome is Outcome.REJECTED else 0
        self._unknown = self._unknown + 1 if outcome is Outcome.UNKNOWN else 0
        if self._unknown:
            self._unknown_at.append((self._attempts, now, problem))
        run = self._not_sent or self._rejected
        if run:
            del self._run[run - 1 :]
            self._run.append(problem)

    def _open_if_too_many(self, now: float) -> None:
        settings = self._settings
        if self._unknown >= settings.unknown_run:
            run = [problem for _, _, problem in self._unknown_at][-self._unknown :]
            cause = PauseCause.run_of(run, now)
            self._open("unknown_run", cause, self._next_long())
        elif self._not_sent >= settings.not_sent_run:
            cause = PauseCause.run_of(self._run, now)
            self._open("not_sent_run", cause, self._first())
        else:
            self._open_over_budget(now)

    def _open_over_budget(self, now: float) -> None:
        settings, recent = self._settings, self._unknown_at
        while recent and recent[0][0] <= self._attempts - settings.unknown_window:
            recent.popleft()
        count = len(recent)
        if count <= settings.unknown_budget:
            return
        calls = min(settings.unknown_window, self._attempts - self._closed_at)
        if count > settings.unknown_share * calls:
            pause = self._next_long()
        else:
            first, began, _ = recent[0]
            seconds_a_call = (now - began) / (self._attempts - first or 1)
            pause = CALLS_FOR_ONE_UNKNOWN * count * seconds_a_call
            pause = min(pause, self._first())
        problems = Counter(problem for _, _, problem in recent).most_common()
        cause = PauseCause(count, calls, now, tuple(problems))
        self._open("unknown_budget", cause, pause)

    def _first(self) -> float:
        return min(self._settings.first_pause, self._settings.max_pause)

    def _next_long(self) -> float:
        """Return the seconds of a pause of a PABX where most calls are in danger."""
        again = self._attempts - self._long_at < self._settings.unknown_window
        pause = self._begins * 2 if again else self._first()
        self._long_at = self._attempts
        self._begins = min(pause, self._settings.max_pause)
        return self._begins

    def _record_probe(self, outcome: Outcome, problem: str, now: float) -> None:
        if outcome in (Outcome.ACCEPTED, Outcome.REJECTED):
            self._close()
            self.ended = now
        else:
            self._fail_probe(problem, now)

    def _open(self, reason: str, cause: PauseCause, pause: float) -> None:
        self.reason, self.cause, self._pause = reason, cause, pause
        self.pauses, self.past = self.pauses + 1, (reason, cause)
        self.ended = None
        self._begin_pause(cause.since)

    def _fail_probe(self, problem: str, now: float) -> None:
        self.tries += 1
        self.last_problem = problem
        self._begin_pause(now)

    def _begin_pause(self, now: float) -> None:
        self.state = BreakerState.OPEN
        self.until = now + self._pause
        self._pause = min(self._pause * 2, self._settings.max_pause)

    def _close(self) -> None:
        """Take calls again, and forget what they met before."""
        self.state, self.reason, self.until = BreakerState.CLOSED, "", -math.inf
        self.cause, self.tries, self.last_problem = None, 0, ""
        self.told, self.tried_at = "", None
        self._pause = self._first()
        self._unknown = self._not_sent = self._rejected = 0
        self._closed_at = self._attempts
        self._unknown_at.clear()
