"""Statements that let contacts wait, recall them, and refuse their calls."""

from collections.abc import Collection, Sequence
from typing import Final

from digitro_async.call_events import Disposition
from digitro_async.ledger._codes import (
    DISPOSITION_CODES,
    STATE_CODES,
    STATES,
    STEP_CODES,
    WAIT_CODES,
)
from digitro_async.ledger._records import ClaimOwner, WaitKind
from digitro_async.ledger._schedule_records import (
    AgreedCallback,
    Deferral,
    EndedContact,
    Refusal,
)
from digitro_async.ledger._state import TRANSITIONS, State, Step, next_state
from digitro_async.ledger._stored_schedule import ended_of
from digitro_async.ledger.postgres._postgres_contacts import find_contact, is_forgotten
from digitro_async.ledger.postgres._postgres_queries import Query
from digitro_async.ledger.postgres._postgres_session import PostgresSession, Row
from digitro_async.ledger.postgres._stored_texts import original_text
from digitro_async.privacy import Personal

__all__ = [
    "agree_callback",
    "ended_query",
    "put_off",
    "recall_contact",
    "refuse_calls",
]

_CLAIMED, _ACCEPTED = STATE_CODES[State.CLAIMED], STATE_CODES[State.ACCEPTED]
_DEFERRED: Final = WAIT_CODES[WaitKind.DEFERRED]
_OF_OWNER: Final = f"""c.campaign = %(campaign)s AND c.number = one.number
   AND c.state = {_CLAIMED}
   AND c.owner = (SELECT number FROM digitro.owner WHERE id = %(owner)s)"""  # noqa: S608 - ours

_PUT_OFF: Final = f"""
WITH one AS (
    SELECT * FROM unnest(%(numbers)s::bigint[], %(due)s::float8[], %(reasons)s::text[],
                         %(places)s::integer[])
        WITH ORDINALITY AS one (number, due, reason, place, nth)
), changed AS (
    UPDATE digitro.contact AS c
       SET state = {STATE_CODES[next_state(State.CLAIMED, Step.DEFER)]},
           reason = one.reason, due = one.due, wait = coalesce(c.wait, {_DEFERRED}),
           place = one.place
      FROM one WHERE {_OF_OWNER}
    RETURNING c.number, one.reason, one.nth
), noted AS (
    INSERT INTO digitro.event (campaign, contact, step, at, reason)
    SELECT %(campaign)s, number, {STEP_CODES[Step.DEFER]}, %(now)s, reason
      FROM changed ORDER BY nth
)
SELECT number FROM changed
"""  # noqa: S608 - our own numbers

_REFUSE: Final = f"""
WITH one AS (
    SELECT * FROM unnest(%(numbers)s::bigint[], %(reasons)s::text[])
        WITH ORDINALITY AS one (number, reason, nth)
), changed AS (
    UPDATE digitro.contact AS c
       SET state = {STATE_CODES[next_state(State.CLAIMED, Step.SKIP)]},
           reason = one.reason, settled_at = %(now)s
      FROM one WHERE {_OF_OWNER}
    RETURNING c.number, one.reason, one.nth
), made AS (
    DELETE FROM digitro.callback AS b USING changed
     WHERE b.campaign = %(campaign)s AND b.contact = changed.number
)
INSERT INTO digitro.event (campaign, contact, step, at, reason)
SELECT %(campaign)s, number, {STEP_CODES[Step.SKIP]}, %(now)s, reason
  FROM changed ORDER BY nth
"""  # noqa: S608 - our own numbers

_LOCK_ENDED: Final = f"""
SELECT c.place FROM digitro.contact AS c
 WHERE c.campaign = %(campaign)s AND c.number = %(number)s AND c.state = {_ACCEPTED}
   AND c.attempts = %(attempts)s
   AND EXISTS (SELECT FROM digitro.call_end AS e WHERE e.intent = c.intent)
   FOR NO KEY UPDATE OF c
"""  # noqa: S608 - our own numbers

_WAIT: Final = """
WITH noted AS (
    INSERT INTO digitro.event (campaign, contact, step, at, reason)
    VALUES (%(campaign)s, %(number)s, %(step)s, %(now)s, %(reason)s)
)
UPDATE digitro.contact
   SET state = %(state)s, reason = %(reason)s, due = %(due)s, wait = %(kind)s,
       place = %(place)s
 WHERE campaign = %(campaign)s AND number = %(number)s
"""
_END_ATTEMPT: Final = "SELECT digitro.end_attempt(%s, %s, %s)"

_AGREE: Final = """
INSERT INTO digitro.callback
       (campaign, contact, at, place, moved, is_overdue, after)
SELECT campaign, number, %(at)s, %(place)s, %(moved)s, %(is_overdue)s,
       coalesce(intent, 0)
  FROM digitro.contact WHERE campaign = %(campaign)s AND number = %(number)s
    ON CONFLICT (campaign, contact) DO UPDATE
   SET at = excluded.at, place = excluded.place, moved = excluded.moved,
       is_overdue = excluded.is_overdue, after = excluded.after
"""
_PLACES: Final = """
SELECT c.place, (
       SELECT a.place FROM digitro.attempt AS a
        WHERE a.campaign = c.campaign AND a.contact = c.number
          AND (a.outcome IS NOT NULL OR c.intent > a.after)
        ORDER BY a.number DESC LIMIT 1)
  FROM digitro.contact AS c WHERE c.campaign = %s AND c.number = %s
"""

