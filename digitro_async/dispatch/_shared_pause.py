"""PURE: the pause of one PABX, where other workers send to it too. Time is an argument.

Each worker reports the pauses that it made itself, and those that it ended. A database
knows of each PABX whether it is paused for all, and tells every worker so: a pause of
the set-up until the operator resumes it, one that tries again by itself until the one
worker that may try it has had a good probe. Whatever the database doesn't tell of any
more is over. A pause that began after a report was made is reported with the next one.
"""

import math

import attrs

from digitro_async.dispatch._breaker import Breaker, BreakerState
from digitro_async.dispatch._throttle import Throttle

__all__ = ["PauseOrder", "PauseReport", "SharedPause"]

CLOSE = 0.5
"""Seconds by which a rest may differ from that of the others."""


@attrs.frozen(kw_only=True)
class PauseReport:
    """What a worker has to tell of the pause of one PABX.

    Attributes:
        code: The reason of its own pause, as a code; empty where it has none.
        words: The same in words.
        ago: Seconds since its own pause began.
        needs_resume: Whether that lasts until ``resume``.
        next_try: Seconds until it tries again by itself, None where it won't.
        is_probing: Whether its probe is on the wire.
        ended_ago: Seconds since a pause of all ended here, by a good probe or by
            ``resume``; None where none did.
        rest: Seconds that the PABX asked this worker to rest, from now on; 0 for none.
        rest_ago: Seconds since it asked.
        for_others: Whether others began the pause that it tries to end.
        waiting: Calls that wait while the PABX is paused.
    """

    code: str = ""
    words: str = ""
    ago: float = 0.0
    needs_resume: bool = False
    next_try: float | None = None
    is_probing: bool = False
    ended_ago: float | None = None
    rest: float = 0.0
    rest_ago: float = 0.0
    for_others: bool = False
    waiting: int = 0


@attrs.frozen(kw_only=True)
class PauseOrder:
    """The pause of one PABX that holds for all workers.

    Attributes:
        code: The reason, as a code; empty where there is a rest alone.
        words: The same in words, with the worker that found it.
        needs_resume: Whether it lasts until ``resume``.
        next_try: Seconds until it is tried.
        is_prober: Whether this worker is the one that tries it.
        rest: Seconds until the PABX may get calls again; 0 where it asked for no rest.
    """

    code: str
    words: str
    needs_resume: bool
    next_try: float
    is_prober: bool
    rest: float


NO_ORDER = PauseOrder(
    code="", words="", needs_resume=False, next_try=0.0, is_prober=False, rest=0.0
)


class SharedPause:
    """The pause of one PABX in this worker, as far as others are to know of it.

    Args:
        breaker: Pauses the PABX by its answers here.
        throttle: Rests it.
    """

    def __init__(self, breaker: Breaker, throttle: Throttle) -> None:
        self._breaker, self._throttle = breaker, throttle
        self._is_shared = False  # the last order was to pause, and it was heeded
        self._was_paused = False  # at the last report, and reported then
        self._began: float | None = None
        self._ended: float | None = None
        self._rest_seen = self._rest_ordered = -math.inf
        self._rest_began = 0.0
        self._rested = False  # reported with the last report

    def has_news(self, now: float) -> bool:
        """Whether there may be something to tell: nearly never."""
        return (
            self._breaker.state is not BreakerState.CLOSED
            or self._is_shared
            or self._was_paused
            or self._throttle.until > now
        )

    def report(self, now: float, words: str, waiting: int) -> PauseReport | None:
        """Return what there is to tell, None where there is nothing.

        Args:
            now: The time.
            words: Why the PABX is paused, in words.
            waiting: Calls that wait for it.
        """
        report = PauseReport()
        breaker = self._breaker
        is_closed = breaker.state is BreakerState.CLOSED
        self._was_paused = not is_closed and not breaker.waits_for_others
        if is_closed:
            self._began = None
            if self._is_shared and self._ended is None:
                self._ended = now
            if self._ended is not None:
                report = PauseReport(ended_ago=now - self._ended)
        else:
            self._ended = None
        if self._was_paused:
            report = self._own_pause(now, words)
        until = self._throttle.until
        self._rested = until > now and until != self._rest_ordered
        if self._rested:
            if until != self._rest_seen:
                self._rest_seen, self._rest_began = until, now
            report = attrs.evolve(
                report, rest=until - now, rest_ago=now - self._rest_began
            )
        if not is_closed:
            return attrs.evolve(report, waiting=waiting)
        return None if report == PauseReport() else report

    def obey(self, order: PauseOrder | None, now: float) -> bool:
        """Do what holds for all workers; return whether something changed.

        Args:
            order: The pause that holds for all, None where there is none.
            now: The time.
        """
        order = order or NO_ORDER
        rested = self._rest(order.rest, now)
        return (self._pause(order, now) if order.code else self._end()) or rested

    def _own_pause(self, now: float, words: str) -> PauseReport:
        breaker = self._breaker
        if self._began is None:
            self._began = now if breaker.cause is None else breaker.cause.since
        return PauseReport(
            code=breaker.reason,
            words=breaker.told or words,
            ago=now - self._began,
            needs_resume=breaker.state is BreakerState.PAUSED_BY_HAND,
            next_try=breaker.seconds_left(now),
            is_probing=breaker.state is BreakerState.PROBING,
            for_others=bool(breaker.told),
        )

    def _pause(self, order: PauseOrder, now: float) -> bool:
        breaker = self._breaker
        state = breaker.state
        if state is BreakerState.CLOSED and self._was_paused:
            self._is_shared = True
            return False  # it ended after the report: the next one tells
        self._is_shared, self._ended = True, None
        if state is BreakerState.PROBING:
            return False
        if order.needs_resume:
            if state is BreakerState.PAUSED_BY_HAND:
                return False
            breaker.pause_until_resume(order.code, told=order.words)
            return True
        tried_at = now + order.next_try
        if not order.is_prober:
            was_waiting = breaker.waits_for_others and state is BreakerState.OPEN
            breaker.wait_for_others(order.code, order.words, tried_at)
            return not was_waiting
        if state is BreakerState.OPEN and not breaker.waits_for_others:
            return False  # it goes by its own time
        breaker.wait_for_others(order.code, order.words, tried_at)
        breaker.try_for_others(tried_at)
        return True

    def _end(self) -> bool:
        """Take calls again where all do; return whether that is new."""
        breaker = self._breaker
        was_held = breaker.waits_for_others or self._was_paused
        self._is_shared, self._ended = False, None
        if breaker.state is BreakerState.CLOSED or not was_held:
            return False
        if breaker.state is BreakerState.PROBING:
            return False  # its answer says more
        breaker.resume()
        self._began = None
        return True

    def _rest(self, seconds: float, now: float) -> bool:
        """Rest as long as all do; return whether calls may go on sooner."""
        throttle = self._throttle
        if seconds > 0:
            if now + seconds > throttle.until + CLOSE:
                throttle.until = self._rest_ordered = now + seconds
                throttle.run = max(throttle.run, 1)
            return False
        is_ordered = throttle.until == self._rest_ordered
        if throttle.until > now + CLOSE and (is_ordered or self._rested):
            throttle.lift()
            return True
        return False
