"""EarlierCalls: sees to it that calls of runs that are gone get their ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from digitro_async.call_events import CallEnd, Disposition, EndEvidence
from digitro_async.campaign._ledger_recorder import LedgerRecorder
from digitro_async.dispatch import Dispatcher
from digitro_async.ledger import AwaitedEnd, CallEnds, ClaimOwner

__all__ = ["EarlierCalls"]

_TakeOver = Callable[
    [ClaimOwner, float, Collection[str]], Awaitable[Sequence[AwaitedEnd]]
]


class EarlierCalls:
    """The calls of runs that are gone, whose ends these did not hear.

    Each is followed until its end where the events of its PABX are read. What no event
    tells by the deadline, which goes by the time of its answer, is ``none_seen``.

    Args:
        ends: The ends of the ledger's calls.
        dispatcher: The dispatcher, which follows calls.
        recorder: The recorder that is told of ends.
        are_followed: Whether the dispatcher follows them already, as it made them.
    """

    def __init__(
        self,
        ends: CallEnds,
        dispatcher: Dispatcher,
        recorder: LedgerRecorder,
        *,
        are_followed: bool,
    ) -> None:
        self._ends = ends
        self._dispatcher = dispatcher
        self._recorder = recorder
        self._followed = frozenset(dispatcher.end_timeouts if are_followed else ())
        self._timers: set[asyncio.TimerHandle] = set()
        self._beside: set[asyncio.TimerHandle] = set()  # of calls that are followed
        self._all_told = asyncio.Event()
        self._all_told.set()

    async def begin(self) -> None:
        """Follow them, before other calls are made.

        Raises:
            LedgerError: If the ledger can't be read.
        """
        awaited, now = await self._ends.awaited(), time.time()
        awaited = [one for one in awaited if one.pabx not in self._followed]
        for one in _by_answers(awaited, now):
            left = one.seconds_left(now)
            if left <= 0:
                self._tell(one)
            elif not self._follow(one, one.seconds_ago(now)):
                self._tell_later(one, left)

    async def take_over(self, owner: ClaimOwner, lease: float) -> None:
        """Follow the calls of others that are gone by now, if the ledger tells them.

        Args:
            owner: The owner that is to wait for their ends.
            lease: Seconds from now in which nobody else may have what is its.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        take: _TakeOver | None = getattr(self._ends, "take_over", None)
        if take is None:
            return
        taken = await take(owner, lease, tuple(self._dispatcher.end_timeouts))
        now = time.time()
        for one in _by_answers(taken, now):
            left = one.seconds_left(now)
            if left <= 0:
                self._tell(one)
                continue
            is_followed = self._follow(one, one.seconds_ago(now))
            # The dispatcher tells it late, behind calls that were answered after it.
            self._tell_later(one, left, is_followed=is_followed)

    async def wait(self) -> None:
        """Wait until those that are not followed have their ends."""
        await self._all_told.wait()

    def stop(self) -> None:
        """Tell no end any more; the next run does."""
        for timer in (*self._timers, *self._beside):
            timer.cancel()
        self._timers.clear()
        self._beside.clear()
        self._all_told.set()

    def _follow(self, one: AwaitedEnd, ago: float) -> bool:
        return self._dispatcher.follow_earlier(
            one.pabx, one.call_id, key=one.number, recorder=self._recorder, ago=ago
        )

    def _tell_later(
        self, one: AwaitedEnd, seconds: float, *, is_followed: bool = False
    ) -> None:
        timers = self._beside if is_followed else self._timers

        def tell() -> None:
            timers.discard(timer)
            self._tell(one)
            if not self._timers:
                self._all_told.set()

        timer = asyncio.get_running_loop().call_later(seconds, tell)
        timers.add(timer)
        if not is_followed:
            self._all_told.clear()

    def _tell(self, one: AwaitedEnd) -> None:
        end = CallEnd(
            pabx=one.pabx,
            disposition=Disposition.NONE_SEEN,
            evidence=EndEvidence.DEADLINE,
            call_id=one.call_id,
            key=one.number,
        )
        self._recorder.record_end(one.number, one.pabx, end, _nothing)


def _by_answers(awaited: Iterable[AwaitedEnd], now: float) -> list[AwaitedEnd]:
    """Return calls in the order of their answers: runs may differ in deadlines."""
    return sorted(awaited, key=lambda one: one.seconds_ago(now), reverse=True)


def _nothing() -> None:
    """Do nothing: nobody waits for the record."""
