"""Statements that add contacts and change them, apart from claims and each call."""

import time
from collections.abc import Sequence
from typing import Any, Final

from digitro_async.errors import Outcome
from digitro_async.ledger._codes import OUTCOME_CODES, STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._contact_pages import ContactChange, changes_by_page
from digitro_async.ledger._differences import NamedContacts
from digitro_async.ledger._reconciliation import check_found
from digitro_async.ledger._records import AddResult, NewContact
from digitro_async.ledger._state import DOUBTFUL, TRANSITIONS, State, Step
from digitro_async.ledger._stored_contacts import text_of_fields
from digitro_async.ledger._stored_numbers import text_of_numbers
from digitro_async.ledger._written_ids import readings_of
from digitro_async.ledger.postgres._postgres_session import PostgresSession, Row
from digitro_async.ledger.postgres._stored_texts import original_text, stored_text
from digitro_async.privacy import Personal

__all__ = [
    "add_contacts",
    "doubt_contacts",
    "find_contact",
    "is_forgotten",
    "withdraw_contact",
    "write_setting",
]

_LAST: Final = """
SELECT contacts FROM digitro.campaign WHERE number = %s FOR NO KEY UPDATE
"""
"""Whoever else adds contacts to the campaign waits for the end of the transaction."""

_KNOWN: Final = """
SELECT p.hash, c.number, c.line, c.state, p.destination, p.pabx, p.fields,
       p.numbers, c.priority
  FROM digitro.person AS p
  JOIN digitro.contact AS c ON c.campaign = p.campaign AND c.number = p.number
 WHERE p.campaign = %s AND p.hash = ANY (%s::bytea[])
"""

_INSERT: Final = """
WITH counted AS (
    UPDATE digitro.campaign SET contacts = contacts + %(count)s
     WHERE number = %(campaign)s
), people AS (
    INSERT INTO digitro.person
           (campaign, number, hash, id, destination, pabx, fields, numbers)
    SELECT %(campaign)s, %(last)s + place, hash, id, destination, pabx, fields, numbers
      FROM unnest(%(hashes)s::bytea[], %(ids)s::text[], %(destinations)s::text[],
                  %(pabx)s::text[], %(fields)s::text[], %(numbers)s::text[])
           WITH ORDINALITY AS one (hash, id, destination, pabx, fields, numbers, place)
)
INSERT INTO digitro.contact (campaign, number, line, priority)
SELECT %(campaign)s, %(last)s + place, line, priority
  FROM unnest(%(lines)s::bigint[], %(priorities)s::smallint[])
       WITH ORDINALITY AS one (line, priority, place)
"""

_UPDATE_PERSON: Final = """
UPDATE digitro.person SET destination = %s, pabx = %s, fields = %s, numbers = %s
 WHERE campaign = %s AND number = %s
"""
_FILL: Final = """
UPDATE digitro.person AS p SET numbers = one.numbers
  FROM unnest(%s::bigint[], %s::text[]) AS one (number, numbers)
 WHERE p.campaign = %s AND p.number = one.number
"""
_PREFER: Final = """
UPDATE digitro.contact AS c SET priority = one.priority
  FROM unnest(%s::bigint[], %s::smallint[]) AS one (number, priority)
 WHERE c.campaign = %s AND c.number = one.number
"""
_CHANGE: Final = """
WITH noted AS (
    INSERT INTO digitro.event (campaign, contact, step, at, reason)
    VALUES (%(campaign)s, %(number)s, %(step)s, %(at)s, %(fields)s)
)
UPDATE digitro.contact
   SET state = %(state)s, reason = %(reason)s,
       line = CASE WHEN %(is_update)s THEN %(line)s ELSE line END,
       failures = CASE WHEN %(is_update)s THEN 0 ELSE failures END
 WHERE campaign = %(campaign)s AND number = %(number)s
"""

