"""MemoryLedger: a ledger for tests that keeps nothing."""

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from types import TracebackType
from typing import Self

from digitro_async.errors import (
    ClaimLostError,
    IllegalTransitionError,
    LedgerError,
    LedgerInUseError,
)
from digitro_async.ledger._held_slots import HeldSlots, Told, held_slots
from digitro_async.ledger._ledger_clock import CLOCK, latest_by
from digitro_async.ledger._reconciliation import (
    QUARANTINE,
    check_found,
    clock_to_keep,
    decide,
    readings_of,
    seconds_of,
)
from digitro_async.ledger._records import (
    AddResult,
    ClaimedContact,
    ContactRecord,
    Import,
    NewContact,
    Reconciliation,
    storable,
)
from digitro_async.ledger._state import State, Step, next_state
from digitro_async.ledger.memory._memory_imports import MemoryImports
from digitro_async.ledger.memory._memory_reader import MemoryLedgerReader
from digitro_async.ledger.memory._memory_rows import Row
from digitro_async.privacy import Personal

__all__ = ["MemoryLedger"]


class MemoryLedger:
    """Keeps the promises of a ledger except that of outliving the process.

    It is held to the same tests as the real ones. Leaving and entering it again is what
    a crash and a restart are to a file: open intents become unknown.
    """

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._by_identity: dict[Personal, Row] = {}
        self._call_ids: set[tuple[str, str]] = set()
        self._events: list[Told] = []
        self._settings: dict[str, str] = {}
        self._imports = MemoryImports()
        self._reader = MemoryLedgerReader(self._rows, self._imports)
        self._recovered = 0
        self._is_open = False

    async def __aenter__(self) -> Self:
        if self._is_open:
            raise LedgerInUseError("it is open already", reason="in_use")
        self._is_open, self._recovered = True, 0
        for row in self._rows.values():
            if row.state is State.INTENT:
                self._recovered += 1
                row.reason, row.settled_at = "owner_gone", time.time()
                self._tell(row, Step.RECOVER, row.settled_at)
            if row.state in (State.CLAIMED, State.INTENT):
                row.step(Step.RECOVER)
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
        """Open intents that were found when it was entered: now unknown."""
        return self._recovered

    def reader(self) -> MemoryLedgerReader:
        """Return what reads this ledger, open or not."""
        return self._reader

    async def add(
        self,
        contacts: Sequence[NewContact],
        *,
        importing: int | None = None,
        rejected: int = 0,
    ) -> Sequence[AddResult]:
        """Put contacts in that are not there yet. See ``Ledger``."""
        self._check_open()
        added = [self._add(contact) for contact in contacts]
        if importing is not None:
            self._imports.count(importing, contacts, added, rejected)
        return added

    async def begin_import(
        self,
        *,
        file: str | None = None,
        size: int | None = None,
        digest: bytes | None = None,
        now: float,
    ) -> int:
        """Record that a list is being put in. See ``Ledger``."""
        self._check_open()
        return self._imports.begin(file, size, digest, now)

    async def end_import(
        self, number: int, *, now: float, rejected: int = 0, edited: bool = False
    ) -> None:
        """Record that a list was put in to its end. See ``Ledger``."""
        self._check_open()
        self._imports.end(number, now, rejected, edited=edited)

    async def imports(self) -> Sequence[Import]:
        """Return every import that was begun, in order."""
        self._check_open()
        return self._reader.imports()

    async def claim(
        self, limit: int, *, after: int = 0, max_attempts: int | None = None
    ) -> Sequence[ClaimedContact]:
        """Claim pending contacts. See ``Ledger``."""
        self._check_open()
        claimed: list[ClaimedContact] = []
        for number in range(after + 1, len(self._rows) + 1):
            row = self._rows[number]
            if len(claimed) == limit:
                break
            if row.state is not State.PENDING:
                continue
            if max_attempts is None or row.may_try(max_attempts):
                row.step(Step.CLAIM)
                claimed.append(row.as_open())
        return claimed

    async def release(self, numbers: Sequence[int] | None = None) -> None:
        """Give claimed contacts back. See ``Ledger``."""
        self._check_open()
        for number in self._rows if numbers is None else numbers:
            row = self._rows.get(number)
            if row is not None and row.state is State.CLAIMED:
                row.step(Step.RELEASE)

    async def invalidate(self, number: int, reason: str) -> None:
        """Record that a claimed contact can't be called. See ``Ledger``."""
        self._check_open()
        self._row(number, IllegalTransitionError).invalidate(reason, time.time())

    async def intend(self, number: int, pabx: str, at: float) -> None:
        """Record that a claimed contact is about to be called. See ``Ledger``."""
        self._check_open()
        row = self._row(number, ClaimLostError)
        row.intend(pabx, at)
        self._tell(row, Step.INTEND, at)

    async def settle(
        self,
        number: int,
        step: Step,
        pabx: str,
        at: float,
        *,
        call_id: str | None = None,
        reason: str | None = None,
    ) -> State:
        """Record what the call came to. See ``Ledger``."""
        self._check_open()
        next_state(State.INTENT, step)
        row = self._row(number, IllegalTransitionError)
        call_id = None if call_id is None else storable(call_id)
        given = (pabx, call_id or "")
        if step is Step.ACCEPT and call_id is not None and given in self._call_ids:
            step, reason = Step.MARK_UNKNOWN, "repeated_call_id"
        row.settle(step, at, call_id, reason)
        if row.call_id is not None:
            self._call_ids.add(given)
        self._tell(row, step, at)
        return row.state

    async def doubt(self, numbers: Sequence[int], pabx: str, at: float) -> int:
        """Make contacts unknown whose last answer may be another's. See ``Ledger``."""
        self._check_open()
        rows = [self._rows[number] for number in numbers if number in self._rows]
        doubted = [row for row in rows if row.pabx == pabx and row.is_doubtable]
        for row in doubted:
            self._call_ids.discard((pabx, row.call_id or ""))
            row.doubt(at)
        return len(doubted)

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
        row = self._find(contact)
        clock = clock_to_keep(self._settings.get(CLOCK))
        if clock is not None:
            self._settings[CLOCK] = clock
        quarantine = seconds_of(self._settings.get(QUARANTINE))
        _, row.state = decide(
            row.state,
            row.sent_at,
            quarantine,
            accepted=accepted,
            evidence=evidence,
            now=now,
            clock=self._settings.get(CLOCK),
        )
        row.reason, row.settled_at = "reconciled", now
        row.attempts = row.attempts if accepted else 0
        return Reconciliation(row.number, row.state)

    async def counts(self) -> Mapping[State, int]:
        """Return how many contacts are in each state."""
        self._check_open()
        return self._reader.counts()

    async def count_exhausted(self, max_attempts: int) -> int:
        """Return how many pending contacts had so many attempts. See ``Ledger``."""
        self._check_open()
        return self._reader.count_exhausted(max_attempts)

    async def entries(self) -> AsyncIterator[ContactRecord]:
        """Yield every contact, in the order of import."""
        self._check_open()
        for entry in self._reader.entries():
            yield entry

    async def held_slots(
        self,
        *,
        calls: int,
        window: float,
        quarantine: float,
        now: float,
        elsewhere: Collection[str] = (),
    ) -> HeldSlots:
        """Return the rate slots that calls of earlier runs hold. See ``Ledger``."""
        self._check_open()
        return held_slots(
            reversed(self._events),
            calls=calls,
            window=window,
            quarantine=quarantine,
            now=now,
            elsewhere=elsewhere,
            latest=latest_by(self._settings.get(CLOCK), now),
        )

    async def set_setting(self, name: str, value: str) -> None:
        """Keep a setting of the campaign."""
        self._check_open()
        self._settings[name] = value

    async def get_setting(self, name: str) -> str | None:
        """Return a setting of the campaign."""
        self._check_open()
        return self._settings.get(name)

    def _tell(self, row: Row, step: Step, at: float) -> None:
        self._events.append((row.number, step, at, row.pabx, row.reason))

    def _check_open(self) -> None:
        if not self._is_open:
            raise LedgerError("the ledger is not open", reason="closed")

    def _row(self, number: int, error: type[LedgerError]) -> Row:
        if number not in self._rows:
            raise error("there is no such contact", reason="no_such_contact")
        return self._rows[number]

    def _add(self, contact: NewContact) -> AddResult:
        known = self._by_identity.get(contact.identity)
        if known is not None:
            return AddResult(new=False, line=known.contact.line)
        row = Row(len(self._rows) + 1, contact)
        self._rows[row.number] = self._by_identity[contact.identity] = row
        return AddResult(new=True, line=contact.line)

    def _find(self, contact: str | int | Personal) -> Row:
        own_id, number = readings_of(contact)
        found = [
            row
            for row in self._rows.values()
            if row.number == number
            or (
                own_id is not None
                and row.contact.id is not None
                and row.contact.id.reveal() == own_id
            )
        ]
        check_found(len(found))
        return found[0]
