"""Notes in a database which runs dialled it that share no caps, and until when.

Workers hear of each other's slots by what they report. A run that shares no caps
reports none, so the workers after it go by the events of its calls, as the next such
run does.
"""

from typing import Final

from digitro_async.ledger._reconciliation import QUARANTINE
from digitro_async.ledger.postgres._postgres_session import PostgresSession

__all__ = ["end_lone_runs", "note_lone_run", "read_lone_run"]

_NAME: Final = "dialled_alone"
"""Name of a campaign's setting: ``begun``, or when the run was over, a Unix time."""

_LONGEST_WINDOW: Final = 86_400.0
"""Seconds of the longest window of a cap for which such runs are remembered: a cap may
count whole days. A worker that goes by them needlessly begins one window later."""

_NOTE: Final = """
INSERT INTO digitro.setting (campaign, name, value) VALUES (%s, %s, 'begun')
    ON CONFLICT (campaign, name) DO UPDATE SET value = excluded.value
"""
_END: Final = """
UPDATE digitro.setting SET value = extract(epoch FROM clock_timestamp())::text
 WHERE name = %s AND value = 'begun'
"""
_READ: Final = """
SELECT max(value::float8), extract(epoch FROM clock_timestamp())::float8,
       (SELECT max(value::float8) FROM digitro.setting WHERE name = %s)
  FROM digitro.setting WHERE name = %s AND value <> 'begun'
"""


async def note_lone_run(session: PostgresSession, campaign: int) -> None:
    """Note that a run dials that shares no caps: it has the lock of who dials.

    Args:
        session: The connection that has the lock.
        campaign: The database's number of its campaign.
    """
    await session.execute(_NOTE, (campaign, _NAME))


async def end_lone_runs(session: PostgresSession) -> None:
    """Note that each run that shares no caps is over by now, also one that broke off.

    Args:
        session: A connection that has the lock of who dials.
    """
    await session.execute(_END, (_NAME,))


async def read_lone_run(session: PostgresSession) -> float | None:
    """Return when the last run that shared no caps was over; None where it is long ago.

    No call of one that is over for so long can be counted by a PABX any more.

    Args:
        session: A connection that has the lock of who dials.
    """
    await end_lone_runs(session)
    ((ended, now, quarantine),) = await session.execute(_READ, (QUARANTINE, _NAME))
    if ended is None or now - ended > _LONGEST_WINDOW + (quarantine or 0.0):
        return None
    return float(ended)
