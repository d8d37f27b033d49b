"""CampaignWorker: dials the slices of one campaign that this process is handed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from digitro_async._common.waiting import settled_of
from digitro_async.campaign import (
    BuildCall,
    Campaign,
    CampaignRun,
    ClaimLimit,
    SliceClaims,
)
from digitro_async.client import DigitroClient
from digitro_async.errors import DigitroError, EngineError, LedgerError
from digitro_async.ledger import ClaimOwner, SlicedLedger, State
from digitro_async.models import CallResult
from digitro_async.observe import LOGGER
from digitro_async.workers._engine_port import Engine, Slice
from digitro_async.workers._slice_feeder import SliceFeeder
from digitro_async.workers._slicing_settings import SlicingSettings

if TYPE_CHECKING:  # who applies no rules loads none
    from digitro_async.rules import CallingRules

__all__ = ["CampaignWorker"]

TakeResult = Callable[[CallResult], Awaitable[None]]


class CampaignWorker:
    """Takes slices of a campaign, and dials the contacts in them.

    Several slices flow at once through one run, so the calls of one follow those of
    another without a gap. Contacts that could not be called come up again later.

    Args:
        name: Name of the campaign.
        ledger: Its ledger, open.
        engine: The engine, open.
        campaign: The campaign over that ledger.
        owner: The owner of the claims.
        client: The client that it is dialled through, open.
        settings: Sizes and times.
        max_attempts: Attempts after which a contact is left out.
        partial: Whether lists are dialled that are not there to their end.
        take_result: Takes each result.
        until_done: Whether it ends when nothing is left to be dialled by anybody.
        wait_for_ends: Whether the end waits until every call has its end.
        limit: How many contacts may be claimed; None for any number.

        rules: Rules that are heeded; None for none.
        wait: With rules, most seconds to wait for a contact that is due later before
            nothing counts as left; None for any.

    Attributes:
        heeding: The rules in force; None without rules.
        is_done: Whether it ends because nothing is left.
    """

    def __init__(
        self,
        name: str,
        ledger: SlicedLedger,
        engine: Engine,
        campaign: Campaign,
        *,
        owner: ClaimOwner,
        client: DigitroClient,
        settings: SlicingSettings,
        max_attempts: int,
        partial: bool,
        take_result: TakeResult,
        until_done: bool,
        wait_for_ends: bool = True,
        limit: ClaimLimit | None = None,
        rules: "CallingRules | None" = None,
        wait: float | None = None,
    ) -> None:
        self._name = name
        self._ledger = ledger
        self._client = client
        self._engine = engine
        self._owner = owner
        self._settings = settings
        self._max_attempts = max_attempts
        self._partial = partial
        self._take_result = take_result
        self._until_done = until_done
        self._limit = limit
        self._working: dict[str, asyncio.Future[None]] = {}  # by their queues
        self._feeder = SliceFeeder(
            engine,
            name,
            ledger,
            pabx={None, *(one.name for one in client.dispatcher.pabx)},
            settings=settings,
            max_attempts=max_attempts,
            partial=partial,
        )
        self._stop = asyncio.Event()
        self._hungry = asyncio.Event()
        self._handled = 0
        self._is_draining = False
        self.is_done = False
        self._fault: DigitroError | None = None
        self._wait = wait
        self.heeding = None if rules is None else campaign.heed(rules, owner)
        self._run = campaign.run_claims(
            owner, self._make_claims, wait_for_ends=wait_for_ends, heeding=self.heeding
        )

    @property
    def run(self) -> CampaignRun:
        """The run that its calls are of."""
        return self._run

    @property
    def is_stopped(self) -> bool:
        """Whether a stop rule ended it."""
        return self.heeding is not None and self.heeding.stopped is not None

    def drain(self) -> None:
        """Take no further slice and start no further call; calls on the wire finish."""
        self._is_draining = True
        self._stop.set()
        self._run.drain()

    def end(self) -> None:
        """Take no further slice; contacts that were claimed are called."""
        self._stop.set()

    async def work(self) -> None:
        """Dial until it is drained, or nothing is left.

        Raises:
            DigitroError: If the ledger or the engine can't be used, or the run ends for
                another reason.
        """
        renewing = asyncio.ensure_future(self._renew())
        try:
            async with self._run:
                await self._take_results()
        finally:
            self._stop.set()
            for result in self._run.unread():
                await self._take_result(result)
            self._claims.abandon()  # the run gave every claim back
            for working in self._working.values():
                await settled_of(working)
            renewing.cancel()
        self.is_done = self.is_done or self.is_stopped
        if self._fault is not None:
            raise self._fault

    async def _take_results(self) -> None:
        helping = [
            asyncio.ensure_future(self._feed()),
            asyncio.ensure_future(self._clean_up()),
            asyncio.ensure_future(self._end()),
        ]
        if self._dial_due is not None:
            helping.append(asyncio.ensure_future(self._dial_due()))
        for one in helping:
            one.add_done_callback(self._look_for_fault)
        if self._is_draining:
            self._run.drain()
        try:
            async for result in self._run:
                self._claims.settle(result)
                await self._take_result(result)
        finally:
            for one in helping:
                one.cancel()

    async def _end(self) -> None:
        """End the run once no slice is wanted any more and all are handled."""
        await self._stop.wait()
        for working in self._working.values():
            await settled_of(working)
        self._claims.end()

    def _begin(self, slices: Iterable[Slice]) -> None:
        """Take slices from each queue in which there are some.

        Each PABX has its own, so that one that is paused holds no other up.
        """
        for queue in {one.queue for one in slices} - self._working.keys():
            working = asyncio.ensure_future(
                self._engine.run_worker(
                    self._dial,
                    queues=[queue],
                    concurrency=self._settings.concurrency,
                    stop=self._stop,
                )
            )
            working.add_done_callback(self._look_for_fault)
            self._working[queue] = working

    async def _dial(self, one: Slice) -> None:
        """Have the contacts of a slice called; it comes again where some were not."""
        self._handled += 1
        if self._feeder.note(one):
            self._hungry.set()
        try:
            await self._until_usable(one.pabx)
            if await self._claims.dial(one.numbers, one.pabx):
                after = 0.0 if self._stop.is_set() else self._settings.come_again
                await self._engine.submit([one], after=after)
        except EngineError:
            pass  # what is pending there is found in the ledger
        except LedgerError as error:
            self._fail(error)
        finally:
            self._handled -= 1
            if not self._handled:
                self._hungry.set()

    async def _feed(self) -> None:
        """Put slices into the engine, as they are used up."""
        while not self._stop.is_set():
            is_idle = self._handled < self._settings.concurrency
            self._hungry.clear()
            try:
                self._begin(await self._feeder.feed(is_idle=is_idle))
            except EngineError as error:
                LOGGER.info("slices could not be put in: %s", error)
            if self._until_done and not self._handled:
                await self._end_if_done()
            await self._rest(self._hungry)

    async def _until_usable(self, pabx: str | None) -> None:
        """Wait while the PABX of a slice is paused until it is resumed."""
        while pabx is not None and not self._stop.is_set():
            pause = self._client.statistics().pabx[pabx].pause
            if pause is None or pause.next_try_in is not None:
                return
            await self._rest(self._stop)

    async def _rest(self, event: asyncio.Event) -> None:
        """Wait until it is time to look again, or something happened."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.look):
                await event.wait()

    async def _end_if_done(self) -> None:
        """Stop where no contact of the campaign is left to be dialled by anybody."""
        counts = await self._ledger.counts()
        if counts[State.CLAIMED] or counts[State.INTENT]:
            return
        pending = counts[State.PENDING]
        if pending and not self._feeder.found_nothing:  # else others must dial them
            pending -= await self._ledger.count_exhausted(self._max_attempts)
        if not pending or self._feeder.found_nothing:
            if self._waits is not None and await self._waits(self._wait):
                return
            self.is_done = True
            self._stop.set()

    async def _renew(self) -> None:
        """Tell the ledger that the owner of the claims is alive."""
        while True:
            await asyncio.sleep(self._settings.renew)
            try:
                await self._ledger.renew(self._owner, self._settings.lease)
            except LedgerError as error:
                self._fail(error)

    async def _clean_up(self) -> None:
        """Close what owners that are gone left open, again and again."""
        while True:
            await self._ledger.recover()
            await self._run.take_over_ends(self._settings.lease)
            await asyncio.sleep(self._settings.clean_up)

    def _make_claims(self, build_call: BuildCall) -> SliceClaims:
        make: Callable[..., SliceClaims] = SliceClaims
        if self.heeding is not None:
            from digitro_async.campaign import RuledSlices  # noqa: PLC0415 - who applies no rules loads none

            dispatcher = self._client.dispatcher
            make = partial(
                RuledSlices,
                self.heeding,
                page=2 * dispatcher.capacity,
                pabx={None, *(one.name for one in dispatcher.pabx)},
            )
        claims = make(
            self._ledger,
            self._owner,
            build_call,
            lease=self._settings.lease,
            max_attempts=self._max_attempts,
            partial=self._partial,
            limit=self._limit,
        )
        self._dial_due = getattr(claims, "dial_due", None)
        self._waits = getattr(claims, "waits", None)
        self._claims = claims
        return claims

    def _look_for_fault(self, task: "asyncio.Future[Any]") -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, DigitroError):
            self._fail(error)
        elif error is not None:
            self._fail(EngineError(f"a worker broke off: {type(error).__name__}"))

    def _fail(self, error: DigitroError) -> None:
        self._fault = self._fault or error
        self.drain()
