"""RulesInForce: the rules that a run applies, over its ledger, and what they did."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from digitro_async.call_events import CallEnd
from digitro_async.campaign._contacts_in_hand import PENDING_AGAIN, ContactsInHand
from digitro_async.campaign._heeded_blocks import LOOK_AT_LEDGER, HeededBlocks
from digitro_async.campaign._heeded_counts import HeededCounts
from digitro_async.campaign._heeded_history import HeededHistory
from digitro_async.campaign._recalls import Recalls
from digitro_async.errors import ConfigurationError, LedgerError, Outcome
from digitro_async.ledger import ClaimOwner, Deferral, Refusal, Schedule
from digitro_async.models import CallResult
from digitro_async.rules import (
    BlockReading,
    CallingRules,
    Defer,
    GateAnswer,
    Refuse,
    ShortCallLevel,
    StopReason,
)

__all__ = ["RulesInForce"]

SWEEP: Final = 60.0
"""Seconds after which all ended calls are looked at again for recalls."""

REST: Final = 20
"""A sweep is followed by a rest of so many times what it took."""

RETRY: Final = 60.0
"""Seconds after which a contact comes up again whose call was not placed."""

_GIVEN_BACK: Final = frozenset({"drained", "cancelled", "claim_lost", "withdrawn"})
"""Reasons of calls that were not made and whose contacts the run gives back at its end,
or has no claim on any more."""
_GETS_END: Final = frozenset({Outcome.ACCEPTED, Outcome.UNKNOWN})


class RulesInForce:
    """The rules that a run applies, over its ledger, and what came of them.

    Args:
        rules: The rules.
        ledger: The ledger, which must keep a schedule.
        owner: The owner of the run's claims.
        clock: Tells the Unix time.

    Attributes:
        rules: The rules.
        recalls: Contacts that were made to wait for a recall.
        stopped: Why a stop rule ended the run.
        waits_until: When the contact is due that the run waits for; None while it
            dials.

    Raises:
        ConfigurationError: If the ledger keeps none.
    """

    def __init__(
        self,
        rules: CallingRules,
        ledger: Any,
        owner: ClaimOwner,
        *,
        clock: Callable[[], float],
    ) -> None:
        schedule: Schedule | None = getattr(ledger, "schedule", None)
        if schedule is None:
            raise ConfigurationError(
                "rules need a ledger that keeps who waits until when: this one keeps no"
                " schedule"
            )
        self.rules = rules
        self.clock = clock
        self.schedule = schedule
        self.campaign: str = getattr(ledger, "campaign", "")
        self.recalls: int = 0
        self.stopped: StopReason | None = None
        self.waits_until: float | None = None
        self._ledger = ledger
        self._owner = owner
        self.blocks: HeededBlocks = HeededBlocks(
            schedule, rules.block_lists, _loop_time
        )
        counts = HeededCounts(rules, schedule)
        history = HeededHistory(self.campaign)
        lists = (*rules.block_lists, self.blocks)
        gates = attrs.evolve(rules, block_lists=lists).gates(
            history, counter=counts.counter if rules.short_calls else None
        )
        self.in_hand: ContactsInHand = ContactsInHand(
            gates, history, counts, rules.originating, clock
        )
        self._recalls: Recalls | None = None
        if rules.recall is not None:
            self._recalls = Recalls(
                rules.recall, schedule, self.key_of, self.campaign, clock
            )
        self._awaited: set[int] = set()  # contacts whose ends may bring a recall
        self._ended: list[int] = []
        self._came = asyncio.Event()
        self._deferred: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._tasks: list[asyncio.Future[Any]] = []
        self._hearing: frozenset[str] = frozenset()
        self._stop: Callable[[], None] = _nothing

    @property
    def callbacks(self) -> int:
        """Callbacks that this run made."""
        return self.in_hand.callbacks

    @property
    def deferred(self) -> Mapping[str, int]:
        """How often this run put a contact off, by the reason."""
        return dict(self._deferred)

    @property
    def refused(self) -> Mapping[str, int]:
        """How many contacts this run refused, by the reason."""
        return dict(self._refused)

    @property
    def short_calls(self) -> ShortCallLevel:
        """How near the day is to too many short calls; quiet without a rule."""
        if self.rules.short_calls is None:
            return ShortCallLevel.QUIET
        return self.in_hand.counts.counter.level(None, self.clock())

    @property
    def block_readings(self) -> Sequence[BlockReading]:
        """What block files brought that were read again during the run."""
        return tuple(self.blocks.readings)

    @property
    def may_bring_recalls(self) -> bool:
        """Whether a call may still bring a recall: its end is to come, or just came."""
        return bool(self._awaited or self._ended)

    def may_begin(self, in_progress: int) -> bool:
        """Whether one more call may begin, by the stop rules.

        Args:
            in_progress: Calls that were begun, or will be, and have no outcome yet.
        """
        return self.stopped is None and self.in_hand.counts.may_begin(in_progress)

    def key_of(self, text: str) -> int:
        """Return the key of a number to dial."""
        return self.rules.called_number(text).key

    async def begin(
        self,
        hearing: Mapping[str, float],
        *,
        stop: Callable[[], None],
        fail: Callable[[LedgerError], None],
    ) -> None:
        """Load what the ledger knows, and attend to what comes from now on.

        Args:
            hearing: Names of the PABX whose calls' ends are told.
            stop: Called once a stop rule ends the run.
            fail: Called with the error where the ledger fails later.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        self._hearing, self._stop = frozenset(hearing), stop
        await self.load(sum((await self._ledger.counts()).values()))
        if self._recalls is not None:
            awaited = await self._ledger.ends.awaited()
            self._awaited.update(one.number for one in awaited)
            self.recalls += await self._recalls.sweep()
        self.check_stop()
        for work in (self._attend(), self._watch()):
            task = asyncio.ensure_future(work)
            task.add_done_callback(lambda done: _tell_failure(done, fail))
            self._tasks.append(task)

    async def load(self, contacts: int = 0) -> None:
        """Load what the ledger knows: the numbers of attempts, counts, and blocks.

        Args:
            contacts: Contacts of the campaign.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        await self.schedule.note_keys(self.key_of, scheme=self.rules.key_scheme)
        await self.in_hand.counts.load(contacts, self.clock())
        await self.blocks.look_at_ledger()
        await self.blocks.look()

    def end(self) -> None:
        """Attend to nothing any more: the run is over."""
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    async def look(self) -> None:
        """Look at once for blocks, callbacks and contacts that came in meanwhile.

        Raises:
            LedgerError: If the ledger can't be read.
        """
        await self.blocks.look_at_ledger()
        self.in_hand.changed.set()

    def check_stop(self) -> None:
        """End the run where a stop rule says so."""
        if self.stopped is None:
            self.stopped = self.in_hand.counts.reached(self.clock())
            if self.stopped is not None:
                self._stop()
                self.in_hand.changed.set()

    def count(self, deferrals: Sequence[Deferral], refusals: Sequence[Refusal]) -> None:
        """Count contacts that were put off or refused."""
        self._deferred.update(one.reason for one in deferrals)
        self._refused.update(one.reason for one in refusals)

    async def hold_back(self, number: int, answer: GateAnswer) -> None:
        """Put a contact off, or refuse it, to whose call the gates say no at last.

        One that has other numbers comes up again at once, for these.

        Args:
            number: The contact.
            answer: What the gates say.

        Raises:
            LedgerError: If the ledger can't be written.
        """
        held, now = self.in_hand.get(number), self.clock()
        if held is None or not isinstance(answer, Defer | Refuse):
            return
        reason = str(answer.reason)
        if isinstance(answer, Refuse) and len(held.contact.numbers) == 1:
            refusal = Refusal(number=number, reason=reason)
            await self.schedule.refuse(self._owner, [refusal], now=now)
            self.count((), [refusal])
        else:
            due = answer.until if isinstance(answer, Defer) else now
            await self._put_off(number, due, reason, held.place)
        self.in_hand.end_call(number, held)

    def settle(self, number: int, pabx: str, outcome: Outcome) -> None:
        """Note the recorded outcome of an attempt; another one may follow."""
        is_heard = outcome in _GETS_END and pabx in self._hearing
        if is_heard and self._recalls is not None:
            self._awaited.add(number)
        self.in_hand.settle(number, outcome, is_heard=is_heard)
        self.check_stop()

    def note_end(self, number: int, end: CallEnd) -> None:
        """Note what became of a call; it is recorded."""
        recall = self.rules.recall
        if recall is not None and end.disposition in recall.rules:
            self._ended.append(number)
            self._came.set()
        self._awaited.discard(number)
        self.in_hand.end(number, end)
        self.check_stop()

    async def put_back(self, result: CallResult) -> None:
        """Put a contact off for a little whose call was not placed after all.

        Raises:
            LedgerError: If the ledger can't be written.
        """
        number = result.key
        held = self.in_hand.get_of_result(number) if isinstance(number, int) else None
        if held is None or not isinstance(number, int):
            return
        reason = result.error.reason if result.error is not None else ""
        if result.outcome in PENDING_AGAIN and reason not in _GIVEN_BACK:
            due = self.clock() + RETRY
            await self._put_off(number, due, reason or "not_placed", held.place)
        self.in_hand.let_go(number)

    async def _put_off(self, number: int, due: float, reason: str, place: int) -> None:
        deferral = Deferral(number=number, due=due, reason=reason, place=place)
        await self.schedule.put_off(self._owner, [deferral], now=self.clock())
        self.count([deferral], ())

    async def _load_counts(self) -> None:
        contacts = sum((await self._ledger.counts()).values())
        await self.in_hand.counts.load(contacts, self.clock())

    async def _attend(self) -> None:
        """Recall contacts as their calls end, and look at all of them now and then."""
        sweep_at = _loop_time() + SWEEP
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(sweep_at):
                    await self._came.wait()
            self._came.clear()
            if self._recalls is not None and self._ended:
                numbers = list(self._ended)
                self.recalls += await self._recalls.consider(numbers)
                del self._ended[: len(numbers)]
                self.in_hand.changed.set()
            began = _loop_time()
            if began < sweep_at:
                continue
            if hasattr(self._ledger, "pending_slices"):  # others dial it too
                await self._load_counts()
            if self._recalls is not None:
                recalled = await self._recalls.sweep()
                self.recalls += recalled
                if recalled:
                    self.in_hand.changed.set()
            self.check_stop()
            took = _loop_time() - began
            sweep_at = _loop_time() + max(SWEEP, REST * took)

    async def _watch(self) -> None:
        """Look for blocks while calls are being made."""
        while True:
            await self.in_hand.busy.wait()
            await asyncio.sleep(LOOK_AT_LEDGER)
            await self.blocks.look()
            self.check_stop()


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _nothing() -> None:
    """Do nothing: no run has begun."""


def _tell_failure(
    done: "asyncio.Future[Any]", fail: Callable[[LedgerError], None]
) -> None:
    """Tell of the error of the ledger that something ended with."""
    error = None if done.cancelled() else done.exception()
    if isinstance(error, LedgerError):
        fail(error)
    elif error is not None:
        name = type(error).__name__
        fail(LedgerError(f"applying the rules broke off: {name}", reason="failed"))
