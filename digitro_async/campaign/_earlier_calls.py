"""EarlierCalls: sees to it that calls of runs that are gone get their ends."""

import asyncio
import time

from digitro_async.call_events import CallEnd, Disposition, EndEvidence
from digitro_async.campaign._ledger_recorder import LedgerRecorder
from digitro_async.dispatch import Dispatcher
from digitro_async.ledger import AwaitedEnd, CallEnds

__all__ = ["EarlierCalls"]


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
        self._all_told = asyncio.Event()
        self._all_told.set()

    async def begin(self) -> None:
        """Follow them, before other calls are made.

        Raises:
            LedgerError: If the ledger can't be read.
        """
        awaited, now = await self._ends.awaited(), time.time()
        awaited = [one for one in awaited if one.pabx not in self._followed]
        # Runs may have had different deadlines: what counts is the order of answers.
        for one in sorted(awaited, key=lambda one: one.seconds_ago(now), reverse=True):
            left = one.seconds_left(now)
            if left <= 0:
                self._tell(one)
            elif not self._follow(one, one.seconds_ago(now)):
                self._tell_later(one, left)

    async def wait(self) -> None:
        """Wait until those that are not followed have their ends."""
        await self._all_told.wait()

    def stop(self) -> None:
        """Tell no end any more; the next run does."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._all_told.set()

    def _follow(self, one: AwaitedEnd, ago: float) -> bool:
        return self._dispatcher.follow_earlier(
            one.pabx, one.call_id, key=one.number, recorder=self._recorder, ago=ago
        )

    def _tell_later(self, one: AwaitedEnd, seconds: float) -> None:
        def tell() -> None:
            self._timers.discard(timer)
            self._tell(one)
            if not self._timers:
                self._all_told.set()

        timer = asyncio.get_running_loop().call_later(seconds, tell)
        self._timers.add(timer)
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


def _nothing() -> None:
    """Do nothing: nobody waits for the record."""
