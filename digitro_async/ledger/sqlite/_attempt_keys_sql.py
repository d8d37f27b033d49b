"""SQL that notes by which numbers attempts were made that nobody planned."""

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from digitro_async.ledger._schedule_port import KeyOf
from digitro_async.ledger._stored_numbers import number_at
from digitro_async.ledger.sqlite._attempts_sql import UNCOVERED
from digitro_async.ledger.sqlite._contacts_sql import write_setting
from digitro_async.ledger.sqlite._queries import read_setting

__all__ = ["note_keys"]

SCHEME: Final = "key_scheme"
"""Setting: the scheme by which the numbers of attempts were noted last."""

_PAGE: Final = 1_000

_ADD_UNPLANNED: Final = (
    "INSERT INTO attempt (contact, after, place)"  # noqa: S608 - ours
    " SELECT contact.number, -1, ifnull(wait.place, 0)"
    "  FROM contact LEFT JOIN wait ON wait.contact = contact.number"
    f" WHERE {UNCOVERED} ORDER BY contact.number"
)
_TO_NOTE: Final = (
    "SELECT attempt.number, attempt.place, person.numbers, person.destination"
    "  FROM attempt JOIN person ON person.number = attempt.contact"
    " WHERE attempt.number > ? AND (? OR attempt.key IS NULL)"
    " AND person.destination <> ''"
    " ORDER BY attempt.number LIMIT ?"
)


def note_keys(connection: sqlite3.Connection, key_of: KeyOf, scheme: str) -> int:
    """Note the number of each attempt that nobody noted; see ``Schedule``."""
    is_other = read_setting(connection, SCHEME) not in {None, scheme}
    connection.execute(_ADD_UNPLANNED)
    noted = 0
    for page in _pages(connection, everybody=is_other):
        keys = [
            (str(key_of(number_at(place, text, destination))), number)
            for number, place, text, destination in page
        ]
        connection.executemany("UPDATE attempt SET key = ? WHERE number = ?", keys)
        noted += len(keys)
    write_setting(connection, SCHEME, scheme)
    return noted


def _pages(
    connection: sqlite3.Connection, *, everybody: bool
) -> Iterator[list[tuple[Any, ...]]]:
    last = 0
    while page := connection.execute(_TO_NOTE, (last, everybody, _PAGE)).fetchall():
        yield page
        last = page[-1][0]
