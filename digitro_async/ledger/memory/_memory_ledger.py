"""MemoryLedger: a ledger for tests that keeps nothing."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Self

from digitro_async.errors import (
    ClaimLostError,
    IllegalTransitionError,
    LedgerError,
    LedgerInUseError,
)
from digitro_async.ledger._ledger_clock import CLOCK, clock_to_keep, latest_by
from digitro_async.ledger._ledger_port import OnDone
from digitro_async.ledger._machine_clock import read_clock
from digitro_async.ledger._occupied_slots import (
    OccupiedSlots,
    SlotEvent,
    occupied_slots,
)
from digitro_async.ledger._reconciliation import QUARANTINE, decide
from digitro_async.ledger._records import (
    AddResult,
    ClaimedContact,
    ClaimOwner,
    ContactRecord,
    Import,
    NewContact,
    Reconciliation,
    storable,
)
from digitro_async.ledger._single_run import SingleRun
from digitro_async.ledger._state import State, Step, next_state
from digitro_async.ledger.memory._memory_call_ends import MemoryCallEnds
from digitro_async.ledger.memory._memory_contacts import MemoryContacts
from digitro_async.ledger.memory._memory_imports import MemoryImports
from digitro_async.ledger.memory._memory_reader import MemoryLedgerReader
from digitro_async.ledger.memory._memory_rows import MemoryRow, pending_to
from digitro_async.ledger.memory._memory_schedule import MemorySchedule
from digitro_async.privacy import Personal
from digitro_async.settings import RateLimit

__all__ = ["MemoryLedger"]


class MemoryLedger:
    """Keeps the promises of a ledger except that of outliving the process.

    It passes the same tests as the durable ones. To leave and enter it again has the
    effect of a crash and a restart on a file: open intents become unknown.

    Args:
        clock: Tells the Unix time by which leases end.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._run = SingleRun()
        self._leases: dict[str, float] = {}  # ids of owners to when they end
        self._contacts = MemoryContacts()
        self._rows = self._contacts.rows
        self._call_ids: set[tuple[str, str]] = set()
        self._events: list[SlotEvent] = []
        self._settings: dict[str, str] = {}
        self._imports = MemoryImports()
        self.ends: MemoryCallEnds = MemoryCallEnds(
            self._rows, self._call_ids, self._check_open
        )
        self.schedule: MemorySchedule = MemorySchedule(
            self._contacts, self._check_open, self._lease, self._is_claimable
        )
        self._reader = MemoryLedgerReader(
            self._rows, self._imports, self.ends, self._events, self.schedule
        )
        self._recovered = 0
        self._is_open = False

    async def __aenter__(self) -> Self:
        if self._is_open:
            raise LedgerInUseError(
                "the ledger in memory is open already: share it, or leave it first",
                reason="in_use",
            )
        self._is_open, self._recovered = True, 0
        self._recover(lambda _: True)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_open = False

    @property
    def recovered(self) -> int:
        """Open intents of gone owners that became unknown. See ``Ledger``."""
        return self._recovered

    def on_loss(self, tell: Callable[[LedgerError], None] | None) -> None:
        """Tell nobody: memory is not lost. See ``Ledger``."""

    def reader(self) -> MemoryLedgerReader:
        """Return a reader of this ledger, open or not."""
        return self._reader

    async def add(
        self,
        contacts: Sequence[NewContact],
        *,
        importing: int | None = None,
        rejected: int = 0,
        update: bool = False,
    ) -> Sequence[AddResult]:
        """Put contacts in that are not there yet. See ``Ledger``."""
        self._check_open()
        with self._imports.page_of(importing, len(self._rows)) as named:
            added = [self._contacts.add(one, named, update=update) for one in contacts]
        if importing is not None:
            self._imports.count(importing, contacts, added, rejected)
        return added

    async def begin_import(
        self,
        *,
        file: str | None = None,
        size: int | None = None,
        digest: bytes | None = None,
        beginnings: Mapping[int, bytes] = MappingProxyType({}),
        now: float,
    ) -> int:
        """Record that a list is being put in. See ``Ledger``."""
        self._check_open()
        return self._imports.begin(file, size, digest, beginnings, now)

    async def end_import(
        self, number: int, *, now: float, rejected: int = 0, edited: bool = False
    ) -> int:
        """Record that a list was put in to its end. See ``Ledger``."""
        self._check_open()
        self._imports.end(number, now, rejected, edited=edited)
        return self._imports.count_others(number, partial(pending_to, self._rows))

    async def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        self._check_open()
        return self._reader.imports()

    async def begin_run(self, owner: ClaimOwner, slot_holder: object) -> bool:
        """Note that an owner begins to dial. See ``Ledger``."""
        self._check_open()
        return self._run.begin(owner, slot_holder)

    async def end_run(self, owner: ClaimOwner, *, holds_slots: bool) -> None:
        """Note that an owner dials no more. See ``Ledger``."""
        self._run.end(owner, holds_slots=holds_slots)

    async def claim(
        self,
        limit: int,
        owner: ClaimOwner,
        lease: float,
        *,
        after: int = 0,
        max_attempts: int | None = None,
        within: range | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> Sequence[ClaimedContact]:
        """Claim contacts. See ``Ledger``."""
        await self.renew(owner, lease)
        claimed: list[ClaimedContact] = []
        now = self._clock()
        for row in self._contacts.above(after, within):
            if len(claimed) == limit:
                break
            if pabx is not None and row.contact.pabx not in pabx:
                continue
            if not row.is_due(now) or not row.may_try(max_attempts):
                continue
            if self._is_claimable(row):
                row.claim(owner.id)
                claimed.append(row.as_open())
        return claimed

    async def renew(self, owner: ClaimOwner, lease: float) -> None:
        """Begin an owner's lease anew. See ``Ledger``."""
        self._check_open()
        self._lease(owner, lease)

    def _lease(self, owner: ClaimOwner, lease: float) -> None:
        self._leases[owner.id] = self._clock() + lease

    async def release(
        self, owner: ClaimOwner, numbers: Sequence[int] | None = None
    ) -> None:
        """Give back claims of an owner. See ``Ledger``."""
        self._check_open()
        for number in self._rows if numbers is None else numbers:
            row = self._rows.get(number)
            if row is not None and row.is_claimed_by(owner.id):
                row.step(Step.RELEASE)

    async def recover(self, owner: ClaimOwner | None = None) -> int:
        """Close the contacts that an owner left open when it went. See ``Ledger``."""
        self._check_open()
        if owner is not None:
            return self._recover(lambda row: row.owner == owner.id)
        return self._recover(lambda row: self._is_over(row.owner))

    async def invalidate(self, number: int, owner: ClaimOwner, reason: str) -> None:
        """Record that a claimed contact can't be called. See ``Ledger``."""
        self._check_open()
        row = self._contacts.get(number, IllegalTransitionError)
        row.invalidate(owner.id, reason, self._clock())

    async def intend(
        self, number: int, owner: ClaimOwner, pabx: str, at: float
    ) -> None:
        """Record that a claimed contact is about to be called. See ``Ledger``."""
        self._check_open()
        row = self._contacts.get(number, ClaimLostError)
        row.intend(owner.id, pabx, at)
        self._note(row, Step.INTEND, at)

    def settle(
        self,
        number: int,
        owner: ClaimOwner,
        step: Step,
        pabx: str,
        at: float,
        *,
        on_done: OnDone,
        call_id: str | None = None,
        reason: str | None = None,
    ) -> None:
        """Record the outcome of a call. See ``Ledger``."""
        next_state(State.INTENT, step)  # raises where no call can end so
        self._check_open()
        given = (pabx, storable(call_id or ""))
        error: LedgerError | None = None
        state: State | None = None
        try:
            row = self._contacts.get(number, IllegalTransitionError)
            row.check_intent(owner.id)
            state = self._settle(row, step, given, at, reason)
        except LedgerError as failure:
            error = failure.with_traceback(None)
        asyncio.get_running_loop().call_soon(on_done, error, state)

    async def doubt(self, numbers: Sequence[int], pabx: str, at: float) -> int:
        """Make contacts unknown whose last answer may be another's. See ``Ledger``."""
        self._check_open()
        rows = [self._rows[number] for number in numbers if number in self._rows]
        doubted = [row for row in rows if row.pabx == pabx and row.is_doubtable]
        for row in doubted:
            self._call_ids.discard((pabx, row.call_id or ""))
            row.doubt(at)
        return len(doubted)

    async def withdraw(
        self, contact: str | int | Personal, *, reason: str, now: float
    ) -> State:
        """Let nobody begin the call of a contact any more. See ``Ledger``."""
        self._check_open()
        return self._contacts.find(contact).withdraw(reason, now)

    async def reconcile(
        self,
        contact: str | int | Personal,
        *,
        accepted: bool,
        evidence: str,
        now: float,
    ) -> Reconciliation:
        """Settle an unknown contact by evidence. See ``Ledger``."""
        self._check_open()
        row = self._contacts.find(contact)
        read = read_clock()
        clock = clock_to_keep(self._settings.get(CLOCK), read)
        if clock is not None:
            self._settings[CLOCK] = clock
        _, row.state = decide(
            row.state,
            row.sent_at,
            self._settings.get(QUARANTINE),
            accepted=accepted,
            evidence=evidence,
            now=now,
            clock=self._settings.get(CLOCK),
            read=read,
        )
        row.reason, row.settled_at, row.evidence = "reconciled", now, evidence
        if not accepted:
            row.attempts = row.failures = 0
        return Reconciliation(row.number, row.state)

    async def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        self._check_open()
        return self._reader.counts()

    async def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts are out of attempts. See ``Ledger``."""
        self._check_open()
        return self._reader.count_exhausted(max_attempts)

    async def entries(self) -> AsyncIterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        self._check_open()
        for entry in self._reader.entries():
            yield entry

    async def occupied_slots(
        self,
        *,
        limit: RateLimit,
        quarantine: float,
        now: float,
        elsewhere: Collection[str] = (),
    ) -> OccupiedSlots:
        """Return the rate slots that calls of earlier runs hold. See ``Ledger``."""
        self._check_open()
        return occupied_slots(
            reversed(self._events),
            limit=limit,
            quarantine=quarantine,
            now=now,
            elsewhere=elsewhere,
            latest=latest_by(self._settings.get(CLOCK), now, read_clock()),
        )

    async def set_setting(self, name: str, value: str) -> None:
        """Keep a setting of the campaign."""
        self._check_open()
        self._settings[name] = value

    async def get_setting(self, name: str) -> str | None:
        """Return a setting of the campaign."""
        self._check_open()
        return self._settings.get(name)

    def _is_over(self, owner: str) -> bool:
        """Whether the lease of an owner is over."""
        return self._leases.get(owner, 0.0) <= self._clock()

    def _is_claimable(self, row: MemoryRow) -> bool:
        if row.state is State.CLAIMED:
            return self._is_over(row.owner)
        return row.state is State.PENDING

    def _recover(self, is_meant: Callable[[MemoryRow], bool]) -> int:
        """Close the open ones of the chosen rows; return the number of intents."""
        recovered, now = 0, self._clock()
        for row in self._rows.values():
            if row.state not in (State.CLAIMED, State.INTENT) or not is_meant(row):
                continue
            if row.state is State.INTENT:
                recovered += 1
                row.reason, row.settled_at = "owner_gone", now
                self._note(row, Step.RECOVER, now)
            row.step(Step.RECOVER)
        self._recovered += recovered
        return recovered

    def _settle(
        self,
        row: MemoryRow,
        step: Step,
        given: tuple[str, str],
        at: float,
        reason: str | None,
    ) -> State:
        """Record the outcome of a call, with its PABX and call id, empty for none."""
        call_id = given[1] or None
        if step is Step.ACCEPT and call_id is not None and given in self._call_ids:
            step, reason = Step.MARK_UNKNOWN, "repeated_call_id"
        row.settle(step, at, call_id, reason)
        if row.call_id is not None:
            self._call_ids.add(given)
        self._note(row, step, at)
        return row.state

    def _note(self, row: MemoryRow, step: Step, at: float) -> None:
        self._events.append((row.number, step, at, row.pabx, row.reason))

    def _check_open(self) -> None:
        if not self._is_open:
            raise LedgerError("the ledger is not open", reason="closed")
