"""Erases what a campaign in PostgreSQL knows of persons, while others dial it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from digitro_async.errors import LedgerError
from digitro_async.ledger._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._personal_texts import (
    ERASED,
    FORGOTTEN,
    holds_any,
    texts_of,
)
from digitro_async.ledger._reconciliation import QUARANTINE, check_found
from digitro_async.ledger._state import FINAL, TRANSITIONS, State, Step
from digitro_async.ledger._written_ids import readings_of
from digitro_async.ledger.postgres._stored_texts import stored_text
from digitro_async.ledger.transfer._postgres_copy import PostgresEnd
from digitro_async.privacy import Personal

__all__ = ["campaign_names", "forget_before", "forget_one", "vacuum_tables"]

_PAGE: Final = 500
"""Contacts of one commit: nobody who dials waits for a million of them."""

_UNKNOWN: Final = STATE_CODES[State.UNKNOWN]
_OVER: Final = ", ".join(str(STATE_CODES[one]) for one in (*FINAL, State.UNKNOWN))
_TO_SKIP: Final = ", ".join(
    str(STATE_CODES[state]) for state, step in TRANSITIONS if step is Step.SKIP
)
_EVIDENCE: Final = ", ".join(
    str(STEP_CODES[step])
    for step in (Step.RECONCILE_ACCEPTED, Step.RECONCILE_NOT_PLACED)
)
_MEANT: Final = "= ANY (%(numbers)s::bigint[])"

_IS_OWNER: Final = """
SELECT bool_and(pg_has_role(current_user, relowner, 'USAGE')) FROM pg_class
 WHERE oid IN ('digitro.event'::regclass, 'digitro.call_end'::regclass)
"""
_FIND: Final = """
SELECT c.number, c.state, c.sent_at FROM digitro.contact AS c
 WHERE c.campaign = %(c)s AND c.number IN (
       SELECT %(number)s::bigint
       UNION SELECT number FROM digitro.person
              WHERE campaign = %(c)s AND id = ANY (%(ids)s::text[]))
 ORDER BY c.number LIMIT 2 FOR NO KEY UPDATE
"""
_QUARANTINE: Final = """
SELECT value FROM digitro.setting WHERE campaign = %(c)s AND name = %(name)s
"""
_WAS_BEFORE: Final = f"""c.state IN ({_OVER})
   AND coalesce(c.settled_at, c.sent_at) < %(before)s
   AND (c.state <> {_UNKNOWN} OR coalesce(c.sent_at, 0) + %(quarantine)s <= %(now)s)"""
_FIND_BEFORE: Final = f"""
SELECT c.number FROM digitro.contact AS c
  JOIN digitro.person AS p ON p.campaign = c.campaign AND p.number = c.number
 WHERE c.campaign = %(c)s AND c.number > %(after)s AND p.destination <> ''
   AND {_WAS_BEFORE}
 ORDER BY c.number LIMIT %(most)s
"""  # noqa: S608 - numbers of our own
# Of a page those that nobody else changes; these come one by one, and are waited for.
_LOCK: Final = f"""
SELECT c.number FROM digitro.contact AS c
 WHERE c.campaign = %(c)s AND c.number {_MEANT} AND {_WAS_BEFORE}
 ORDER BY c.number FOR NO KEY UPDATE
"""  # noqa: S608 - numbers of our own
_LOCK_FREE: Final = f"{_LOCK.rstrip()} SKIP LOCKED"

# Whoever puts a list in does not write back what it has read.
_LOCK_CAMPAIGN: Final = """
SELECT 1 FROM digitro.campaign WHERE number = %(c)s FOR NO KEY UPDATE
"""
_PERSONS: Final = f"""
SELECT number, id, destination, fields, numbers FROM digitro.person
 WHERE campaign = %(c)s AND number {_MEANT} ORDER BY number FOR UPDATE
"""  # noqa: S608 - our own texts
_ERASE: Final = f"""
UPDATE digitro.person SET id = NULL, destination = '', fields = NULL, numbers = NULL,
       hash = CASE WHEN %(keep_hash)s THEN hash ELSE uuid_send(gen_random_uuid()) END
 WHERE campaign = %(c)s AND number {_MEANT}
"""  # noqa: S608 - our own texts
_KEYS: Final = f"""
UPDATE digitro.attempt SET key = NULL
 WHERE campaign = %(c)s AND contact {_MEANT} AND key IS NOT NULL
