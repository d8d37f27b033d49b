"""Worker: dials the campaigns of a database, together with as many others as wanted."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from digitro_async._common.waiting import settled_of
from digitro_async.campaign import Campaign, ClaimLimit
from digitro_async.campaign._campaign import Defaults
from digitro_async.client import DigitroClient
from digitro_async.dispatch._result_buffer import ResultBuffer
from digitro_async.errors import (
    ConfigurationError,
    DigitroError,
    EngineError,
    LedgerError,
    Outcome,
    PABXPausedError,
    SchemaMismatchError,
)
from digitro_async.ledger import SlicedLedger, new_owner
from digitro_async.models import CallResult
from digitro_async.observe import LOGGER
from digitro_async.workers._campaign_worker import CampaignWorker
from digitro_async.workers._engine_port import Engine
from digitro_async.workers._rules_of_campaigns import RulesOfCampaigns
from digitro_async.workers._slicing_settings import SlicingSettings

if TYPE_CHECKING:  # who applies no rules loads none
    from digitro_async.rules import CallingRules

__all__ = ["ListCampaigns", "OpenLedger", "Worker"]

OpenLedger = Callable[[str], SlicedLedger]
"""Returns the ledger of a campaign, not yet open."""
ListCampaigns = Callable[[], Awaitable[Sequence[str]]]
"""Returns the names of the campaigns in which something is left to be dialled."""

_SERVER_REASONS: Final = frozenset({"unsafe_server", "newer_schema"})
"""Reasons of errors that stay until somebody sets the database up otherwise."""
_CAMPAIGN_REASONS: Final = frozenset({"moved", "backup", "unfinished_copy", "restored"})
"""Reasons for which one campaign may not be dialled; others of the database may."""


class Worker:
    """Dials campaigns until it is drained, or until nothing is left of them.

    ::

        async with Worker(engine, client, open_ledger, campaigns, call={}) as results:
            async for result in results:
                print(result.key, result.outcome)

    * Any number of workers, on any machines, may dial the same campaigns. The ledger
      gives each contact to one of them, and what one that died left to the others.
    * A ledger or an engine that can't be reached is tried again and again: whoever
      wants the process to end then watches over it with ``Liveness``. A server that
      can't keep a ledger as it is set, or a named campaign that may not be dialled, is
      an error at once.
    * ``drain()``, and leaving the block, let calls on the wire finish and give every
      other contact back, for others to call.

    Args:
        engine: The engine, not yet open.
        client: An open client.
        open_ledger: Returns the ledger of a campaign.
        campaigns: The names of the campaigns, or what lists those with work.
        call: Fields of calls whose contacts don't give them; see ``Campaign``.
        settings: Sizes and times.
        max_attempts: Attempts after which a contact is left out; see ``Campaign``.
        max_calls: Most contacts that it takes on, after which it ends; None for no
            limit. One that is not placed counts, and stays pending.
        partial: Whether lists are dialled that were not put in to their end.
        until_done: Whether it ends when nothing is left, or every PABX is paused until
            ``resume``; else it waits for more.
        wait_for_ends: Whether the end waits until every call has its end.
        label: A name for people, kept in the ledger; nothing private.
        is_paused: Whether nothing of a campaign is to be dialled, by its name; None as
            long as nobody has said so. No call of such a campaign begins either.
        rules: Rules that are heeded for each campaign; None for none.
        wait: With both, most seconds until a contact is due that is waited for.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    def __init__(
        self,
        engine: Engine,
        client: DigitroClient,
        open_ledger: OpenLedger,
        campaigns: Sequence[str] | ListCampaigns,
        *,
        call: Defaults,
        settings: SlicingSettings | None = None,
        max_attempts: int = 5,
        max_calls: int | None = None,
        partial: bool = False,
        until_done: bool = False,
        wait_for_ends: bool = True,
        label: str = "",
        is_paused: Callable[[str], bool | None] = lambda _: False,
        rules: "CallingRules | None" = None,
        wait: float | None = None,
    ) -> None:
        self._engine, self._client = engine, client
        self._open_ledger, self._campaigns = open_ledger, campaigns
        self._call = call
        self._settings = settings or SlicingSettings()
        self._max_attempts = max_attempts
        self._limit = ClaimLimit(max_calls, self._end_all)
        self._partial = partial
        self._until_done, self._wait_for_ends = until_done, wait_for_ends
        self._label, self._is_paused = label, is_paused
        self._rules, self._wait = rules, wait
        self._heeding = RulesOfCampaigns()
        self._results = ResultBuffer(2 * client.dispatcher.capacity)
        self._stopping = asyncio.Event()
        self._working: dict[str, asyncio.Future[None]] = {}
        self._workers: dict[str, CampaignWorker] = {}
        self._unrecorded: list[tuple[int, Outcome]] = []
        self._problems: set[str] = set()
        self._finished: set[str] = set()
        self._main: asyncio.Future[None] | None = None
        self._was_raised = False

    async def __aenter__(self) -> Self:
        await self._engine.__aenter__()
        self._main = asyncio.ensure_future(self._work())
        self._main.add_done_callback(lambda _: self._results.wake())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._main is not None  # noqa: S101 - for the type checker
        self.drain()
        try:
            await settled_of(self._main)
        finally:
            await self._engine.__aexit__(kind, error, traceback)
        if kind is None and not self._was_raised:
            self._main.result()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> CallResult:
        if self._main is None:  # it would end at once, as if nothing were left
            raise ConfigurationError(
                "a worker must be entered first: async with Worker(...) as results"
            )
        while not self._results.ready:
            if self._main.done():
                if not self._was_raised:
                    self._was_raised = True
                    self._main.result()
                raise StopAsyncIteration
            await self._results.wait()
        return self._results.take()

    @property
    def exhausted(self) -> bool:
        """Whether nothing is left of any campaign, or it was drained."""
        return self._main is not None and self._main.done()

    @property
    def is_waiting_for_ends(self) -> bool:
        """Whether nothing but the ends of calls is waited for."""
        workers = self._workers.values()
        return bool(workers) and all(one.run.is_waiting_for_ends for one in workers)

    @property
    def heeding(self) -> RulesOfCampaigns | None:
        """What came of rules over all its campaigns; None without rules."""
        return self._heeding if self._rules else None

    @property
    def unrecorded(self) -> Sequence[tuple[int, Outcome]]:
        """Contacts whose calls' outcomes could not be written, and the outcomes."""
        return tuple(self._unrecorded)

    def drain(self) -> None:
        """Take no further slice and start no further call; calls on the wire finish."""
        self._stopping.set()
        self._results.make_room()
        for worker in self._workers.values():
            worker.drain()

    def heed_pauses(self) -> None:
        """Let calls of campaigns that are paused by now finish, and start none."""
        for name, worker in self._workers.items():
            if not self._may_dial(name):
                worker.drain()

    @property
    def campaigns(self) -> tuple[str, ...]:
        """The names of the campaigns that it dials now."""
        return tuple(self._working)

    @property
    def paused_campaigns(self) -> tuple[str, ...]:
        """The names of those that it would dial, were they not paused."""
        return tuple(name for name in self._working if self._is_paused(name))

    def unread(self) -> list[CallResult]:
        """Take the results that nobody took by iterating."""
        return self._results.take_all()

    async def _work(self) -> None:
        """Dial every campaign with work, and look for others with work.

        Raises:
            DigitroError: If nothing can be dialled.
        """
        cleaning = asyncio.ensure_future(self._clean_up())
        try:
            while not self._stopping.is_set():
                for name in await self._listed():
                    if name not in self._working and name not in self._finished:
                        self._begin(name)
                if self._ends_when_done and not self._working:
                    return
                await self._any_end()
                self.heed_pauses()
                self._end_finished()
            await asyncio.gather(*self._working.values())
        finally:
            cleaning.cancel()
            self.drain()
            for working in self._working.values():
                await settled_of(working)

    async def _listed(self) -> Sequence[str]:
        if self._limit.is_reached:
            return ()
        if not callable(self._campaigns):
            return self._campaigns
        try:
            return await self._campaigns()
        except (LedgerError, EngineError) as error:
            self._note(error)
            return ()

    def _begin(self, name: str) -> None:
        self._working[name] = asyncio.ensure_future(self._keep_working(name))

    async def _any_end(self) -> None:
        """Wait until a campaign ends, the worker is drained, or it is time to look."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        waited: list[asyncio.Future[Any]] = [stopping, *self._working.values()]
        try:
            await asyncio.wait(
                waited,
                timeout=self._settings.look,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            stopping.cancel()

    def _end_finished(self) -> None:
        """Forget the campaigns that are done.

        Raises:
            DigitroError: If one ended because nothing can be dialled.
        """
        for name, working in list(self._working.items()):
            if working.done():
                del self._working[name]
                working.result()
                if self._ends_when_done:
                    self._finished.add(name)

    async def _keep_working(self, name: str) -> None:
        """Dial a campaign, again after each failure of ledger or engine.

        Raises:
            DigitroError: If it can't be dialled as it is.
        """
        while not self._stopping.is_set() and not self._limit.is_reached:
            if not self._may_dial(name):
                await self._rest(self._settings.look)
                continue
            try:
                if await self._work_on(name):
                    return
            except SchemaMismatchError:
                raise
            except (LedgerError, EngineError) as error:
                if self._stays(error):
                    raise
                self._note(error)
                await self._rest(self._settings.reopen)
            except PABXPausedError:
                if self._until_done:
                    raise
                await self._until_usable()

    @property
    def _ends_when_done(self) -> bool:
        return self._until_done or self._limit.is_reached

    def _may_dial(self, name: str) -> bool:
        """Whether it is known that calls of a campaign may begin."""
        return self._is_paused(name) is False

    def _end_all(self) -> None:
        """Take no further slice of any campaign."""
        for worker in self._workers.values():
            worker.end()

    def _stays(self, error: DigitroError) -> bool:
        """Whether trying again is of no use before somebody has looked."""
        is_named = not callable(self._campaigns)
        return error.reason in _SERVER_REASONS or (
            is_named and error.reason in _CAMPAIGN_REASONS
        )

    async def _work_on(self, name: str) -> bool:
        """Dial a campaign until it is drained; tell whether nothing is left of it."""
        ledger = self._open_ledger(name)
        async with ledger:
            campaign = Campaign(
                ledger,
                self._client,
                call=self._call,
                max_attempts=self._max_attempts,
                partial=True,  # of lists that lack their ends, it claims none itself
            )
            worker = CampaignWorker(
                name,
                ledger,
                self._engine,
                campaign,
                owner=new_owner(self._label),
                client=self._client,
                settings=self._settings,
                max_attempts=self._max_attempts,
                partial=self._partial,
                take_result=self._take,
                until_done=self._until_done,
                wait_for_ends=self._wait_for_ends,
                limit=self._limit,
                rules=self._rules,
                wait=self._wait,
            )
            if self._stopping.is_set():
                return False
            self._workers[name] = worker
            try:
                with self._heeding.over(worker.heeding):
                    await worker.work()
            finally:
                del self._workers[name]
                self._unrecorded += worker.run.unrecorded
        if worker.is_stopped:
            self._finished.add(name)  # it would end again at once
        self._problems.clear()
        return worker.is_done or self._limit.is_reached

    async def _until_usable(self) -> None:
        """Wait until a PABX is there that is not paused until ``resume``."""
        while not self._stopping.is_set():
            for one in self._client.statistics().pabx.values():
                if one.pause is None or one.pause.next_try_in is not None:
                    return
            await self._rest(self._settings.look)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _clean_up(self) -> None:
        """Hand on the slices of workers that are gone, again and again."""
        while True:
            try:
                for one in await self._engine.stalled():
                    await self._engine.retry(one)
            except DigitroError as error:
                self._note(error)
            await asyncio.sleep(self._settings.clean_up)

    def _note(self, error: DigitroError) -> None:
        """Log a problem that may pass, once until it has passed."""
        text = str(error)
        if text not in self._problems:
            self._problems.add(text)
            LOGGER.warning("%s; trying again", text)

    async def _take(self, result: CallResult) -> None:
        self._results.put(result)
        is_full = len(self._results.ready) >= self._results.size
        if is_full and not self._stopping.is_set():
            await self._results.wait_for_room()
