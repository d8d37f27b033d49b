"""PostgresSchedule: who waits until when, in a campaign in a database."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

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
from digitro_async.ledger.postgres._campaign_access import CampaignAccess
from digitro_async.ledger.postgres._postgres_attempts import (
    attempt_counts_query,
    attempts_query,
    attempts_since_query,
    plan_attempts,
)
from digitro_async.ledger.postgres._postgres_blocks import (
    add_block,
    block_changes_query,
    blocks_query,
    remove_block,
)
from digitro_async.ledger.postgres._postgres_keys import note_keys
from digitro_async.ledger.postgres._postgres_waits import (
    agree_callback,
    ended_query,
    put_off,
    recall_contact,
    refuse_calls,
)
from digitro_async.ledger.postgres._scheduled_in_postgres import (
    claim_scheduled,
    priorities_query,
)
from digitro_async.ledger.postgres._waiting_query import waiting_query
from digitro_async.privacy import Personal

__all__ = ["PostgresSchedule"]


class PostgresSchedule:
    """The schedule of a campaign in a database; see ``Schedule``.

    Blocks and held numbers are those of all campaigns of the database, whoever dials.

    Args:
        access: The ways to the campaign.
        owners: Ids of owners to the database's numbers; claims add to it.
        clock: For tests alone. Tells the time by which leases end.
    """

    def __init__(
        self,
        access: CampaignAccess,
        owners: dict[str, int],
        clock: Callable[[], float] | None,
    ) -> None:
        self._access = access
        self._owners = owners
        self._clock = clock

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
        number, claimed = await self._access.do(
            claim_scheduled,
            owner=owner,
            lease=lease,
            lease_time=None if self._clock is None else self._clock(),
            limit=limit,
            now=now,
            kinds=kinds,
            priority=priority,
            after=after,
            max_attempts=max_attempts,
            within=within,
            pabx=pabx,
        )
        self._owners[owner.id] = number
        return claimed

    async def priorities(self) -> Sequence[int]:
        """Return the priorities of pending contacts. See ``Schedule``."""
        return await self._access.read(priorities_query())

    async def plan(
        self, owner: ClaimOwner, plans: Sequence[AttemptPlan], *, hold_numbers: bool
    ) -> Sequence[int]:
        """Note by which numbers contacts are about to be called. See ``Schedule``."""
        given = {"owner": owner, "plans": plans, "hold_numbers": hold_numbers}
        return await self._access.do(plan_attempts, **given)

    async def put_off(
        self, owner: ClaimOwner, deferrals: Sequence[Deferral], *, now: float
    ) -> None:
        """Let claimed contacts be pending until they are due. See ``Schedule``."""
        await self._access.do(put_off, owner=owner, deferrals=deferrals, now=now)

    async def refuse(
        self, owner: ClaimOwner, refusals: Sequence[Refusal], *, now: float
    ) -> None:
        """Let claimed contacts be skipped. See ``Schedule``."""
        await self._access.do(refuse_calls, owner=owner, refusals=refusals, now=now)

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
        return await self._access.do(recall, place=place, reason=reason, now=now)

    async def call_back(
        self, contact: str | int | Personal, callback: AgreedCallback, *, now: float
    ) -> State:
        """Let a contact wait for a call that was agreed on. See ``Schedule``."""
        given = {"contact": contact, "callback": callback, "now": now}
        return await self._access.do(agree_callback, **given)

    async def ended(
        self,
        dispositions: Collection[Disposition],
        *,
        numbers: Sequence[int] | None = None,
        after: int = 0,
        limit: int,
    ) -> Sequence[EndedContact]:
        """Return contacts whose last call ended in some ways. See ``Schedule``."""
        query = ended_query(dispositions, numbers, after=after, limit=limit)
        return await self._access.read(query)

    async def attempts_of(
        self, contacts: Sequence[int], keys: Collection[int]
    ) -> Sequence[LedgerAttempt]:
        """Return the attempts of contacts and of numbers. See ``Schedule``."""
        return await self._access.read(attempts_query(contacts, keys))

    async def attempts_since(self, when: float) -> Sequence[LedgerAttempt]:
        """Return all attempts that began since a moment. See ``Schedule``."""
        return await self._access.read(attempts_since_query(when))

    async def count_attempts(self) -> AttemptCounts:
        """Return how many attempts may have rung. See ``Schedule``."""
        return await self._access.read(attempt_counts_query())

    async def note_keys(self, key_of: KeyOf, *, scheme: str) -> int:
        """Note the number of each attempt that nobody noted. See ``Schedule``."""
        return await note_keys(self._access, key_of, scheme)

    async def block(
        self, key: int, *, reason: str, until: float | None, now: float
    ) -> None:
        """Let nobody call a number. See ``Schedule``."""
        block = partial(add_block, number_key=key, reason=reason, until=until, now=now)
        await self._access.change(block)

    async def unblock(self, key: int) -> bool:
        """Take a number off. See ``Schedule``."""
        was_blocked: bool = await self._access.change(
            partial(remove_block, number_key=key)
        )
        return was_blocked

    async def blocks(self) -> Sequence[LedgerBlock]:
        """Return every block."""
        await self.blocks_changed()  # with the key that they are hashed with
        return await self._access.read(blocks_query())

    async def blocks_changed(self) -> object:
        """Return a value that differs once blocks have changed. See ``Schedule``.

        They may be changed by any process. Where a copy of another ledger brought the
        key of its blocks along, ``block_hash`` goes by that from now on.
        """
        changes = await self._access.read(block_changes_query())
        _, self._access.block_key = changes
        return changes

    def block_hash(self, key: int) -> bytes:
        """Return the keyed hash by which blocks know a number. See ``Schedule``."""
        return block_hash(key, self._access.block_key)

    async def waiting(
        self,
        *,
        now: float,
        max_attempts: int | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> WaitCounts:
        """Return how many pending contacts wait. See ``Schedule``."""
        return await self._access.read(waiting_query(now, max_attempts, pabx))
