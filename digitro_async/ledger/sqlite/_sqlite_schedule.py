"""SQLiteSchedule: who waits until when, in a ledger in one file."""

import sqlite3
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Protocol

from digitro_async.call_events import Disposition
from digitro_async.ledger._records import ClaimOwner, WaitKind
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
from digitro_async.ledger._state import State
from digitro_async.ledger._stored_schedule import block_hash
from digitro_async.ledger.sqlite._attempt_keys_sql import note_keys
from digitro_async.ledger.sqlite._attempts_sql import (
    attempts_of_contacts,
    attempts_since,
    count_attempts,
    plan_attempts,
)
from digitro_async.ledger.sqlite._blocks_sql import (
    add_block,
    read_blocks,
    remove_block,
)
from digitro_async.ledger.sqlite._database import LedgerDatabase
from digitro_async.ledger.sqlite._schedule_sql import (
    agree_callback,
    put_off,
    read_ended,
    recall_contact,
    refuse_calls,
)
from digitro_async.ledger.sqlite._scheduled_claims import (
    claim_scheduled,
    read_priorities,
)
from digitro_async.ledger.sqlite._waits_sql import count_waiting
from digitro_async.privacy import Personal

__all__ = ["SQLiteSchedule"]


class AskingFile(Protocol):
    """Asks a file something, or changes it, in another thread."""

    def __call__(self, act: Callable[[sqlite3.Connection], Any], /) -> Awaitable[Any]:
        """Return the answer."""
        ...


class SQLiteSchedule:
    """The schedule of a ledger in one file; see ``Schedule``.

    Args:
        file: The file.
        clock: Tells the time by which leases end.
        owners: Ids of owners to the ledger's numbers; claims add to it.
        change: Changes the file.
        ask: Reads the file.
    """

    def __init__(
        self,
        file: LedgerDatabase,
        clock: Callable[[], float],
        owners: dict[str, int],
        change: AskingFile,
        ask: AskingFile,
    ) -> None:
        self._file = file
        self._clock = clock
        self._owners = owners
        self._change, self._ask = change, ask

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
        """Claim contacts by what they waited for. See ``Schedule``."""
        claim = partial(
            claim_scheduled,
            owner=owner,
            lease=lease,
            limit=limit,
            now=now,
            kinds=kinds,
            priority=priority,
            after=after,
        )
        which = partial(claim, max_attempts=max_attempts, within=within, pabx=pabx)
        number, claimed = await self._change(
            lambda c: which(c, lease_time=self._clock())
        )
        self._owners[owner.id] = number
        planned: Sequence[PlannedContact] = claimed
        return planned

    async def priorities(self) -> Sequence[int]:
        """Return the priorities of pending contacts. See ``Schedule``."""
        priorities: list[int] = await self._ask(read_priorities)
        return priorities

    async def plan(
        self, owner: ClaimOwner, plans: Sequence[AttemptPlan], *, hold_numbers: bool
    ) -> Sequence[int]:
        """Note by which numbers contacts are about to be called. See ``Schedule``."""
        plan = partial(plan_attempts, owner=owner, plans=plans)
        left: list[int] = await self._change(
            lambda c: plan(c, hold_numbers=hold_numbers)
        )
        return left

    async def put_off(
        self, owner: ClaimOwner, deferrals: Sequence[Deferral], *, now: float
    ) -> None:
        """Let claimed contacts be pending until they are due. See ``Schedule``."""
        await self._change(lambda c: put_off(c, owner, deferrals, now=now))

    async def refuse(
        self, owner: ClaimOwner, refusals: Sequence[Refusal], *, now: float
    ) -> None:
        """Let claimed contacts be skipped. See ``Schedule``."""
        await self._change(lambda c: refuse_calls(c, owner, refusals, now=now))

    async def recall(
        self,
        number: int,
        *,
        attempts: int,
        due: float,
        place: int,
        reason: str,
        now: float,
    ) -> bool:
        """Let an accepted contact be pending until it is due. See ``Schedule``."""
        recall = partial(recall_contact, number=number, attempts=attempts, due=due)
        is_recalled: bool = await self._change(
            lambda c: recall(c, place=place, reason=reason, now=now)
        )
        return is_recalled

    async def call_back(
        self, contact: str | int | Personal, callback: AgreedCallback, *, now: float
    ) -> State:
        """Let a contact wait for a call that was agreed on. See ``Schedule``."""
        state: State = await self._change(
            lambda c: agree_callback(c, contact, callback, now=now)
        )
        return state

    async def ended(
        self,
        dispositions: Collection[Disposition],
        *,
        numbers: Sequence[int] | None = None,
        after: int = 0,
        limit: int,
    ) -> Sequence[EndedContact]:
        """Return contacts whose last call ended in some ways. See ``Schedule``."""
        read = partial(read_ended, dispositions=dispositions, numbers=numbers)
        ended: list[EndedContact] = await self._ask(
            lambda c: read(c, after=after, limit=limit)
        )
        return ended

    async def attempts_of(
        self, contacts: Sequence[int], keys: Collection[int]
    ) -> Sequence[LedgerAttempt]:
        """Return the attempts of contacts and of numbers. See ``Schedule``."""
        attempts: list[LedgerAttempt] = await self._ask(
            lambda c: attempts_of_contacts(c, contacts, keys)
        )
        return attempts

    async def attempts_since(self, when: float) -> Sequence[LedgerAttempt]:
        """Return all attempts that began since a moment. See ``Schedule``."""
        attempts: list[LedgerAttempt] = await self._ask(
            lambda c: attempts_since(c, when)
        )
        return attempts

    async def count_attempts(self) -> AttemptCounts:
        """Return how many attempts may have rung. See ``Schedule``."""
        counts: AttemptCounts = await self._ask(count_attempts)
        return counts

    async def note_keys(self, key_of: KeyOf, *, scheme: str) -> int:
        """Note the number of each attempt that nobody noted. See ``Schedule``."""
        noted: int = await self._change(lambda c: note_keys(c, key_of, scheme))
        return noted

    async def block(
        self, key: int, *, reason: str, until: float | None, now: float
    ) -> None:
        """Let nobody call a number. See ``Schedule``."""
        digest = self.block_hash(key)
        add = partial(add_block, digest=digest, reason=reason, until=until, now=now)
        await self._change(lambda c: self._file.note_block_changes(add(c)))

    async def unblock(self, key: int) -> bool:
        """Take a number off. See ``Schedule``."""
        digest = self.block_hash(key)

        def remove(connection: sqlite3.Connection) -> bool:
            changes = remove_block(connection, digest)
            if changes is not None:
                self._file.note_block_changes(changes)
            return changes is not None

        was_blocked: bool = await self._change(remove)
        return was_blocked

    async def blocks(self) -> Sequence[LedgerBlock]:
        """Return every block."""
        blocks: list[LedgerBlock] = await self._ask(read_blocks)
        return blocks

    async def blocks_changed(self) -> object:
        """Return a value that differs once blocks have changed. See ``Schedule``."""
        # Nobody else writes the file while it is open.
        return self._file.block_changes

    def block_hash(self, key: int) -> bytes:
        """Return the keyed hash by which blocks know a number. See ``Schedule``."""
        return block_hash(key, self._file.block_key)

    async def waiting(
        self,
        *,
        now: float,
        max_attempts: int | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> WaitCounts:
        """Return how many pending contacts wait. See ``Schedule``."""
        counts: WaitCounts = await self._ask(
            lambda c: count_waiting(c, now, max_attempts, pabx)
        )
        return counts