"""  # noqa: S608 - our own texts
_CALLBACKS: Final = f"""
DELETE FROM digitro.callback WHERE campaign = %(c)s AND contact {_MEANT}
"""  # noqa: S608 - our own texts
_WAITS: Final = f"""
UPDATE digitro.contact SET due = NULL, wait = NULL
 WHERE campaign = %(c)s AND number {_MEANT} AND due IS NOT NULL
"""  # noqa: S608 - our own texts
_SKIP: Final = f"""
WITH changed AS (
    UPDATE digitro.contact SET state = {STATE_CODES[State.SKIPPED]},
           reason = '{FORGOTTEN}', settled_at = %(now)s
     WHERE campaign = %(c)s AND number {_MEANT} AND state IN ({_TO_SKIP})
    RETURNING number
), noted AS (
    INSERT INTO digitro.event (campaign, contact, step, at, reason)
    SELECT %(c)s, number, {STEP_CODES[Step.SKIP]}, %(now)s, '{FORGOTTEN}'
      FROM changed ORDER BY number
)
SELECT count(*) FROM changed
"""  # noqa: S608 - our own texts

_REASONS: Final = f"""
SELECT number, number, reason FROM digitro.contact
 WHERE campaign = %(c)s AND number {_MEANT} AND reason IS NOT NULL
"""  # noqa: S608 - our own texts
_CHANGE_REASONS: Final = f"""
UPDATE digitro.contact SET reason = '{ERASED}'
 WHERE campaign = %(c)s AND number = ANY (%(bad)s::bigint[])
"""  # noqa: S608 - our own texts
# By the index of evidence: all events of a page would be looked for in all there are.
_EVENTS: Final = f"""
SELECT sequence, contact, reason FROM digitro.event
 WHERE campaign = %(c)s AND contact {_MEANT} AND reason IS NOT NULL
   AND step IN ({_EVIDENCE})
"""  # noqa: S608 - our own texts
# A reason that somebody gave is the contact's too: few hold a text of a person.
_OTHER_EVENTS: Final = """
SELECT sequence, contact, reason FROM digitro.event
 WHERE campaign = %(c)s AND contact = ANY (%(bad)s::bigint[]) AND reason IS NOT NULL
"""
_CHANGE_EVENTS: Final = f"""
UPDATE digitro.event SET reason = '{ERASED}' WHERE sequence = ANY (%(bad)s::bigint[])
"""  # noqa: S608 - our own texts
_ENDS: Final = f"""
SELECT intent, contact, word FROM digitro.call_end
 WHERE campaign = %(c)s AND contact {_MEANT} AND word IS NOT NULL
"""  # noqa: S608 - our own texts
_CHANGE_ENDS: Final = f"""
UPDATE digitro.call_end SET word = '{ERASED}' WHERE intent = ANY (%(bad)s::bigint[])
"""  # noqa: S608 - our own texts
_FILES: Final = """
SELECT number, file FROM digitro.import WHERE campaign = %(c)s AND file IS NOT NULL
"""
_CHANGE_FILES: Final = f"""
UPDATE digitro.import SET file = '{ERASED}'
 WHERE campaign = %(c)s AND number = ANY (%(bad)s::bigint[])
"""  # noqa: S608 - our own texts

_VACUUM: Final = """
VACUUM digitro.person, digitro.attempt, digitro.callback, digitro.event,
       digitro.call_end, digitro.import, digitro.contact
