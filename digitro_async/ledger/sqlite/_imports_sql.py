"""SQL of imports: the lists that were added, and whether each is complete."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from digitro_async.ledger._codes import STATE_CODES
from digitro_async.ledger._import_marks import Beginning, ImportMark
from digitro_async.ledger._records import AddResult, Import, NewContact
from digitro_async.ledger._state import State

__all__ = [
    "begin_import",
    "count_page",
    "end_import",
    "has_imports",
    "keep_beginning",
    "pending_to",
    "read_imports",
]

_UNFINISHED: Final = "ended_at IS NULL AND successor IS NULL"


def begin_import(
    connection: sqlite3.Connection,
    file: str | None,
    size: int | None,
    source: bytes | None,
    *,
    had: Sequence[bytes | None],
    now: float,
) -> tuple[int, Beginning | None]:
    """Record that a list is being put in.

    Args:
        connection: The ledger's.
        file: Name of its file.
        size: Bytes of the file.
        source: Hash of its content; None for a list without a file.
        had: Hashes of contents that the file begins with.
        now: The time.
    """
    cursor = connection.execute(
        "INSERT INTO import (file, size, source, began_at) VALUES (?, ?, ?, ?)",
        (file, size, source, now),
    )
    number = cursor.lastrowid or 0
    if source is not None:
        for content in (source, *had):
            _succeed(connection, number, "source = ?", content)
        return number, None
    _succeed(connection, number, "source IS NULL AND contacts = ?", 0)
    marks = connection.execute(
        "SELECT number, contacts, beginning FROM import"  # noqa: S608 - ours
        f" WHERE {_UNFINISHED} AND beginning IS NOT NULL"
    )
    return number, Beginning(ImportMark(*row) for row in marks.fetchall())


def count_page(
    connection: sqlite3.Connection,
    number: int,
    contacts: Sequence[NewContact],
    added: Sequence[AddResult],
    rejected: int,
) -> int:
    """Count a page of an import on; return how many contacts were read before it."""
    new = sum(one.new for one in added)
    repeated = 0
    if new < len(added):
        pairs = zip(contacts, added, strict=True)
        repeated = sum(not a.new and a.line != c.line for c, a in pairs)
    (read,) = connection.execute(
        "SELECT contacts FROM import WHERE number = ?", (number,)
    ).fetchone()
    # Another of the same list may have begun meanwhile: nobody has what this one reads.
    connection.execute(
        "UPDATE import SET contacts = contacts + ?, new = new + ?,"
        " repeated = repeated + ?, rejected = rejected + ?, successor = NULL"
        " WHERE number = ?",
        (len(added), new, repeated, rejected, number),
    )
    return int(read)


def keep_beginning(
    connection: sqlite3.Connection, number: int, digest: bytes, same: Iterable[int]
) -> None:
    """Keep the first contacts of a list without a file, and that others follow."""
    connection.execute(
        "UPDATE import SET beginning = ? WHERE number = ?", (digest, number)
    )
    for other in same:
        _succeed(connection, number, "number = ?", other)


def end_import(
    connection: sqlite3.Connection,
    number: int,
    now: float,
    rejected: int,
    *,
    edited: bool,
) -> None:
    """Record that a list was put in to its end."""
    connection.execute(
        "UPDATE import SET ended_at = ?, rejected = rejected + ? WHERE number = ?",
        (now, rejected, number),
    )
    if edited:
        same_name = "file = (SELECT file FROM import WHERE number = ?)"
        _succeed(connection, number, same_name, number)


def pending_to(connection: sqlite3.Connection, last: int | None) -> Iterator[int]:
    """Yield the numbers of the pending contacts up to one of them, None for all."""
    rows = connection.execute(
        "SELECT number FROM contact WHERE state = ? AND (? IS NULL OR number <= ?)",
        (STATE_CODES[State.PENDING], last, last),
    )
    return (number for (number,) in rows)


def has_imports(connection: sqlite3.Connection) -> bool:
    """Whether the ledger is of a version that records imports."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'import'")
    return found.fetchone() is not None


def read_imports(connection: sqlite3.Connection) -> list[Import]:
    """Return every import that was begun, in order."""
    if not has_imports(connection):
        return []
    rows = connection.execute(
        "SELECT number, file, size, began_at, ended_at, successor,"
        "       new, contacts - new - repeated, repeated, rejected"
        "  FROM import ORDER BY number"
    )
    names = [field.name for field in attrs.fields(Import)]
    return [Import(**dict(zip(names, row, strict=True))) for row in rows]


def _succeed(
    connection: sqlite3.Connection, number: int, which: str, value: object
) -> None:
    """Let an import have all that others had which did not end."""
    connection.execute(
        f"UPDATE import SET successor = ? WHERE {_UNFINISHED}"  # noqa: S608 - ours
        f" AND number <> ? AND {which}",
        (number, number, value),
    )
