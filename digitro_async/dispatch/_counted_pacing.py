"""PURE: pacing where the PABX is known to count a call soon after it was sent.

The proof is in ``_pacing``.
"""

import bisect
import math
import operator
from collections import deque
from collections.abc import Iterable

import attrs

from digitro_async.dispatch._pacing import Lost, Pacer
from digitro_async.settings import RateLimit

__all__ = ["CountedPacer"]


@attrs.define(eq=False)
class _Sent:
    """A call that was sent.

    Attributes:
        until: When the PABX has counted it at the latest.
        lost: Its place among the lost ones, None where it is not lost.
        is_over: Whether its slot cools, or is free.
    """

    until: float
    lost: Lost | None = None
    is_over: bool = False


_until = operator.attrgetter("until")


class CountedPacer(Pacer):
    """A pacer that takes a call for answered some time after it was sent at the latest.

    Args:
        limit: The cap, with ``counted_within``.
        total: Most seconds that one attempt takes.
        rest: Seconds from the last lost call until the last slot is used.
    """

    __slots__ = ("_calls_sent", "_on_way", "_within")

    def __init__(
        self, limit: RateLimit, *, total: float = 30.0, rest: float = 5.0
    ) -> None:
        super().__init__(limit, total=total, rest=rest)
        within = limit.counted_within
        self._within = math.inf if within is None else within
        self._calls_sent: dict[object, _Sent] = {}  # those that go on
        # The one that is counted first stands first.
        self._on_way: deque[_Sent] = deque()

    def earliest(self, now: float) -> float:
        """Return when a call may start, or when to ask again. See ``Pacer``."""
        self._look_for_counted(now)
        when = super().earliest(now)
        if when == math.inf or self._lost:
            on_way = self._on_way
            while on_way and on_way[0].is_over:
                on_way.popleft()
            if on_way:  # a call that is counted then may make room
                return min(when, on_way[0].until)
        return when

    def start(self, now: float) -> None:
        """Take a slot. See ``Pacer``."""
        self._look_for_counted(now)
        super().start(now)

    def note_sent(self, call: object, now: float) -> None:
        """Note that the request of a call was written. See ``Pacer``."""
        self._calls_sent[call] = self._put_on_way(now)

    def finish(
        self,
        now: float,
        started: float = -math.inf,
        *,
        sent: bool = True,
        call: object = None,
    ) -> None:
        """Free the slot of a call. See ``Pacer``."""
        self._look_for_counted(now)
        known = self._calls_sent.pop(call, None)
        if known is not None:
            if known.is_over:
                self._free_lost(started, now)
                return
            known.is_over = True
        super().finish(now, started, sent=sent)

    def give_up(self, now: float, started: float, call: object = None) -> None:
        """Keep the slot of a call taken until it is counted. See ``Pacer``."""
        self._look_for_counted(now)
        known = self._calls_sent.pop(call, None) or self._put_on_way(now)
        if not known.is_over:
            super().give_up(now, started)
            known.lost = self._lost[-1]

    def reserve(
        self,
        free_at: Iterable[float],
        lost_until: Iterable[float] = (),
        *,
        now: float = -math.inf,
    ) -> None:
        """Take the slots of calls that were made before. See ``Pacer``."""
        window, before = self._window, set(self._lost)
        until = list(lost_until)
        cooling = [one for one in until if one - window <= now]
        super().reserve(
            [*free_at, *cooling], [one for one in until if one - window > now], now=now
        )
        new = (one for one in self._lost if one not in before)
        on_way = [*self._on_way, *(_Sent(one.until - window, one) for one in new)]
        self._on_way = deque(sorted(on_way, key=_until))

    def _put_on_way(self, now: float) -> _Sent:
        """Return the note of a call that was sent now or before."""
        sent = _Sent(now + self._within)
        bisect.insort(self._on_way, sent, key=_until)
        return sent

    def _look_for_counted(self, now: float) -> None:
        """Let the slots cool of calls that the PABX has counted by now."""
        on_way = self._on_way
        while on_way and on_way[0].until <= now:
            sent = on_way.popleft()
            if sent.is_over:
                continue
            if sent.lost is None:
                self._held -= 1
                if self._within > self._slow:
                    self._look_at_latency(self._within, sent.until)
            elif sent.lost in self._lost:
                self._lost.remove(sent.lost)
                self._left += 1
            else:  # an answer to a later call freed it before
                continue
            sent.is_over = True
            bisect.insort(self._cooling, sent.until + self._window)

    def _free_lost(self, started: float, now: float) -> None:
        """Let the slots cool of calls that were lost before an answered one started."""
        lost = self._lost
        while lost and lost[0].at < started:
            lost.popleft()
            self._left += 1
            self._cooling.append(now + self._window)
