"""Statements of the numbers that nobody is to call, in any campaign of a database."""

from typing import Final

from digitro_async.ledger._schedule_records import LedgerBlock
from digitro_async.ledger._stored_schedule import block_hash, block_of
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import PostgresSession

__all__ = [
    "add_block",
    "block_changes_query",
    "blocks_query",
    "remove_block",
]

# Locked: a copy of another ledger may bring its own key.
_KEY: Final = "SELECT key FROM digitro.block_key FOR NO KEY UPDATE"
_COUNT: Final = "UPDATE digitro.block_key SET changes = changes + 1"
_ADD: Final = """
INSERT INTO digitro.block (hash, reason, until, since) VALUES (%s, %s, %s, %s)
    ON CONFLICT (hash) DO UPDATE SET reason = excluded.reason,
       until = excluded.until, since = excluded.since
"""
_REMOVE: Final = "DELETE FROM digitro.block WHERE hash = %s RETURNING 1"
_BLOCKS: Final = "SELECT hash, reason, until, since FROM digitro.block ORDER BY hash"
_CHANGES: Final = "SELECT changes, key FROM digitro.block_key"


async def add_block(
    session: PostgresSession,
    *,
    number_key: int,
    reason: str,
    until: float | None,
    now: float,
) -> None:
    """Let nobody call a number; the last terms hold."""
    ((key,),) = await session.execute(_KEY)
    digest = block_hash(number_key, bytes(key))
    await session.execute(_ADD, (digest, reason, until, now))
    await session.execute(_COUNT)


async def remove_block(session: PostgresSession, *, number_key: int) -> bool:
    """Take a number off; False where it was not blocked."""
    ((key,),) = await session.execute(_KEY)
    digest = block_hash(number_key, bytes(key))
    if not await session.execute(_REMOVE, (digest,)):
        return False
    await session.execute(_COUNT)
    return True


def blocks_query() -> Query[list[LedgerBlock]]:
    """Return the query of every block."""
    return Query(
        _BLOCKS,
        lambda rows: [block_of(row) for row in rows],
    )


def block_changes_query() -> Query[tuple[int, bytes]]:
    """Return the query of how often blocks were changed, and of their key."""
    return Query(_CHANGES, lambda rows: (int(rows[0][0]), bytes(rows[0][1])))
