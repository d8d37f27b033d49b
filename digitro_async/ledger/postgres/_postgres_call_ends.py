"""PostgresCallEnds: the ends of the calls of a campaign in a database."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final

from digitro_async.call_events import CallEnd, CallSeen
from digitro_async.ledger._call_ends_port import AwaitedEnd, EndCounts, OnEndRecorded
from digitro_async.ledger._records import ClaimOwner, Reconciliation
from digitro_async.ledger._stored_ends import row_of_end
from digitro_async.ledger._write_jobs import ENDS, Job
from digitro_async.ledger.postgres._call_batches import written_together
from digitro_async.ledger.postgres._campaign_access import CampaignAccess
from digitro_async.ledger.postgres._postgres_queries import (
    awaited_of,
    count_ends_query,
    read_awaited_query,
)
from digitro_async.ledger.postgres._postgres_reconcile import settle_seen
from digitro_async.ledger.postgres._postgres_session import PostgresSession, Row

__all__ = ["PostgresCallEnds"]

_EXPECT: Final = """
WITH given AS (SELECT * FROM unnest(%s::text[], %s::float8[]) AS one (pabx, timeout))
INSERT INTO digitro.listening (owner, campaign, pabx, timeout)
SELECT %s, %s, pabx, timeout FROM given
    ON CONFLICT (owner, pabx)
    DO UPDATE SET timeout = excluded.timeout, campaign = excluded.campaign
"""
_FOLLOW: Final = "SELECT * FROM digitro.follow_calls(%s, %s, %s, %s, %s::text[], %s)"
_FIND_OWNER: Final = "SELECT number FROM digitro.owner WHERE id = %s"
_ADD_OWNER: Final = """
INSERT INTO digitro.owner AS o (id, label, began_at, lease_until)
VALUES (%s, %s, clock_timestamp(), clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET label = o.label RETURNING number
"""  # its lease begins when it claims


class PostgresCallEnds:
    """The ends of the calls of a campaign; see ``CallEnds``.

    Args:
        access: The ways to the campaign.
        clock: For tests alone. Tells the time by which leases end.
    """

    def __init__(
        self, access: CampaignAccess, clock: Callable[[], float] | None
    ) -> None:
        self._access = access
        self._clock = clock

    async def expect(self, owner: ClaimOwner, timeouts: Mapping[str, float]) -> None:
        """Note that an owner hears of the ends of its calls. See ``CallEnds``."""

        async def expect(session: PostgresSession, campaign: int) -> None:
            rows = await session.execute(_FIND_OWNER, (owner.id,))
            if not rows:
                rows = await session.execute(_ADD_OWNER, (owner.id, owner.label))
            given = (list(timeouts), list(timeouts.values()))
            await session.execute(_EXPECT, (*given, rows[0][0], campaign))

        await self._access.do(expect)

    def record(self, number: int, end: CallEnd, *, on_done: OnEndRecorded) -> None:
        """Record the end of a call. See ``CallEnds``."""
        self._access.writer.put(
            Job(ENDS, written_together, row_of_end(number, end), on_done)
        )

    async def awaited(self) -> Sequence[AwaitedEnd]:
        """Return the calls that are to get an end and have none."""
        return await self._access.read(read_awaited_query())

    async def take_over(
        self, owner: ClaimOwner, lease: float, pabx: Collection[str]
    ) -> Sequence[AwaitedEnd]:
        """Let an owner wait for the ends of calls whose own owners are gone.

        Each call is given to one owner, until that one's lease is over as well.

        Args:
            owner: The owner.
            lease: Seconds from now in which nobody else may have its claims or these.
            pabx: The PABX whose events it hears. It gets the calls to others too that
                are out of time.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        now = None if self._clock is None else self._clock()
        values = (owner.id, owner.label, lease, list(pabx), now)

        async def follow(session: PostgresSession, campaign: int) -> list[Row]:
            return await session.execute(_FOLLOW, (campaign, *values))

        return awaited_of(await self._access.do(follow))

    def settle_seen(
        self, number: int, seen: CallSeen, *, now: float
    ) -> Awaitable[Reconciliation]:
        """Settle an unknown contact whose call was seen. See ``CallEnds``."""
        return self._access.do(settle_seen, number=number, seen=seen, now=now)

    async def counts(self) -> EndCounts:
        """Return how many calls ended how."""
        return await self._access.read(count_ends_query())
