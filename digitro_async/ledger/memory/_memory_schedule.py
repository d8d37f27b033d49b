"""MemorySchedule: who waits until when in a ``MemoryLedger``, and what was tried."""

import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from digitro_async.call_events import Disposition
from digitro_async.ledger._records import ClaimOwner, NumberOfContact, WaitKind
from digitro_async.ledger._schedule_port import KeyOf
from digitro_async.ledger._schedule_records import (
    AgreedCallback,
    AttemptCounts,
    AttemptPlan,
    Deferral,
    EndedContact,
    LedgerAttempt,
    LedgerBlock,
    PlannedContact,
    Refusal,
    WaitCounts,
)
from digitro_async.ledger._state import TRANSITIONS, State, Step
from digitro_async.ledger._stored_schedule import RANG, block_hash, place_among
from digitro_async.ledger.memory._memory_attempts import MemoryAttempt
from digitro_async.ledger.memory._memory_contacts import MemoryContacts
from digitro_async.ledger.memory._memory_rows import MemoryRow
from digitro_async.privacy import Personal

__all__ = ["MemorySchedule"]

_KEY_BYTES = 16


class MemorySchedule:
    """The schedule of a ledger in memory; see ``Schedule``.

    Args:
        contacts: The contacts.
        check_open: Raises where the ledger is not open.
        renew: Begins the lease of an owner anew.
        is_claimable: Tells whether a contact can be claimed, if it is due.
    """

    def __init__(
        self,
        contacts: MemoryContacts,
        check_open: Callable[[], None],
        renew: Callable[[ClaimOwner, float], None],
        is_claimable: Callable[[MemoryRow], bool],
    ) -> None:
        self._contacts = contacts
        self._rows = contacts.rows
        self._check_open = check_open
        self._renew = renew
        self._is_claimable = is_claimable
        self._scheme = ""
        self._hash_key = secrets.token_bytes(_KEY_BYTES)
        self._blocks: dict[bytes, LedgerBlock] = {}
        self._changes = 0

    async def claim(
        self,
        limit: int,
        owner: ClaimOwner,
        lease: float,
        *,
        now: float,
        kinds: Collection[WaitKind | None],
        priority: int | None = None,
        after: int = 0,
        max_attempts: int | None = None,
        within: range | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> Sequence[PlannedContact]:
        """Claim contacts. See ``Schedule``."""
        self._check_open()
        self._renew(owner, lease)
        found = [
            row
            for row in self._contacts.above(0, within)
            if self._is_claimable(row)
            and (row.number > after or row.due is not None)
            and row.wait in kinds
            and row.is_due(now)
            and row.may_try(max_attempts)
            and (priority is None or row.contact.priority == priority)
            and (pabx is None or row.contact.pabx in pabx)
        ]
        found.sort(key=_turn)
        for row in found[:limit]:
            row.claim(owner.id)
        return [_as_planned(row) for row in found[:limit]]

    async def priorities(self) -> Sequence[int]:
        """Return the priorities of pending contacts. See ``Schedule``."""
        self._check_open()
        rows = self._rows.values()
        found = {row.contact.priority for row in rows if row.state is State.PENDING}
        return sorted(found, reverse=True)

    async def plan(
        self, owner: ClaimOwner, plans: Sequence[AttemptPlan], *, hold_numbers: bool
    ) -> Sequence[int]:
        """Note by which numbers contacts are about to be called. See ``Schedule``."""
        self._check_open()
        held = {
            row.tried[-1].key: row.number for row in self._rows.values() if _holds(row)
        }
        left_out = []
        for plan in plans:
            row = self._rows.get(plan.number)
            is_held = hold_numbers and held.get(plan.key, plan.number) != plan.number
            if row is None or is_held or not row.is_claimed_by(owner.id):
                left_out.append(plan.number)
                continue
            row.drop_plan()
            row.tried.append(MemoryAttempt.of_plan(plan, self._scheme))
            held[plan.key] = plan.number
        return left_out

    async def put_off(
        self,
        owner: ClaimOwner,
        deferrals: Sequence[Deferral],
        *,
        now: float,  # noqa: ARG002 - it keeps no events
    ) -> None:
        """Let claimed contacts be pending until they are due. See ``Schedule``."""
        self._check_open()
        for deferral in deferrals:
            row = self._rows.get(deferral.number)
            if row is None or not row.is_claimed_by(owner.id):
                continue
            row.step(Step.DEFER)
            row.drop_plan()
            row.wait = row.wait or WaitKind.DEFERRED
            row.due, row.place = deferral.due, deferral.place
            row.reason, row.callback = (
                deferral.reason,
                deferral.callback or row.callback,
            )

    async def refuse(
        self, owner: ClaimOwner, refusals: Sequence[Refusal], *, now: float
    ) -> None:
        """Let claimed contacts be skipped. See ``Schedule``."""
        self._check_open()
        for refusal in refusals:
            row = self._rows.get(refusal.number)
            if row is not None and row.is_claimed_by(owner.id):
                row.drop_plan()
                row.callback = None
                row.withdraw(refusal.reason, now)

    async def recall(
        self,
        number: int,
        *,
        attempts: int,
        due: float,
        place: int,
        reason: str,
        now: float,  # noqa: ARG002 - it keeps no events
    ) -> bool:
        """Let a contact whose call has ended wait for another. See ``Schedule``."""
        self._check_open()
        row = self._rows.get(number)
        if row is None or row.state is not State.ACCEPTED:
            return False
        if row.end is None or row.attempts != attempts:
            return False
        row.close_attempt()
        row.step(Step.RECALL)
        row.wait, row.due, row.place = WaitKind.RECALL, due, place
        row.reason = reason
        return True

    async def call_back(
        self, contact: str | int | Personal, callback: AgreedCallback, *, now: float
    ) -> State:
        """Let a contact wait for a call that was agreed on. See ``Schedule``."""
        self._check_open()
        row = self._contacts.find(contact)
        if (row.state, Step.CALL_BACK) not in TRANSITIONS:
            return row.state
        row.drop_plan()
        row.step(Step.CALL_BACK)
        if callback.place is not None:
            row.place = callback.place
        elif row.tried:
            row.place = row.tried[-1].place
        row.wait, row.callback = WaitKind.CALLBACK, callback
        row.due = now if callback.is_overdue else callback.at
        row.reason = None
        return row.state

    async def ended(
        self,
        dispositions: Collection[Disposition],
        *,
        numbers: Sequence[int] | None = None,
        after: int = 0,
        limit: int,
    ) -> Sequence[EndedContact]:
        """Return contacts whose last call ended in some ways. See ``Schedule``."""
        self._check_open()
        found: list[EndedContact] = []
        for row in self._rows.values():
            if row.number <= after or (
                numbers is not None and row.number not in numbers
            ):
                continue
            if row.state is not State.ACCEPTED or row.end is None:
                continue
            if row.end.disposition in dispositions and len(found) < limit:
                found.append(
                    EndedContact(
                        number=row.number,
                        attempts=row.attempts,
                        numbers=_numbers(row),
                        priority=row.contact.priority,
                        disposition=row.end.disposition,
                    )
                )
        return found

    async def attempts_of(
        self, contacts: Sequence[int], keys: Collection[int]
    ) -> Sequence[LedgerAttempt]:
        """Return attempts of contacts, and by some numbers. See ``Schedule``."""
        self._check_open()
        of_contacts = frozenset(contacts)
        of_numbers = frozenset(Personal(str(key)) for key in keys)
        return [
            attempt
            for attempt in self._attempts()
            if attempt.contact in of_contacts or attempt.key in of_numbers
        ]

    async def attempts_since(self, when: float) -> Sequence[LedgerAttempt]:
        """Return all attempts that began since a moment. See ``Schedule``."""
        self._check_open()
        return [
            attempt
            for attempt in self._attempts()
            if attempt.began_at is not None and attempt.began_at >= when
        ]

    async def count_attempts(self) -> AttemptCounts:
        """Return how many attempts may have rung. See ``Schedule``."""
        self._check_open()
        rang = [one for one in self._attempts() if one.outcome in RANG]
        ends = Counter(one.disposition for one in rang if one.disposition is not None)
        return AttemptCounts(calls=len(rang), ends=ends)

    async def note_keys(self, key_of: KeyOf, *, scheme: str) -> int:
        """Note the number of each attempt that lacks it. See ``Schedule``."""
        self._check_open()
        self._scheme, noted = scheme, 0
        for row in self._rows.values():
            numbers = _numbers(row)
            for attempt in row.tried:
                if attempt.key is None or attempt.scheme != scheme:
                    number = numbers[place_among(numbers, attempt.place)]
                    key = key_of(number.destination.reveal())
                    attempt.key = Personal(str(key))
                    attempt.scheme = scheme
                    noted += 1
        return noted

    async def block(
        self, key: int, *, reason: str, until: float | None, now: float
    ) -> None:
        """Let nobody call a number. See ``Schedule``."""
        self._check_open()
        hashed = self.block_hash(key)
        self._blocks[hashed] = LedgerBlock(
            hash=hashed, reason=reason, until=until, since=now
        )
        self._changes += 1

    async def unblock(self, key: int) -> bool:
        """Take a number off. See ``Schedule``."""
        self._check_open()
        self._changes += 1
        return self._blocks.pop(self.block_hash(key), None) is not None

    async def blocks(self) -> Sequence[LedgerBlock]:
        """Return every block."""
        self._check_open()
        return tuple(self._blocks.values())

    async def blocks_changed(self) -> object:
        """Return a value that differs once blocks have changed. See ``Schedule``."""
        self._check_open()
        return self._changes

    def block_hash(self, key: int) -> bytes:
        """Return the keyed hash by which blocks know a number. See ``Schedule``."""
        return block_hash(key, self._hash_key)

    async def waiting(
        self,
        *,
        now: float,
        max_attempts: int | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> WaitCounts:
        """Return how many pending contacts wait, and until when. See ``Schedule``."""
        self._check_open()
        return self.count_waiting(now, max_attempts, pabx)

    def count_waiting(
        self,
        now: float,
        max_attempts: int | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> WaitCounts:
        """Return the same, also of a ledger that is not open."""
        rows = [
            row
            for row in self._rows.values()
            if row.state is State.PENDING
            and not row.is_due(now)
            and row.may_try(max_attempts)
            and (pabx is None or row.contact.pabx in pabx)
        ]
        return WaitCounts(
            kinds=Counter(row.wait for row in rows if row.wait is not None),
            reasons=Counter(
                row.reason or "" for row in rows if row.wait is WaitKind.DEFERRED
            ),
            next_due=min(
                (row.due for row in rows if row.due is not None), default=None
            ),
        )

    def _attempts(self) -> Iterator[LedgerAttempt]:
        """Yield every attempt, and the plans of claimed contacts, by contact."""
        for row in self._rows.values():
            for attempt in row.tried:
                if attempt.is_begun or row.state is State.CLAIMED:
                    yield attempt.shown(row.number, row.state, row.sent_at, row.end)


def _turn(row: MemoryRow) -> tuple[float, ...]:
    """Return by what claimed contacts come in order: those that wait are first."""
    if row.due is None:
        return (1, 0, 0, row.number)
    return (0, -row.contact.priority, row.due, row.number)


def _holds(row: MemoryRow) -> bool:
    """Whether a contact's number is planned, or on the wire, at this moment."""
    if row.state not in {State.CLAIMED, State.INTENT}:
        return False
    return bool(row.tried) and row.tried[-1].closed is None


def _numbers(row: MemoryRow) -> tuple[NumberOfContact, ...]:
    """Return all numbers of a contact; a place behind the last one is the first's."""
    one = NumberOfContact(destination=row.contact.destination)
    return row.contact.numbers or (one,)


def _as_planned(row: MemoryRow) -> PlannedContact:
    numbers = _numbers(row)
    return PlannedContact(
        claimed=row.as_open(),
        numbers=numbers,
        place=place_among(numbers, row.place),
        priority=row.contact.priority,
        wait=row.wait,
        due=row.due,
        callback=row.callback,
        originating=row.tried[-1].originating if row.tried else None,
    )