_ENDED: Final = f"""
SELECT c.number, c.attempts, p.numbers, p.destination, c.priority, e.disposition
  FROM digitro.contact AS c
  JOIN digitro.person AS p ON p.campaign = c.campaign AND p.number = c.number
  JOIN digitro.call_end AS e ON e.intent = c.intent
 WHERE c.campaign = %(campaign)s AND c.number > %(after)s AND c.state = {_ACCEPTED}
   AND e.disposition = ANY (%(ways)s::smallint[]) AND p.destination <> ''
   AND (%(numbers)s::bigint[] IS NULL OR c.number = ANY (%(numbers)s::bigint[]))
 ORDER BY c.number LIMIT %(limit)s
"""  # noqa: S608 - our own numbers


async def put_off(
    session: PostgresSession,
    campaign: int,
    *,
    owner: ClaimOwner,
    deferrals: Sequence[Deferral],
    now: float,
) -> None:
    """Let claimed contacts be pending until they are due; see ``Schedule.put_off``."""
    values = {
        "campaign": campaign,
        "owner": owner.id,
        "now": now,
        "numbers": [one.number for one in deferrals],
        "due": [one.due for one in deferrals],
        "reasons": [one.reason for one in deferrals],
        "places": [one.place for one in deferrals],
    }
    changed = {number for (number,) in await session.execute(_PUT_OFF, values)}
    for one in deferrals:
        if one.callback is not None and one.number in changed:
            await _agree(session, campaign, one.number, one.callback)


async def refuse_calls(
    session: PostgresSession,
    campaign: int,
    *,
    owner: ClaimOwner,
    refusals: Sequence[Refusal],
    now: float,
) -> None:
    """Let claimed contacts be skipped; see ``Schedule.refuse``."""
    values = {
        "campaign": campaign,
        "owner": owner.id,
        "now": now,
        "numbers": [one.number for one in refusals],
        "reasons": [one.reason for one in refusals],
    }
    await session.execute(_REFUSE, values)


async def recall_contact(
    session: PostgresSession,
    campaign: int,
    *,
    number: int,
    attempts: int,
    due: float,
    place: int,
    reason: str,
    now: float,
) -> bool:
    """Let a contact whose call has ended be pending; see ``Schedule.recall``."""
    values = {"campaign": campaign, "number": number}
    found = await session.execute(_LOCK_ENDED, {**values, "attempts": attempts})
    if not found or await is_forgotten(session, campaign, number):
        return False
    await session.execute(_END_ATTEMPT, (campaign, number, found[0][0]))
    waits = {"due": due, "kind": WAIT_CODES[WaitKind.RECALL], "place": place}
    step = {
        "step": STEP_CODES[Step.RECALL],
        "state": STATE_CODES[next_state(State.ACCEPTED, Step.RECALL)],
    }
    await session.execute(
        _WAIT, {**values, **waits, **step, "reason": reason, "now": now}
    )
    return True


async def agree_callback(
    session: PostgresSession,
    campaign: int,
    *,
    contact: str | int | Personal,
    callback: AgreedCallback,
    now: float,
) -> State:
    """Let a contact wait for a call that was agreed on; see ``Schedule.call_back``.

    Raises:
        LedgerError: If there is no such contact, or text may mean two of them.
    """
    number, code, *_ = await find_contact(session, campaign, contact)
    state = STATES[code]
    becomes = TRANSITIONS.get((state, Step.CALL_BACK))
    if becomes is None or await is_forgotten(session, campaign, number):
        return state
    ((before, last),) = await session.execute(_PLACES, (campaign, number))
    if state is State.ACCEPTED:
        await session.execute(_END_ATTEMPT, (campaign, number, before))
    place = before if last is None else last
    await session.execute(
        _WAIT,
        {
            "campaign": campaign,
            "number": number,
            "due": now if callback.is_overdue else callback.at,
            "kind": WAIT_CODES[WaitKind.CALLBACK],
            "place": place if callback.place is None else callback.place,
            "step": STEP_CODES[Step.CALL_BACK],
            "state": STATE_CODES[becomes],
            "reason": None,
            "now": now,
        },
    )
    await _agree(session, campaign, number, callback)
    return becomes


def ended_query(
    dispositions: Collection[Disposition],
    numbers: Sequence[int] | None,
    *,
    after: int,
    limit: int,
) -> Query[list[EndedContact]]:
    """Return the query of accepted contacts whose last call ended in some ways."""

    def read(rows: list[Row]) -> list[EndedContact]:
        return [
            ended_of((number, attempts, text, original_text(destination), *others))
            for number, attempts, text, destination, *others in rows
        ]

    values = {
        "ways": [DISPOSITION_CODES[one] for one in dispositions],
        "numbers": None if numbers is None else list(numbers),
        "after": after,
        "limit": limit,
    }
    return Query(_ENDED, read, values)


async def _agree(
    session: PostgresSession, campaign: int, number: int, callback: AgreedCallback
) -> None:
    values = {
        "campaign": campaign,
        "number": number,
        "at": callback.at,
        "place": callback.place,
        "moved": callback.moved,
        "is_overdue": callback.is_overdue,
    }
    await session.execute(_AGREE, values)
