"""SQL that erases what is known of persons, and keeps what became of their contacts."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Final

from digitro_async.errors import LedgerError
from digitro_async.ledger._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._personal_texts import (
    ERASED,
    FORGOTTEN,
    holds_any,
    texts_of,
)
from digitro_async.ledger._reconciliation import QUARANTINE
from digitro_async.ledger._state import FINAL, TRANSITIONS, State, Step
from digitro_async.ledger.sqlite._queries import read_setting
from digitro_async.ledger.sqlite._reconcile_sql import find_contact
from digitro_async.privacy import Personal

__all__ = [
    "contacts_before",
    "erase_file",
    "find_to_forget",
    "forget_people",
]

_OVER: Final = ", ".join(str(STATE_CODES[one]) for one in (*FINAL, State.UNKNOWN))

_GIVEN: Final = "(SELECT value FROM json_each(?))"
_TRIGGER: Final = "event_is_never_changed"


def find_to_forget(
    connection: sqlite3.Connection, contact: str | int | Personal, now: float
) -> int:
    """Return the number of a contact that is to be forgotten.

    Raises:
        LedgerError: If there is no such contact, text may mean two of them, or a call
            to it may be on the wire.
    """
    number, code, sent_at, _ = find_contact(connection, contact)
    if STATES[code] in {State.INTENT, State.UNKNOWN}:
        quarantine = float(read_setting(connection, QUARANTINE) or 0.0)
        if STATES[code] is State.INTENT or (sent_at or 0.0) + quarantine > now:
            raise LedgerError(
                f"a call to #{number} may be on the wire: forget it once that is over",
                reason="on_the_wire",
            )
    return number


def contacts_before(
    connection: sqlite3.Connection, before: float, now: float
) -> list[int]:
    """Return contacts whose last call or decision was before a moment.

    Whoever is still to be called is none of them, nor who was forgotten already.
    """
    quarantine = float(read_setting(connection, QUARANTINE) or 0.0)
    rows = connection.execute(
        "SELECT number FROM contact JOIN person USING (number)"  # noqa: S608 - ours
        f" WHERE state IN ({_OVER}) AND destination <> ''"
        " AND coalesce(settled_at, sent_at) < ?"
        " AND (state <> ? OR ifnull(sent_at, 0) + ? <= ?)",
        (before, STATE_CODES[State.UNKNOWN], quarantine, now),
    )
    return [number for (number,) in rows]


def forget_people(
    connection: sqlite3.Connection,
    numbers: Sequence[int],
    *,
    keep_hash: bool,
    now: float,
) -> int:
    """Erase numbers, ids and data of contacts; return how many were to be called.

    Args:
        connection: The ledger's, in a transaction.
        numbers: Numbers of the contacts.
        keep_hash: Whether they are known again, and not called, if a list has them.
        now: The time.
    """
    meant = json.dumps(list(numbers))
    _erase_copies(connection, meant)
    skipped = _skip(connection, meant, now)
    connection.execute(
        "UPDATE person SET id = NULL, destination = '', fields = NULL, numbers = NULL"
        " WHERE number IN (SELECT value FROM json_each(?))",
        (meant,),
    )
    connection.execute(
        "UPDATE attempt SET key = NULL"
        " WHERE contact IN (SELECT value FROM json_each(?))",
        (meant,),
    )
    for table in ("callback", "wait"):
        connection.execute(
            f"DELETE FROM {table} WHERE contact IN (SELECT value FROM json_each(?))",  # noqa: S608 - ours
            (meant,),
        )
    if not keep_hash:
        connection.execute(
            "UPDATE contact SET hash = randomblob(16)"
            " WHERE number IN (SELECT value FROM json_each(?))",
            (meant,),
        )
    return skipped


def erase_file(connection: sqlite3.Connection) -> bool:
    """Write the file anew without what was erased; False where its log was in use."""
    connection.execute("VACUUM")
    (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _skip(connection: sqlite3.Connection, meant: str, now: float) -> int:
    """Let contacts be skipped that were to be called; return how many."""
    states = ", ".join(
        str(STATE_CODES[state]) for state, step in TRANSITIONS if step is Step.SKIP
    )
    which = f"state IN ({states}) AND number IN {_GIVEN}"
    connection.execute(
        "INSERT INTO event (contact, step, at, reason)"  # noqa: S608 - ours
        f" SELECT number, ?, ?, ? FROM contact WHERE {which} ORDER BY number",
        (STEP_CODES[Step.SKIP], now, FORGOTTEN, meant),
    )
    return connection.execute(
        "UPDATE contact SET state = ?, reason = ?, settled_at = ?"  # noqa: S608 - ours
        f" WHERE {which}",
        (STATE_CODES[State.SKIPPED], FORGOTTEN, now, meant),
    ).rowcount


def _erase_copies(connection: sqlite3.Connection, meant: str) -> None:
    """Erase texts of persons that stand in what was written about their contacts."""
    rows = connection.execute(
        "SELECT number, id, destination, fields, numbers FROM person"
        " WHERE number IN (SELECT value FROM json_each(?))",
        (meant,),
    ).fetchall()
    texts = {row[0]: texts_of(row[1:]) for row in rows}
    everybody = set().union(*texts.values()) if texts else set()
    files = connection.execute("SELECT number, file FROM import WHERE file IS NOT NULL")
    bad = [(number,) for number, file in files if holds_any(file, everybody)]
    connection.executemany(
        "UPDATE import SET file = ? WHERE number = ?",
        [(ERASED, number) for (number,) in bad],
    )
    written = connection.execute(
        "SELECT sequence, contact, reason FROM event WHERE reason IS NOT NULL"
        " AND contact IN (SELECT value FROM json_each(?))",
        (meant,),
    )
    bad = [(one,) for one, contact, text in written if holds_any(text, texts[contact])]
    _change_events(connection, bad)
    reasons = connection.execute(
        "SELECT number, reason FROM contact WHERE reason IS NOT NULL"
        " AND number IN (SELECT value FROM json_each(?))",
        (meant,),
    )
    bad = [(one,) for one, text in reasons if holds_any(text, texts[one])]
    connection.executemany(
        f"UPDATE contact SET reason = '{ERASED}' WHERE number = ?",  # noqa: S608 - ours
        bad,
    )
    ends = connection.execute(
        "SELECT intent, contact, word FROM call_end WHERE word IS NOT NULL"
        " AND contact IN (SELECT value FROM json_each(?))",
        (meant,),
    )
    bad = [(one,) for one, contact, text in ends if holds_any(text, texts[contact])]
    # What was told of an end is never changed; its words go with whoever they tell of.
    _without_trigger(
        connection,
        "told_end_is_never_changed",
        f"UPDATE call_end SET word = '{ERASED}' WHERE intent = ?",  # noqa: S608 - ours
        bad,
    )


def _change_events(connection: sqlite3.Connection, bad: list[tuple[int]]) -> None:
    statement = f"UPDATE event SET reason = '{ERASED}' WHERE sequence = ?"  # noqa: S608 - ours
    _without_trigger(connection, _TRIGGER, statement, bad)


def _without_trigger(
    connection: sqlite3.Connection, name: str, statement: str, rows: list[tuple[int]]
) -> None:
    """Change rows that are never changed otherwise."""
    if not rows:
        return
    (made,) = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ?", (name,)
    ).fetchone()
    connection.execute(f"DROP TRIGGER {name}")
    connection.executemany(statement, rows)
    connection.execute(made)
