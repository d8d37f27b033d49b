"""SQL of the numbers that nobody is to call."""

import secrets
import sqlite3

from digitro_async.ledger._schedule_records import LedgerBlock
from digitro_async.ledger._stored_schedule import block_of

__all__ = [
    "add_block",
    "block_key",
    "count_block_changes",
    "read_blocks",
    "remove_block",
]


def block_key(connection: sqlite3.Connection) -> bytes:
    """Return the key that blocked numbers of this ledger are hashed with."""
    connection.execute(
        "INSERT INTO block_key (single, key) VALUES (1, ?)"
        " ON CONFLICT (single) DO NOTHING",
        (secrets.token_bytes(32),),
    )
    (key,) = connection.execute("SELECT key FROM block_key").fetchone()
    return bytes(key)


def count_block_changes(connection: sqlite3.Connection) -> int:
    """Return how often blocks were changed."""
    row = connection.execute("SELECT changes FROM block_key").fetchone()
    return 0 if row is None else int(row[0])


def add_block(
    connection: sqlite3.Connection,
    digest: bytes,
    *,
    reason: str,
    until: float | None,
    now: float,
) -> int:
    """Let nobody call a number; the last terms hold.

    Returns:
        How often blocks were changed.
    """
    connection.execute(
        "INSERT INTO block (hash, reason, until, since) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (hash) DO UPDATE SET reason = excluded.reason,"
        " until = excluded.until, since = excluded.since",
        (digest, reason, until, now),
    )
    return _count(connection)


def remove_block(connection: sqlite3.Connection, digest: bytes) -> int | None:
    """Take a number off.

    Returns:
        How often blocks were changed; None where it was not blocked.
    """
    cursor = connection.execute("DELETE FROM block WHERE hash = ?", (digest,))
    return _count(connection) if cursor.rowcount else None


def read_blocks(connection: sqlite3.Connection) -> list[LedgerBlock]:
    """Return every block."""
    rows = connection.execute("SELECT hash, reason, until, since FROM block ORDER BY 1")
    return [block_of(row) for row in rows]


def _count(connection: sqlite3.Connection) -> int:
    connection.execute("UPDATE block_key SET changes = changes + 1")
    return count_block_changes(connection)