_DOUBTED: Final = ", ".join(
    str(STATE_CODES[state]) for state, step in TRANSITIONS if step is Step.DOUBT
)
_DOUBT: Final = f"""
WITH meant AS (
    SELECT number, intent FROM digitro.contact
     WHERE campaign = %(campaign)s AND number = ANY (%(numbers)s::bigint[])
       AND pabx = %(pabx)s AND sent_at IS NOT NULL AND state IN ({_DOUBTED})
       AND reason IS DISTINCT FROM 'reconciled'
       FOR NO KEY UPDATE
), forgotten AS (
    DELETE FROM digitro.call_end WHERE intent IN (SELECT intent FROM meant)
), doubted AS (
    UPDATE digitro.attempt AS a SET outcome = {OUTCOME_CODES[Outcome.UNKNOWN]}
      FROM meant WHERE a.campaign = %(campaign)s AND a.contact = meant.number
       AND a.outcome = {OUTCOME_CODES[Outcome.NOT_SENT]}
       AND a.intent = coalesce(meant.intent, 0)
), noted AS (
    INSERT INTO digitro.event (campaign, contact, step, at, pabx, reason)
    SELECT %(campaign)s, number, {STEP_CODES[Step.DOUBT]}, %(at)s, %(pabx)s,
           '{DOUBTFUL}'
      FROM meant
)
UPDATE digitro.contact AS c
   SET state = {STATE_CODES[State.UNKNOWN]}, call_id = NULL, reason = '{DOUBTFUL}',
       settled_at = %(at)s
  FROM meant WHERE c.campaign = %(campaign)s AND c.number = meant.number
RETURNING c.number
"""  # noqa: S608 - our own numbers

_FIND: Final = """
SELECT c.number, c.state, c.sent_at, c.pabx
  FROM digitro.contact AS c
 WHERE c.campaign = %(campaign)s AND c.number IN (
       SELECT %(number)s::bigint
       UNION SELECT number FROM digitro.person
              WHERE campaign = %(campaign)s AND id = ANY (%(ids)s::text[]))
 ORDER BY c.number LIMIT 2 FOR NO KEY UPDATE
"""

_WITHDRAW: Final = f"""
WITH noted AS (
    INSERT INTO digitro.event (campaign, contact, step, at, reason)
    VALUES (%(campaign)s, %(number)s, {STEP_CODES[Step.SKIP]}, %(now)s, %(reason)s)
)
UPDATE digitro.contact
   SET state = %(state)s, reason = %(reason)s, settled_at = %(now)s
 WHERE campaign = %(campaign)s AND number = %(number)s
"""  # noqa: S608 - our own numbers


async def add_contacts(
    session: PostgresSession,
    campaign: int,
    hashes: Sequence[bytes],
    contacts: Sequence[NewContact],
    named: NamedContacts,
    *,
    update: bool,
) -> list[AddResult]:
    """Put contacts in that are not there yet, and compare the others."""
    ((last,),) = await session.execute(_LAST, (campaign,))
    found = await session.execute(_KNOWN, (campaign, list(hashes)))
    known: dict[bytes, tuple[Any, ...]] = {
        bytes(digest): (number, line, state, original_text(destination), *others)
        for digest, number, line, state, destination, *others in found
    }
    page = changes_by_page(contacts, hashes, known, last, named, update=update)
    for change in page.changed:
        await _change(session, campaign, change)
    if page.new:
        people = [one for _, _, one in page.new]
        values = {
            "campaign": campaign,
            "last": last,
            "count": len(people),
            "hashes": [digest for _, digest, _ in page.new],
            "lines": [one.line for one in people],
            "ids": [_id_of(one) for one in people],
            "destinations": [stored_text(one.destination.reveal()) for one in people],
            "pabx": [one.pabx for one in people],
            "fields": [_text_of(one) for one in people],
            "numbers": [text_of_numbers(one.numbers) for one in people],
            "priorities": [one.priority for one in people],
        }
        await session.execute(_INSERT, values)
    if page.filled:
        numbers = [number for number, _ in page.filled]
        texts = [text_of_numbers(contact.numbers) for _, contact in page.filled]
        await session.execute(_FILL, (numbers, texts, campaign))
    if page.priorities:
        several = [list(column) for column in zip(*page.priorities, strict=True)]
        await session.execute(_PREFER, (*several, campaign))
    return page.added


