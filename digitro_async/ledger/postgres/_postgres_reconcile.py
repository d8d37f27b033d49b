"""Settles an unknown contact in a database by evidence."""

from collections.abc import Mapping
from typing import Final

from digitro_async.call_events import CallSeen
from digitro_async.ledger._call_ends_port import evidence_of
from digitro_async.ledger._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._ledger_clock import CLOCK
from digitro_async.ledger._machine_clock import read_clock
from digitro_async.ledger._reconciliation import (
    QUARANTINE,
    check_seen,
    decide,
    forgotten_error,
    step_by_evidence,
)
from digitro_async.ledger._records import Reconciliation
from digitro_async.ledger._state import State, Step
from digitro_async.ledger.postgres._postgres_attempts import KNOWN_EARLIER
from digitro_async.ledger.postgres._postgres_contacts import find_contact, is_forgotten
from digitro_async.ledger.postgres._postgres_session import PostgresSession
from digitro_async.ledger.postgres._stored_texts import stored_text
from digitro_async.privacy import Personal

__all__ = ["reconcile_contact", "settle_seen"]

_SETTINGS: Final = """
SELECT name, value FROM digitro.setting WHERE campaign = %s AND name = ANY (%s)
"""

_SETTLE: Final = """
WITH noted AS (
    INSERT INTO digitro.event (campaign, contact, step, at, pabx, call_id, reason)
    VALUES (%(campaign)s, %(number)s, %(step)s, %(now)s, %(pabx)s, %(call_id)s,
            %(evidence)s)
)
UPDATE digitro.contact
   SET state = %(state)s, settled_at = %(now)s, reason = 'reconciled',
       call_id = coalesce(%(call_id)s, call_id),
       attempts = attempts * %(keeps)s::integer,
       failures = failures * %(keeps)s::integer
 WHERE campaign = %(campaign)s AND number = %(number)s
"""

_KNOWN_CALL: Final = f"""
SELECT 1 FROM digitro.contact
 WHERE campaign = %(campaign)s AND pabx = %(pabx)s AND call_id = %(call_id)s
UNION ALL {KNOWN_EARLIER}
"""  # noqa: S608 - our own texts


async def reconcile_contact(
    session: PostgresSession,
    campaign: int,
    *,
    contact: str | int | Personal,
    accepted: bool,
    evidence: str,
    now: float,
) -> Reconciliation:
    """Settle an unknown contact; see ``Ledger.reconcile``.

    Raises:
        LedgerError: If there is no evidence, no such contact, or it is too early.
        IllegalTransitionError: If the contact is not unknown.
    """
    number, state, sent_at, pabx = await find_contact(session, campaign, contact)
    if not accepted and await is_forgotten(session, campaign, number):
        raise forgotten_error(number)
    rows = await session.execute(_SETTINGS, (campaign, [QUARANTINE, CLOCK]))
    kept: dict[str, str] = dict(rows)
    step, becomes = decide(
        STATES[state],
        sent_at,
        kept.get(QUARANTINE),
        accepted=accepted,
        evidence=evidence,
        now=now,
        clock=kept.get(CLOCK),
        read=read_clock(),
    )
    values = {"pabx": pabx, "call_id": None, "evidence": evidence, "keeps": accepted}
    await _settle(session, campaign, number, (step, becomes), {**values, "now": now})
    return Reconciliation(number, becomes)


async def settle_seen(
    session: PostgresSession, campaign: int, number: int, seen: CallSeen, *, now: float
) -> Reconciliation:
    """Settle an unknown contact whose call was seen; see ``CallEnds.settle_seen``.

    Raises:
        LedgerError: If there is no such contact, or the call can't be its.
        IllegalTransitionError: If the contact is not unknown.
    """
    _, state, _, known_pabx = await find_contact(session, campaign, number)
    evidence, call_id = evidence_of(seen), stored_text(seen.call_id)
    taken = step_by_evidence(STATES[state], evidence, accepted=True)
    call = {"campaign": campaign, "pabx": seen.pabx, "call_id": call_id}
    known = await session.execute(_KNOWN_CALL, call)
    check_seen(known_pabx, seen.pabx, is_known=bool(known))
    values = {"pabx": seen.pabx, "call_id": call_id, "evidence": evidence}
    await _settle(
        session, campaign, number, taken, {**values, "keeps": True, "now": now}
    )
    return Reconciliation(number, taken[1])


async def _settle(
    session: PostgresSession,
    campaign: int,
    number: int,
    taken: tuple[Step, State],
    values: Mapping[str, object],
) -> None:
    step, becomes = taken
    await session.execute(
        _SETTLE,
        {
            "campaign": campaign,
            "number": number,
            "step": STEP_CODES[step],
            "state": STATE_CODES[becomes],
            **values,
        },
    )
