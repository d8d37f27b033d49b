"""CampaignRun: dials the pending contacts of a ledger, and releases the others."""

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio

from digitro_async.campaign._earlier_calls import EarlierCalls
from digitro_async.campaign._import_summary import check_whole
from digitro_async.campaign._ledger_recorder import LedgerRecorder
from digitro_async.client import DigitroClient
from digitro_async.dispatch import Calls, at_one_address, quarantine_of
from digitro_async.errors import ConfigurationError, LedgerError, Outcome
from digitro_async.ledger._ledger_clock import CLOCK, Clock
from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._machine_clock import read_clock
from digitro_async.ledger._pabx_addresses import PABX_ADDRESSES, PABXAddresses
from digitro_async.ledger._reconciliation import QUARANTINE, seconds_of
from digitro_async.ledger._records import ClaimOwner
from digitro_async.models import CallResult
from digitro_async.observe import EventKind

if TYPE_CHECKING:  # who applies no rules loads none
    from digitro_async.campaign._rules_in_force import RulesInForce

__all__ = ["CampaignRun"]


class CampaignRun:
    """The results of one run, one for each contact that was taken on.

    * Leaving the block early, ``drain()`` and cancellation let calls on the wire
      finish; their outcomes are recorded whether anybody reads them or not, and each
      contact that was not called is pending again.
    * When the ledger can't be written or is gone, no call is started any more;
      iteration ends with its ``LedgerError`` after the results of the calls that were
      on the wire. Those are ``unrecorded``: only their results tell of them.
    * Otherwise it ends like ``DispatchResults``: with ``PABXPausedError`` when every
      PABX is paused until ``resume``.
    * Where the events of a PABX are read, what became of its calls is recorded as it
      is told; iteration ends once every call has its end, or its time for that is over.
      ``drain()``, an error and leaving the block end that wait: the next run records
      what became of these calls, by its own events or by the deadline.

    A contact that can't be called as it is becomes invalid and gives no result.

    Args:
        ledger: An open ledger.
        client: An open client.
        owner: The owner of its claims.
        claims: The calls of the contacts that this owner claims.
        partial: Whether a ledger is dialled that lacks contacts.
        wait_for_ends: Whether the results end only once every call has its end.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: DigitroClient,
        owner: ClaimOwner,
        claims: Calls,
        *,
        partial: bool = False,
        wait_for_ends: bool = True,
    ) -> None:
        self._ledger = ledger
        self._client = client
        self._partial = partial
        self._fault: LedgerError | None = None
        self._fault_was_raised = False
        self._owner = owner
        self._holds_slots = self._was_entered = self._is_draining = False
        self._waits_for_ends = wait_for_ends
        self._waiting: asyncio.Task[None] | None = None
        self._earlier: EarlierCalls | None = None
        self._recorder = self._make_recorder()
        self._results = client.dispatch(claims, recorder=self._recorder)

    async def __aenter__(self) -> Self:
        if not self._partial:
            check_whole(await self._ledger.imports())
        dispatcher = self._client.dispatcher
        dispatcher.report_ledger(None)
        self._holds_slots = await self._ledger.begin_run(self._owner, dispatcher)
        try:
            quarantine = await self._keep_quarantine()
            await self._keep_clock()
            kept = await self._ledger.get_setting(PABX_ADDRESSES)
            addresses = PABXAddresses.of_setting(kept)
            if not self._holds_slots:
                await self._reserve_slots(quarantine, addresses)
            await self._follow_earlier()
            self._holds_slots = True
            await self._expect_ends()
            await self._keep_addresses(addresses)
            await self._prepare()
            await self._results.__aenter__()
            self._ledger.on_loss(self._stop_for)
        except BaseException:
            await self._end()
            raise
        self._was_entered = True
        self._tell(EventKind.RUN_BEGAN, "begins to dial")
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
        if self._fault is not None and kind is None and not self._fault_was_raised:
            raise self._take_fault()

    def __aiter__(self) -> Self:
        if not self._was_entered:  # it would end at once, as if nothing were left
            raise ConfigurationError(
                "a run must be entered first: async with campaign.run() as results"
            )
        return self

    async def __anext__(self) -> CallResult:
        ready = self._results.take_ready()
        if ready is not None:
            return ready
        try:
            return await anext(self._results)
        except StopAsyncIteration:
            pass
        except Exception:
            if self._fault is None:
                raise
        if self._fault is None:
            await self._wait_for_ends()
        if self._fault is None:
            raise StopAsyncIteration
        raise self._take_fault()

    @property
    def owner(self) -> ClaimOwner:
        """The owner of this run's claims in the ledger."""
        return self._owner

    @property
    def exhausted(self) -> bool:
        """Whether nothing was left to claim."""
        return self._results.exhausted

    @property
    def is_waiting_for_ends(self) -> bool:
        """Whether nothing but the ends of calls is waited for."""
        return self._waiting is not None and not self._waiting.done()

    def drain(self) -> None:
        """Start no further call; calls on the wire finish, and no end is waited for."""
        if not self._is_draining and self._was_entered:
            self._tell(EventKind.RUN_DRAINS, "begins no further call")
        self._is_draining = True
        self._results.drain()
        self.stop_waiting_for_ends()

    async def take_over_ends(self, lease: float) -> None:
        """Follow the calls of other runs that are gone by now.

        Args:
            lease: Seconds from now in which nobody else may have what is this run's.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        if self._earlier is not None:
            await self._earlier.take_over(self._owner, lease)

    def stop_waiting_for_ends(self) -> None:
        """Wait for the end of no call any more; the next run records them."""
        self._waits_for_ends = False
        if self._waiting is not None:
            self._waiting.cancel()

    def unread(self) -> list[CallResult]:
        """Take the results that nobody took by iterating."""
        return self._results.unread()

    @property
    def unrecorded(self) -> Sequence[tuple[int, Outcome]]:
        """Contacts whose calls' outcomes could not be written, and the outcomes."""
        return tuple(self._recorder.unrecorded)

    @property
    def heeding(self) -> "RulesInForce | None":
        """The rules that it applies, with what came of them; None without rules."""
        return None

    def _make_recorder(self) -> LedgerRecorder:
        """Return what records its calls."""
        return LedgerRecorder(self._ledger, self._owner, self._stop_for)

    async def _prepare(self) -> None:
        """Do what is to be done before the first contact is claimed."""

    async def _keep_quarantine(self) -> float:
        """Note how long a call may be on its way; the longest of all runs counts."""
        totals = [pabx.timeouts.total for pabx in self._client.dispatcher.pabx]
        seconds = quarantine_of(max(totals))
        kept = seconds_of(await self._ledger.get_setting(QUARANTINE))
        if seconds > kept:
            await self._ledger.set_setting(QUARANTINE, f"{seconds:g}")
        return max(seconds, kept)

    async def _keep_clock(self) -> None:
        """Note how the clock stands by which this run's times are written."""
        kept = Clock.of_setting(await self._ledger.get_setting(CLOCK))
        clock = read_clock().after(kept)
        if clock != kept:
            await self._ledger.set_setting(CLOCK, clock.as_setting())

    async def _keep_addresses(self, kept: PABXAddresses) -> None:
        """Note at which address each PABX is now."""
        addresses = kept.with_all(self._client.dispatcher.pabx)
        if addresses != kept:
            await self._ledger.set_setting(PABX_ADDRESSES, addresses.as_setting())

    async def _reserve_slots(self, quarantine: float, addresses: PABXAddresses) -> None:
        """Reserve the rate slots that calls of earlier runs still hold."""
        dispatcher = self._client.dispatcher
        for address, together in at_one_address(dispatcher.pabx).items():
            for limit in {pabx.rate for pabx in together if pabx.rate is not None}:
                now = time.time()
                occupied = await self._ledger.occupied_slots(
                    limit=limit,
                    quarantine=quarantine,
                    now=now,
                    elsewhere=addresses.elsewhere(address),
                )
                dispatcher.reserve_slots(
                    together[0].name,
                    [until - now for until in occupied.cooling],
                    lost=[until - now for until in occupied.lost],
                    limit=limit,
                )

    async def _expect_ends(self) -> None:
        """Note in the ledger whose calls get an end, by events or by the deadline."""
        timeouts = self._client.dispatcher.end_timeouts
        if timeouts:
            await self._ledger.ends.expect(self._owner, timeouts)

    async def _follow_earlier(self) -> None:
        """Follow the calls of earlier runs whose ends are to come."""
        ends = getattr(self._ledger, "ends", None)  # somebody's own may have none
        if ends is not None:
            dispatcher = self._client.dispatcher
            # Who shares caps takes over the calls of those who are gone.
            is_shared: bool = getattr(self._ledger, "shares_caps", False)
            self._earlier = EarlierCalls(
                *(ends, dispatcher, self._recorder),
                are_followed=self._holds_slots or is_shared,
            )
            await self._earlier.begin()

    async def _wait_for_ends(self) -> None:
        """Wait until every call has its end, or until that is stopped."""
        if not self._waits_for_ends:
            return
        self._tell(EventKind.RUN_AWAITS_ENDS, "waits for the ends of its calls")
        self._waiting = asyncio.create_task(self._every_end())
        try:
            await asyncio.wait([self._waiting])
        finally:
            self.stop_waiting_for_ends()

    async def _every_end(self) -> None:
        await self._client.dispatcher.wait_for_ends()
        if self._earlier is not None:
            await self._earlier.wait()

    def _stop_for(self, fault: LedgerError) -> None:
        self._note(fault)
        self.drain()

    def _note(self, fault: LedgerError) -> None:
        """Keep the first fault of the ledger, and tell of it."""
        if self._fault is None and not self._fault_was_raised:
            self._client.dispatcher.report_ledger(fault)
        self._fault = self._fault or fault

    def _take_fault(self) -> LedgerError:
        fault, self._fault = self._fault, None
        self._fault_was_raised = True  # once is enough
        return fault or LedgerError()

    async def _end(self) -> None:
        """Give back the claims of the run, even where this is cancelled meanwhile."""
        giving_back = asyncio.ensure_future(self._give_back())
        cancelled: tuple[object, ...] | None = None
        with anyio.CancelScope(shield=True):
            while not giving_back.done():
                try:
                    await asyncio.wait([giving_back])
                except asyncio.CancelledError as error:
                    cancelled = error.args
        self._ledger.on_loss(None)
        self._tell_end()
        if cancelled is not None:
            raise asyncio.CancelledError(*cancelled)
        giving_back.result()

    def _tell_end(self) -> None:
        """Tell observers that the run is over, and why."""
        if not self._was_entered:
            return
        ending = "done" if self.exhausted else "stopped"
        if self._fault is not None or self._fault_was_raised:
            ending = "ledger_failed"
        self._tell(EventKind.RUN_ENDED, f"is over ({ending})", ending)

    def _tell(self, kind: EventKind, what: str, reason: str = "") -> None:
        run = self._owner.id
        text = f"run {run} {what}"
        self._client.activity.note(kind, text, reason=reason, run=run)

    async def _give_back(self) -> None:
        if self._earlier is not None:
            self._earlier.stop()
        await self._recorder.wait_written()
        self._recorder.end()
        try:
            await self._ledger.release(self._owner)
        except LedgerError as error:
            self._note(error)
        finally:
            await self._ledger.end_run(self._owner, holds_slots=self._holds_slots)
