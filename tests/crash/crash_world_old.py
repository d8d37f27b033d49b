"""Ledgers as earlier versions of the library left them, and the calls they had made."""

import contextlib
import hashlib
import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from digitro_async.ledger.sqlite import _migrations
from digitro_async.testing import FaultKind, ReceivedCall

OPEN_INTENTS: Final = 5
"""Contacts, the first ones, that were being called when the earlier version died."""
CALLED: Final = (OPEN_INTENTS + 1, OPEN_INTENTS + 2)
"""Contacts that were called; the second one got the call id of the first."""
AGO: Final = 60.0
"""Seconds since then."""

_CALL_ID: Final = "01/02/03 04:05:06 0001 0000/00"
_KEY: Final = bytes(range(32))


def make_old_ledger(
    path: Path, version: int, contacts: Sequence[Any], *, pabx: str, now: float
) -> None:
    """Make a ledger as an earlier version of the library left it.

    The first version took a call id that came twice for two calls'; no later one does.

    Args:
        path: The file.
        version: Version of its schema.
        contacts: Mappings with ``id``, ``destination`` and ``user_data``.
        pabx: By which PABX the first ones were called.
        now: The time.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    for number, script in _migrations._migrations():
        if number <= version:
            connection.executescript(
                f"BEGIN;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
            )
    connection.execute("BEGIN")
    connection.execute("INSERT INTO identity_key VALUES (1, ?)", (_KEY,))
    for number, contact in enumerate(contacts, 1):
        _put_in_old(connection, _KEY, number, contact)
    _intend(connection, pabx, now - AGO)
    first, second = CALLED
    _settle(connection, first, 4, now - AGO + 1)
    _settle(connection, second, 4 if version == 1 else 6, now - AGO + 1)
    connection.execute("COMMIT")
    connection.close()
    path.chmod(0o600)


def old_record(contacts: Sequence[Any], *, now: float) -> bytes:
    """Return what the PABX recorded of the calls in ledgers that are so made."""
    lines = b""
    for number, fault in zip(CALLED, (None, FaultKind.REPEATED_CALL_ID), strict=True):
        lines += ReceivedCall(
            ordinal=number,
            at=time.monotonic() - AGO,
            wall=now - AGO + 0.5,
            connection=-number,
            channel=1,
            destination=contacts[number - 1]["destination"],
            fields={},
            status=200,
            call_id=_CALL_ID,
            fault=fault,
            placed=True,
        ).as_line()
    return lines


def _intend(connection: sqlite3.Connection, pabx: str, at: float) -> None:
    connection.execute(
        "UPDATE contact SET state = 3, attempts = 1, pabx = ?, sent_at = ?"
        " WHERE number <= ?",
        (pabx, at, CALLED[-1]),
    )
    connection.execute(
        "INSERT INTO event (contact, step, at, pabx)"
        " SELECT number, 3, ?, ? FROM contact WHERE state = 3",
        (at, pabx),
    )


def _settle(connection: sqlite3.Connection, number: int, end: int, at: float) -> None:
    """Record that a call was accepted (4), or is unknown (6), by the steps' codes."""
    reason = None if end == 4 else "repeated_call_id"
    connection.execute(
        "UPDATE contact SET state = ?, call_id = ?, reason = ?, settled_at = ?"
        " WHERE number = ?",
        (end, _CALL_ID if reason is None else None, reason, at, number),
    )
    connection.execute(
        "INSERT INTO event (contact, step, at, pabx, call_id, reason)"
        " SELECT number, ?, ?, pabx, ?, ? FROM contact WHERE number = ?",
        (end, at, _CALL_ID, reason, number),
    )


def _put_in_old(
    connection: sqlite3.Connection, key: bytes, number: int, contact: Any
) -> None:
    identity = f"id {contact['id']}".encode()
    digest = hashlib.blake2b(identity, digest_size=16, key=key).digest()
    connection.execute(
        "INSERT INTO contact (number, hash, line) VALUES (?, ?, ?)",
        (number, digest, number + 1),
    )
    connection.execute(
        "INSERT INTO person (number, id, destination, fields) VALUES (?, ?, ?, ?)",
        (
            number,
            contact["id"],
            contact["destination"],
            json.dumps({"user_data": contact["user_data"]}),
        ),
    )


def schema_of(path: Path) -> set[tuple[str, str, str]]:
    """Return what a ledger's schema is made of."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        made = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        )
        return {(kind, name, sql) for kind, name, sql in made}