"""


def forget_one(
    end: PostgresEnd, contact: str | int | Personal, *, keep_hash: bool, now: float
) -> int:
    """Forget one contact; return how many were to be called.

    Raises:
        LedgerError: If there is no such contact, text may mean two of them, a call to
            it may be on the wire, or the role may not change what was written.
    """
    _check_owner(end)
    ids, number = readings_of(contact)
    named = {"ids": [stored_text(one) for one in ids], "number": number}
    with end.changing():
        end.ask(_LOCK_CAMPAIGN)
        rows = end.ask(_FIND, named)
        check_found(len(rows))
        number, code, sent_at = rows[0]
        state = STATES[code]
        is_late = (sent_at or 0.0) + _quarantine(end) > now
        if state is State.INTENT or (state is State.UNKNOWN and is_late):
            raise LedgerError(
                f"a call to #{number} may be on the wire: forget it once that is over",
                reason="on_the_wire",
            )
        return _forget(end, [number], keep_hash=keep_hash, now=now)


def forget_before(
    end: PostgresEnd,
    before: float,
    *,
    keep_hash: bool,
    now: float,
    is_over: Callable[[], bool] = lambda: False,
) -> int:
    """Forget contacts whose last call or decision was before; return how many.

    Each page is a commit: what was forgotten is, also where the rest is not.

    Raises:
        LedgerError: If the role may not change what was written.
    """
    _check_owner(end)
    values = {"before": before, "now": now, "quarantine": _quarantine(end)}
    forgotten = 0
    for page in _pages(end, values):
        done = _forget_page(end, page, _LOCK_FREE, values, keep_hash=keep_hash)
        forgotten += len(done)
        for number in sorted(set(page) - done):
            forgotten += len(
                _forget_page(end, [number], _LOCK, values, keep_hash=keep_hash)
            )
        if is_over():
            break
    return forgotten


def campaign_names(end: PostgresEnd) -> list[str]:
    """Return the names of all campaigns of the database."""
    return [
        str(one) for (one,) in end.ask("SELECT name FROM digitro.campaign ORDER BY 1")
    ]


def vacuum_tables(end: PostgresEnd) -> None:
    """Let the rows go that stood there before; nobody who dials waits for it."""
    end.ask(_VACUUM)


def _check_owner(end: PostgresEnd) -> None:
    [(is_owner,)] = end.ask(_IS_OWNER)
    if not is_owner:
        raise LedgerError(
            "this role may not change what was written about contacts: forget persons "
            "as the owner of the tables",
            reason="not_owner",
        )


def _quarantine(end: PostgresEnd) -> float:
    rows = end.ask(_QUARANTINE, {"name": QUARANTINE})
    return float(rows[0][0] or 0.0) if rows else 0.0


def _pages(end: PostgresEnd, values: dict[str, Any]) -> Iterator[list[int]]:
    after = 0
    while True:
        rows = end.ask(_FIND_BEFORE, {**values, "after": after, "most": _PAGE})
        page = [int(one) for (one,) in rows]
        if not page:
            return
        yield page
        after = page[-1]


def _forget_page(
    end: PostgresEnd,
    page: Sequence[int],
    lock: str,
    values: dict[str, Any],
    *,
    keep_hash: bool,
) -> set[int]:
    """Forget those of a page that still are of before; return them."""
    with end.changing():
        end.ask(_LOCK_CAMPAIGN)
        locked = [one for (one,) in end.ask(lock, {**values, "numbers": list(page)})]
        if locked:
            _forget(end, locked, keep_hash=keep_hash, now=values["now"])
    return set(locked)


def _forget(
    end: PostgresEnd, numbers: Sequence[int], *, keep_hash: bool, now: float
) -> int:
    """Erase what is known of locked contacts; return how many were to be called."""
    values = {"numbers": list(numbers), "keep_hash": keep_hash, "now": now}
    texts = {row[0]: texts_of(row[1:]) for row in end.ask(_PERSONS, values)}
    end.ask(_ERASE, values)  # first: only then may what was written be changed
    _erase_copies(end, values, texts)
    end.ask(_KEYS, values)
    end.ask(_CALLBACKS, values)
    end.ask(_WAITS, values)
    [(skipped,)] = end.ask(_SKIP, values)
    return int(skipped)


def _erase_copies(
    end: PostgresEnd, values: dict[str, Any], texts: dict[int, set[str]]
) -> None:
    """Erase texts of persons that stand in what was written about their contacts."""

    def holding(statement: str, given: dict[str, Any]) -> list[int]:
        rows = end.ask(statement, {**values, **given})
        return [
            one
            for one, contact, text in rows
            if holds_any(text, texts.get(contact, ()))
        ]

    everybody = set().union(*texts.values()) if texts else set()
    files = end.ask(_FILES)
    bad = [number for number, file in files if holds_any(file, everybody)]
    _change(end, _CHANGE_FILES, bad)
    given = holding(_REASONS, {})
    events = holding(_EVENTS, {})
    if given:
        events += holding(_OTHER_EVENTS, {"bad": given})
    _change(end, _CHANGE_REASONS, given)
    _change(end, _CHANGE_EVENTS, events)
    _change(end, _CHANGE_ENDS, holding(_ENDS, {}))


def _change(end: PostgresEnd, statement: str, bad: Sequence[int]) -> None:
    if bad:
        end.ask(statement, {"bad": list(bad)})
