"""CampaignRun: dials what is pending in a ledger, and gives back what it did not."""

import asyncio
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import anyio

from digitro_async.campaign._claims import Claims
from digitro_async.campaign._ledger import Ledger, TellsOfLoss
from digitro_async.campaign._ledger_journal import LedgerJournal
from digitro_async.campaign._reconcile import QUARANTINE, seconds_of
from digitro_async.campaign._turns import begin_turn, end_turn
from digitro_async.campaign._values import OpenContact
from digitro_async.client import DigitroClient
from digitro_async.errors import LedgerError, Outcome
from digitro_async.models import CallResult, PredictiveCall

__all__ = ["CampaignRun"]

SMALLEST_PAGE = 500
"""Fewest contacts that are claimed at once."""

LATE_DELIVERY_SECONDS = 60.0
"""Added to twice the total timeout before an unknown call may be reconciled."""


class CampaignRun:
    """The results of one run, one for each contact that was taken on.

    * Leaving the block early, ``drain()`` and cancellation let what is on the wire
      finish; its outcomes are recorded whether anybody reads them or not, and whoever
      was not called is pending again.
    * When the ledger can't be written or is gone, no call is started any more;
      iteration ends with its ``LedgerError`` after the results of the calls that were
      on the wire. Those are ``unrecorded``: only their results tell of them.
    * Otherwise it ends like ``DispatchResults``: with ``PABXPausedError`` when every
      PABX is paused until somebody acts.

    A contact that can't be called as it is becomes invalid and gives no result.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: DigitroClient,
        build_call: Callable[[OpenContact], PredictiveCall],
        max_attempts: int,
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._fault: LedgerError | None = None
        self._told = False
        self._journal = LedgerJournal(ledger, self._stop_for)
        claims = Claims(
            ledger,
            build_call,
            page=max(SMALLEST_PAGE, client.dispatcher.capacity),
            max_attempts=max_attempts,
        )
        self._results = client.dispatch(claims, journal=self._journal)

    async def __aenter__(self) -> Self:
        knows_all = begin_turn(self._ledger, self._client.dispatcher)
        try:
            await self._keep_quarantine()
            if not knows_all:
                await self._keep_slots()
            await self._results.__aenter__()
            self._hear_of_loss(self._stop_for)
        except BaseException:
            end_turn(self._ledger)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._results.__aexit__(kind, error, traceback)
        finally:
            await self._end()
        if self._fault is not None and kind is None and not self._told:
            raise self._take_fault()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CallResult:
        try:
            return await anext(self._results)
        except Exception:
            if self._fault is None:
                raise
        raise self._take_fault()

    @property
    def exhausted(self) -> bool:
        """Whether nothing was left to claim."""
        return self._results.exhausted

    def drain(self) -> None:
        """Start no further call; what is on the wire finishes."""
        self._results.drain()

    def unread(self) -> list[CallResult]:
        """Take the results that nobody took by iterating."""
        return self._results.unread()

    @property
    def unrecorded(self) -> Sequence[tuple[int, Outcome]]:
        """Contacts whose calls' outcomes could not be written, and the outcomes."""
        return tuple(self._journal.unrecorded)

    async def _keep_quarantine(self) -> None:
        """Note how long a call may be on its way; the longest of all runs counts."""
        totals = [pabx.timeouts.total for pabx in self._client.dispatcher.pabx]
        seconds = 2 * max(totals) + LATE_DELIVERY_SECONDS
        if seconds > seconds_of(await self._ledger.recall(QUARANTINE)):
            await self._ledger.remember(QUARANTINE, f"{seconds:g}")

    async def _keep_slots(self) -> None:
        """Hold the rate slots that calls of earlier runs still hold."""
        dispatcher = self._client.dispatcher
        for pabx in dispatcher.pabx:
            if pabx.rate is not None:
                now = time.time()
                held = await self._ledger.held_until(
                    pabx.name, calls=pabx.rate.calls, window=pabx.rate.per, now=now
                )
                dispatcher.hold_slots(pabx.name, [until - now for until in held])

    def _hear_of_loss(self, tell: Callable[[LedgerError], None] | None) -> None:
        if isinstance(self._ledger, TellsOfLoss):
            self._ledger.on_loss(tell)

    def _stop_for(self, fault: LedgerError) -> None:
        self._fault = self._fault or fault
        self._results.drain()

    def _take_fault(self) -> LedgerError:
        fault, self._fault = self._fault, None
        self._told = True  # once is enough
        return fault or LedgerError()

    async def _end(self) -> None:
        """Give back what is claimed, whatever cancels this meanwhile."""
        giving_back = asyncio.ensure_future(self._give_back())
        cancelled: tuple[object, ...] | None = None
        with anyio.CancelScope(shield=True):
            while not giving_back.done():
                try:
                    await asyncio.wait([giving_back])
                except asyncio.CancelledError as error:
                    cancelled = error.args
        self._hear_of_loss(None)
        end_turn(self._ledger)
        if cancelled is not None:
            raise asyncio.CancelledError(*cancelled)
        giving_back.result()

    async def _give_back(self) -> None:
        await self._journal.settled()
        try:
            await self._ledger.release()
        except LedgerError as error:
            self._fault = self._fault or error
