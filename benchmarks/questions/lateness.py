"""PURE: the turn of each call, and its lateness after that.

A call's *turn* is the first moment at which the pacer let it go: the call is there, the
even schedule has come to it, and one of the N slots is free. A call is *late* by what
it started after that. The library's own pacer is asked, so this shows how punctual
timers and the event loop are; how even the schedule itself is, servers must tell.
"""

import heapq
from collections.abc import Iterable
from typing import Self

import attrs

from benchmarks.harness.work import WrongRunError
from digitro_async import RateLimit, Timings
from digitro_async.dispatch._pacing import Pacer


@attrs.frozen
class Sent:
    """One call on its way, in seconds of one clock.

    Attributes:
        began: Time at which the client had the call.
        start: Time of sending.
        answered: Time of the answer.
    """

    began: float
    start: float
    answered: float

    @classmethod
    def by(cls, times: Timings) -> Self:
        """Return the call that a result's timings tell of.

        Raises:
            WrongRunError: If it was not sent.
        """
        if times.sent_at is None:
            raise WrongRunError("a call was not sent")
        start = times.sent_at
        return cls(start - times.waited, start, start + times.latency)


def lateness(calls: Iterable[Sent], limit: RateLimit) -> list[float]:
    """Return the seconds between the turn of each call and its start.

    Args:
        calls: All calls to one PABX, in any order.
        limit: Its cap.
    """
    pacer = Pacer(limit)
    answers: list[float] = []
    late = []
    for call in sorted(calls, key=lambda call: call.start):
        while answers and answers[0] <= call.start:
            pacer.finish(heapq.heappop(answers))
        turn = max(call.began, pacer.earliest(call.start))
        late.append(max(0.0, call.start - turn))
        pacer.start(call.start)
        heapq.heappush(answers, call.answered)
    return late
