"""Queries of a ledger's file for its results, in the order in which they came."""

import hashlib
import sqlite3
from collections.abc import Sequence
from typing import Final

from digitro_async.call_events import CallEnd
from digitro_async.ledger._codes import STEPS
from digitro_async.ledger._result_feed_port import (
    BEGINNING,
    RESULT_CODES,
    FeedPosition,
    LedgerResult,
    ResultPage,
)
from digitro_async.ledger._stored_ends import END_VALUES, end_of
from digitro_async.ledger.sqlite._call_ends_queries import ENDS_BEHIND

__all__ = ["is_at", "read_results"]

_STEPS = f"({', '.join(map(str, RESULT_CODES))})"

_OUTCOMES: Final = (
    "SELECT event.sequence, event.contact, event.step, event.at, event.pabx,"  # noqa: S608 - ours
    "       event.call_id, event.reason, person.id"
    "  FROM event LEFT JOIN person ON person.number = event.contact"
    f" WHERE event.sequence > ? AND event.step IN {_STEPS}"
    " ORDER BY event.sequence LIMIT ?"
)

_ENDS: Final = (
    "SELECT told, call_end.intent, call_end.contact, event.at, event.pabx,"  # noqa: S608 - ours
    "       person.id,"
    "       iif(contact.intent = call_end.intent, contact.call_id, NULL),"
    f"      {', '.join(f'call_end.{one}' for one in END_VALUES)}"
    f"  FROM {ENDS_BEHIND}"
    "  LEFT JOIN event ON event.sequence = call_end.intent"
    "  LEFT JOIN person ON person.number = call_end.contact"
    "  LEFT JOIN contact ON contact.number = call_end.contact"
    " ORDER BY told, call_end.intent LIMIT ?"
)


def read_results(
    connection: sqlite3.Connection, after: FeedPosition, most: int
) -> ResultPage:
    """Return the results behind a position.

    Args:
        connection: In autocommit mode.
        after: The position.
        most: Most results.
    """
    # At one moment: nobody hears of a call's end before its outcome.
    connection.execute("BEGIN")
    try:
        key = bytes(connection.execute("SELECT key FROM identity_key").fetchone()[0])
        results, event = _read_outcomes(connection, key, after.event, most)
        told, intent = after.told, after.intent
        if len(results) < most:
            left = most - len(results)
            ends, told, intent = _read_ends(connection, key, (told, intent), left)
            results += ends
        check = _check_of(connection, event)
    finally:
        connection.execute("COMMIT")
    return ResultPage(None, results, FeedPosition(event, told, intent, check))


def is_at(connection: sqlite3.Connection, position: FeedPosition) -> bool:
    """Whether the ledger has what it had when it was handed on up to a position."""
    if position == BEGINNING:
        return True
    (told,) = connection.execute("SELECT ifnull(max(told), 0) FROM call_end").fetchone()
    (kept,) = connection.execute(
        "SELECT ifnull(max(CAST(value AS INTEGER)), 0) FROM setting"
        " WHERE name = 'last_told'"
    ).fetchone()
    same = _check_of(connection, position.event) == position.check
    return same and position.told <= max(told, kept)


def _read_outcomes(
    connection: sqlite3.Connection, key: bytes, after: int, most: int
) -> tuple[list[LedgerResult], int]:
    """Return outcomes, and up to which event was looked at."""
    (last,) = connection.execute("SELECT max(sequence) FROM event").fetchone()
    rows = connection.execute(_OUTCOMES, (after, most)).fetchall()
    results = [
        LedgerResult.of_step(
            key,
            STEPS[step],
            contact=contact,
            own_id=own_id,
            at=at,
            pabx=pabx,
            call_id=call_id,
            reason=reason,
        )
        for _, contact, step, at, pabx, call_id, reason, own_id in rows
    ]
    return results, rows[-1][0] if len(rows) == most else last or 0


def _read_ends(
    connection: sqlite3.Connection, key: bytes, after: tuple[int, int], most: int
) -> tuple[Sequence[LedgerResult], int, int]:
    """Return ends of calls, and up to which one was looked at."""
    told, intent = after
    rows = connection.execute(_ENDS, (told, intent, most, told, most, most)).fetchall()
    results = []
    for told, intent, contact, at, pabx, own_id, call_id, *values in rows:  # noqa: B007
        end = end_of(values, contact, pabx, call_id)
        assert isinstance(end, CallEnd)  # noqa: S101 - its columns are never NULL
        results.append(
            LedgerResult.of_end(key, end, contact=contact, own_id=own_id, began_at=at)
        )
    return results, told, intent


def _check_of(connection: sqlite3.Connection, sequence: int) -> str:
    """Return a digest of an event, by which a ledger that was set back is known."""
    row = connection.execute(
        "SELECT contact, step, at FROM event WHERE sequence = ?", (sequence,)
    ).fetchone()
    return hashlib.blake2b(repr(row).encode(), digest_size=16).hexdigest()
