"""A campaign in PostgreSQL that came back from a backup, while it is settled."""

from collections.abc import Collection
from typing import Final

from digitro_async.ledger._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._records import storable
from digitro_async.ledger._state import RESTORED, TRANSITIONS, State, Step
from digitro_async.ledger._written_ids import ids_written_as
from digitro_async.ledger.transfer._postgres_copy import PostgresEnd
from digitro_async.ledger.transfer._restored_ledger import LaterOutcome
from digitro_async.privacy import Personal

__all__ = ["PostgresRestored"]

_CODES = ", ".join(
    str(STATE_CODES[state]) for state, step in TRANSITIONS if step is Step.RESTORE
)
_UNKNOWN, _PENDING = STATE_CODES[State.UNKNOWN], STATE_CODES[State.PENDING]
_ACCEPTED, _INVALID = STATE_CODES[State.ACCEPTED], STATE_CODES[State.INVALID]

_DOUBT: Final = f"""
WITH found AS (
    SELECT number, pabx FROM digitro.contact
     WHERE campaign = %(c)s AND state IN ({_CODES})
       AND NOT EXISTS (SELECT FROM left_open WHERE left_open.number = contact.number)
), noted AS (
    INSERT INTO digitro.event (campaign, contact, step, at, pabx, reason)
    SELECT %(c)s, number, {STEP_CODES[Step.RESTORE]}, %(now)s, pabx, %(reason)s
      FROM found ORDER BY number
    RETURNING contact, sequence
), changed AS (
    -- What is known of the last attempt is not known of the one that may have been.
    UPDATE digitro.contact SET state = {_UNKNOWN}, reason = %(reason)s,
           sent_at = %(now)s, settled_at = %(now)s,
           intent = CASE WHEN EXISTS (
               SELECT FROM digitro.attempt AS a
                WHERE a.campaign = %(c)s AND a.contact = noted.contact)
               THEN noted.sequence ELSE intent END
      FROM noted WHERE campaign = %(c)s AND contact.number = noted.contact
    RETURNING 1
)
SELECT count(*) FROM changed
"""  # noqa: S608 - numbers of our own

_FINISH: Final = f"""
WITH changed AS (
    UPDATE digitro.contact SET state = {_INVALID}, reason = %(reason)s,
           settled_at = %(now)s
     WHERE campaign = %(c)s AND number = %(number)s AND state = {_PENDING}
    RETURNING number
), noted AS (
    INSERT INTO digitro.event (campaign, contact, step, at, reason)
    SELECT %(c)s, number, {STEP_CODES[Step.INVALIDATE]}, %(now)s, %(reason)s
      FROM changed
)
SELECT count(*) FROM changed
"""  # noqa: S608 - numbers of our own

_ACCEPT: Final = f"""
WITH changed AS (
    UPDATE digitro.contact SET state = {_ACCEPTED}, reason = 'reconciled',
           settled_at = %(now)s, pabx = %(pabx)s, call_id = %(call_id)s,
           sent_at = coalesce(%(sent_at)s, sent_at)
     WHERE campaign = %(c)s AND number = %(number)s
    RETURNING number
)
INSERT INTO digitro.event (campaign, contact, step, at, pabx, call_id, reason)
SELECT %(c)s, number, {STEP_CODES[Step.RECONCILE_ACCEPTED]}, %(now)s, %(pabx)s,
       %(call_id)s, %(evidence)s FROM changed
"""  # noqa: S608 - numbers of our own


class PostgresRestored:
    """A campaign that is being settled. See ``RestoredLedger``.

    Args:
        end: The campaign, open.
    """

    def __init__(self, end: PostgresEnd) -> None:
        self._end = end

    def begin(self) -> None:
        """Begin the change. See ``RestoredLedger``."""
        self._end.begin_settling()

    def is_contact(self, number: int, own_id: Personal | None) -> bool:
        """Whether both are those of one contact. See ``RestoredLedger``."""
        rows = self._end.ask(
            "SELECT id FROM digitro.person"
            " WHERE campaign = %(c)s AND number = %(number)s",
            {"number": number},
        )
        if not rows:
            return False
        [(known,)] = rows
        if own_id is None or known is None:
            return own_id is None and known is None
        return str(known) in ids_written_as(own_id.reveal())

    def doubt_open(self, but: Collection[int], now: float) -> int:
        """Make contacts unknown that are not final. See ``RestoredLedger``."""
        end = self._end
        end.ask("CREATE TEMPORARY TABLE left_open (number bigint) ON COMMIT DROP")
        end.ask(
            "INSERT INTO left_open SELECT unnest(%(but)s::bigint[])", {"but": list(but)}
        )
        end.ask("CREATE INDEX ON left_open (number)")
        end.ask("ANALYZE left_open")
        [(found,)] = end.ask(_DOUBT, {"now": now, "reason": RESTORED})
        return int(found)

    def finish(self, number: int, reason: str, now: float) -> bool:
        """Make a pending contact invalid. See ``RestoredLedger``."""
        values = {"number": number, "reason": reason, "now": now}
        [(found,)] = self._end.ask(_FINISH, values)
        return bool(found)

    def accept(
        self, outcome: LaterOutcome, evidence: str, now: float
    ) -> tuple[State, str]:
        """Make a contact accepted, if it is unknown. See ``RestoredLedger``."""
        call_id = None if outcome.call_id is None else storable(outcome.call_id)
        values = {
            "number": outcome.number,
            "pabx": outcome.pabx,
            "call_id": call_id,
            "sent_at": outcome.sent_at,
            "evidence": evidence,
            "now": now,
        }
        [(code, is_known)] = self._end.ask(
            "SELECT state, EXISTS (SELECT FROM digitro.contact AS other"
            "       WHERE other.campaign = %(c)s AND other.pabx = %(pabx)s"
            "         AND other.call_id = %(call_id)s"
            "         AND other.number <> contact.number"
            "       UNION ALL SELECT FROM digitro.attempt AS earlier"
            "       WHERE earlier.campaign = %(c)s AND earlier.pabx = %(pabx)s"
            "         AND earlier.call_id = %(call_id)s"
            "         AND earlier.contact <> contact.number)"
            "  FROM digitro.contact WHERE campaign = %(c)s AND number = %(number)s",
            values,
        )
        state = STATES[code]
        if state is State.ACCEPTED:
            return state, ""
        if state is not State.UNKNOWN:
            return state, f"is {state} in the ledger, and accepted in the results"
        if is_known:
            return state, "has a call id in the results that is another contact's"
        self._end.ask(_ACCEPT, values)
        return state, ""

    def commit(self) -> None:
        """Make the change durable. See ``RestoredLedger``."""
        self._end.commit(None, None)