async def _change(
    session: PostgresSession, campaign: int, change: ContactChange
) -> None:
    """Take over, withhold or confirm what a list says of a contact that is there."""
    contact = change.contact
    if change.is_update:
        destination = stored_text(contact.destination.reveal())
        values = (
            *(destination, contact.pabx, _text_of(contact)),
            text_of_numbers(contact.numbers),
        )
        await session.execute(_UPDATE_PERSON, (*values, campaign, change.number))
    await session.execute(
        _CHANGE,
        {
            "campaign": campaign,
            "number": change.number,
            "step": STEP_CODES[change.step],
            "state": change.code,
            "at": time.time(),
            "fields": change.fields,
            "reason": change.reason,
            "is_update": change.is_update,
            "line": contact.line,
        },
    )


async def doubt_contacts(
    session: PostgresSession,
    campaign: int,
    *,
    numbers: Sequence[int],
    pabx: str,
    at: float,
) -> int:
    """Make contacts unknown whose last answer is doubtful, and count them."""
    values = {"campaign": campaign, "numbers": list(numbers), "pabx": pabx, "at": at}
    return len(await session.execute(_DOUBT, values))


async def find_contact(
    session: PostgresSession, campaign: int, contact: str | int | Personal
) -> Row:
    """Return number, code of the state, time of the last intent and PABX of a contact.

    Nobody else changes it until the transaction ends.

    Raises:
        LedgerError: If there is none, or more than one.
    """
    ids, number = readings_of(contact)
    values: dict[str, object] = {"campaign": campaign, "number": number}
    values["ids"] = [stored_text(one) for one in ids]
    rows = await session.execute(_FIND, values)
    check_found(len(rows))
    return rows[0]


async def is_forgotten(session: PostgresSession, campaign: int, number: int) -> bool:
    """Whether the number of a contact was erased.

    Asked once the contact is locked, in a statement of its own: one that waits for a
    lock still sees what stood elsewhere before it waited.
    """
    found = await session.execute(
        "SELECT 1 FROM digitro.person"
        " WHERE campaign = %s AND number = %s AND destination = ''",
        (campaign, number),
    )
    return bool(found)


async def write_setting(
    session: PostgresSession, campaign: int, *, name: str, value: str
) -> None:
    """Keep a setting of the campaign."""
    await session.execute(
        "INSERT INTO digitro.setting (campaign, name, value) VALUES (%s, %s, %s)"
        " ON CONFLICT (campaign, name) DO UPDATE SET value = excluded.value",
        (campaign, name, value),
    )


async def withdraw_contact(
    session: PostgresSession,
    campaign: int,
    *,
    contact: str | int | Personal,
    reason: str,
    now: float,
) -> State:
    """Let nobody begin a contact's call any more; see ``Ledger.withdraw``.

    Raises:
        LedgerError: If there is none, or more than one.
    """
    number, code, *_ = await find_contact(session, campaign, contact)
    becomes = TRANSITIONS.get((STATES[code], Step.SKIP))
    if becomes is None:
        return STATES[code]
    values = {"campaign": campaign, "number": number, "reason": reason, "now": now}
    await session.execute(_WITHDRAW, {**values, "state": STATE_CODES[becomes]})
    return becomes


def _id_of(contact: NewContact) -> str | None:
    return None if contact.id is None else stored_text(contact.id.reveal())


def _text_of(contact: NewContact) -> str | None:
    return text_of_fields(contact.fields) if contact.fields else None
