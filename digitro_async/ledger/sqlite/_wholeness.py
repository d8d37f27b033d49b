"""Finds out whether a ledger's file holds all that was recorded in it.

The newest part of a SQLite file stands in its write-ahead log, which is a file of its
own: it can be deleted, or forgotten when the other is copied. SQLite takes no notice.

Two marks tell. In the file itself stands whether its owner closed it; until then there
is a log. It is also in a copy. And the lock's file beside it says how far the record
had come; where it is there, it shows a missing part in every state of the log.
"""

import glob
import hashlib
import secrets
import sqlite3
from pathlib import Path

from digitro_async._common.text import printable
from digitro_async.errors import LedgerError
from digitro_async.ledger.sqlite._blocks_sql import count_block_changes
from digitro_async.ledger.sqlite._ledger_files import has_log
from digitro_async.ledger.sqlite._owner_lock import Mark
from digitro_async.ledger.sqlite._schedule_queries import has_schedule

__all__ = ["check_there", "check_whole", "mark_closed", "mark_of", "mark_open"]

_ADVICE = (
    'Put it back; or go on with what is left by "digitro ledger restored", which '
    "leaves out who may have been called already. Or insist (accept_loss=True, "
    "--accept-loss): who is not final in what is left may then be called again"
)

_SET = (
    "INSERT INTO setting (name, value) VALUES ('owner', ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_OPEN, _CLOSED = "open", "closed"


def check_there(path: Path, mark: Mark | None) -> None:
    """Refuse to begin anew where calls were recorded under the same name.

    Args:
        path: The ledger.
        mark: The mark in its lock's file.

    Raises:
        LedgerError: If the ledger is gone, or was saved when it was taken away.
    """
    try:
        if path.stat().st_size > 0:
            return
    except FileNotFoundError:
        pass
    name = printable(path.name)
    rescued = next(path.parent.glob(f"{glob.escape(path.name)}.rescued*"), None)
    if rescued is not None:
        raise LedgerError(
            f"{name} is not there, and {printable(rescued.name)} holds what was "
            f"recorded in it until it was taken away: rename that to {name} to go on, "
            "or move it away to call everybody again",
            reason="ledger_gone",
        )
    if mark is None or mark.events == 0:
        return
    raise LedgerError(
        f"{name} is gone or empty, and {name}.lock says that calls were recorded in "
        f"it. {_ADVICE}. For a new list take a new name, or remove {name}.lock",
        reason="ledger_gone",
    )


def check_whole(
    connection: sqlite3.Connection,
    path: Path,
    mark: Mark | None,
    *,
    had_log: bool | None = None,
) -> None:
    """Refuse a ledger with a part of its record missing.

    Args:
        connection: Connected to it.
        path: Where it stands.
        mark: The mark that its lock's file held before.
        had_log: Whether there was a log before it was connected to; None for now.

    Raises:
        LedgerError: If something is missing.
    """
    found = mark_of(connection)
    if found is None:
        return
    name = printable(path.name)
    if mark is not None and mark.ledger == found.ledger:
        if (
            found.events < mark.events
            or found.contacts < mark.contacts
            or found.blocks < mark.blocks
        ):
            raise LedgerError(
                f"{name} lacks what was recorded last: {name}.lock knows more. Its log "
                f"({name}-wal) is gone or damaged, or an older copy was put in its "
                f"place. {_ADVICE}",
                reason="record_lost",
            )
        return
    is_open = _owner(connection).startswith(_OPEN)
    if is_open and not (has_log(path) if had_log is None else had_log):
        raise LedgerError(
            f"{name} lacks what was recorded last: it was not closed, and its log "
            f"({name}-wal) is gone, was not copied with it or stands beside another "
            f"name of it. {_ADVICE}",
            reason="record_lost",
        )


def mark_of(connection: sqlite3.Connection) -> Mark | None:
    """Return how far a ledger's record has come; None where it has not begun."""
    (begun,) = connection.execute(
        "SELECT count(*) FROM sqlite_master WHERE name = 'identity_key'"
    ).fetchone()
    key = connection.execute("SELECT key FROM identity_key").fetchone() if begun else ()
    if not key:
        return None
    ledger = hashlib.blake2b(b"which ledger", key=bytes(key[0]), digest_size=16)
    events, contacts = latest(connection)
    return Mark(ledger.hexdigest(), events, contacts, _block_changes(connection))


def latest(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the numbers of the last event and the last contact."""
    events, contacts = connection.execute(
        "SELECT (SELECT max(sequence) FROM event), (SELECT max(number) FROM contact)"
    ).fetchone()
    return events or 0, contacts or 0


def _block_changes(connection: sqlite3.Connection) -> int:
    """Return how often blocks were changed; 0 in a schema that keeps none."""
    return count_block_changes(connection) if has_schedule(connection) else 0


def mark_open(connection: sqlite3.Connection) -> None:
    """Note in the file itself, and not in its log alone, that the file has a log.

    The log is not emptied: until the file is closed, something is always in the log.
    """
    connection.execute(_SET, (f"{_OPEN} {secrets.token_hex(8)}",))
    # Where somebody reads an older state for long, it is not done: then the lock's file
    # tells alone.
    connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()


def mark_closed(connection: sqlite3.Connection) -> None:
    """Note that the file is closed: who closes it last empties its log."""
    connection.execute(_SET, (_CLOSED,))


def _owner(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT value FROM setting WHERE name = 'owner'")
    found = row.fetchone()
    return "" if found is None else str(found[0])
