"""Intents, outcomes and ends of calls: all that wait are written by one statement."""

from collections.abc import Sequence
from typing import Any, Final

from digitro_async._common.reasons import PABX_REASONS, Failure
from digitro_async.errors import ClaimLostError, IllegalTransitionError
from digitro_async.ledger._codes import STATE_CODES, STATES, STEP_CODES
from digitro_async.ledger._state import (
    CLAIM_LOST,
    State,
    Step,
    claim_lost,
    next_state,
)
from digitro_async.ledger._stored_ends import END_VALUES
from digitro_async.ledger._write_jobs import OUTCOMES, Job, OnDone
from digitro_async.ledger.postgres._postgres_queries import GETS_END
from digitro_async.ledger.postgres._postgres_session import PostgresSession
from digitro_async.ledger.postgres._stored_texts import stored_text

__all__ = ["NOBODY", "CallBatch", "EndBatch", "outcome_job", "written_together"]

NOBODY: Final = 0
"""No owner has this number."""

_RECORD: Final = """
SELECT intended, settled, repeated FROM digitro.record_calls(
    %s, %s::bigint[], %s::integer[], %s::text[], %s::float8[],
    %s::bigint[], %s::integer[], %s::smallint[], %s::smallint[], %s::smallint[],
    %s::float8[], %s::text[], %s::text[], %s::text[])
"""

_FIND_STATES: Final = """
SELECT number, state FROM digitro.contact
 WHERE campaign = %s AND number = ANY (%s::bigint[])
"""

_FIND_OUTCOMES: Final = """
SELECT one.place, c.state
  FROM unnest(%s::bigint[], %s::integer[], %s::smallint[], %s::float8[])
       WITH ORDINALITY AS one (contact, owner, becomes, at, place)
  JOIN digitro.contact AS c ON c.campaign = %s AND c.number = one.contact
 WHERE c.owner = one.owner AND c.settled_at = one.at
   AND (c.state = one.becomes OR c.reason = 'repeated_call_id')
"""

_UNDO_INTENTS: Final = f"""
WITH meant AS (
    SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::float8[])
        AS one (contact, owner, at)
), undone AS (
    UPDATE digitro.contact AS c
       SET state = {STATE_CODES[State.PENDING]}, reason = '{Failure.CANCELLED}',
           settled_at = extract(epoch FROM clock_timestamp())
      FROM meant WHERE c.campaign = %s AND c.number = meant.contact
       AND c.owner = meant.owner AND c.sent_at = meant.at
       AND c.state = {STATE_CODES[State.INTENT]}
    RETURNING c.number, c.owner, c.pabx, c.settled_at
), noted AS (
    INSERT INTO digitro.event (contact, owner, step, at, pabx, reason, campaign)
    SELECT number, owner, {STEP_CODES[Step.NOT_PLACED]}, settled_at, pabx,
           '{Failure.CANCELLED}', %s FROM undone
)
UPDATE digitro.contact AS c SET state = {STATE_CODES[State.PENDING]}
  FROM meant WHERE c.campaign = %s AND c.number = meant.contact
   AND c.owner = meant.owner AND c.state = {STATE_CODES[State.CLAIMED]}
"""  # noqa: S608 - our own numbers
# An intent of which nobody said that it is durable was not sent: where it is durable,
# that is taken back, and the claim is given back either way.

_WRITE_ENDS: Final = f"""
INSERT INTO digitro.call_end AS e (intent, contact, campaign, {", ".join(END_VALUES)})
SELECT c.intent, c.number, c.campaign, one.disposition, nullif(one.word, ''),
       nullif(one.started_at, 0), nullif(one.rang_at, 0), nullif(one.answered_at, 0),
       nullif(one.ended_at, 0), nullif(one.pabx_times, ''), one.evidence
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::smallint[], %s::text[],
              %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::text[],
              %s::text[])
       AS one (contact, pabx, call_id, {", ".join(END_VALUES)})
  JOIN digitro.contact AS c ON c.campaign = %s AND c.number = one.contact
 WHERE {GETS_END} AND c.intent IS NOT NULL AND c.pabx = one.pabx
   AND c.call_id IS NOT DISTINCT FROM nullif(one.call_id, '')
    ON CONFLICT (intent) DO UPDATE
   SET {", ".join(f"{one} = excluded.{one}" for one in END_VALUES)}
 WHERE e.disposition = 12 AND excluded.disposition <> 12
"""  # noqa: S608 - our own names and numbers

_END_TEXTS: Final = (2, 4)
"""Places of the call id and the word of the PABX in a row of an end."""
_NO_INTENT: Final = "the contact has no open intent of this owner"
_LOST: Final = (
    "the connection to the ledger was lost before it said that this is noted: "
    "the contact is not called now, and may be claimed again"
)


def written_together(_: object, jobs: list[Job]) -> None:
    """Stand where another ledger has a function: the writer knows its jobs."""


def outcome_job(
    number: int,
    owner: int,
    step: Step,
    pabx: str,
    at: float,
    *,
    on_done: OnDone,
    call_id: str | None,
    reason: str | None,
) -> Job:
    """Return the job that writes an outcome.

    Raises:
        IllegalTransitionError: If no call ends in that step.
    """
    becomes = next_state(State.INTENT, step)
    counts = step is Step.NOT_PLACED and (reason or "") not in PABX_REASONS
    row = (
        *(number, owner, STEP_CODES[step], STATE_CODES[becomes], int(counts)),
        *(at, pabx, None if call_id is None else stored_text(call_id), reason),
    )
    return Job(OUTCOMES, written_together, row, on_done)


class CallBatch:
    """Intents and outcomes that share one statement.

    Args:
        intents: Jobs with rows of number, owner, PABX, time.
        outcomes: Jobs of ``outcome_job``.

    Attributes:
        failed: Intents that do not count, as a connection was lost.
    """

    def __init__(self, intents: Sequence[Job], outcomes: Sequence[Job]) -> None:
        self.intents = list(intents)
        self.outcomes = list(outcomes)
        self.failed: list[Job] = []

    @property
    def jobs(self) -> list[Job]:
        """All of them."""
        return [*self.intents, *self.outcomes]

    def alone(self) -> list["CallBatch"]:
        """Return each of them as one of its own."""
        return [
            *(CallBatch([one], []) for one in self.intents),
            *(CallBatch([], [one]) for one in self.outcomes),
        ]

    async def write(self, session: PostgresSession, campaign: int) -> None:
        """Write them, and leave a result or an error in each."""
        values = [campaign, *_columns(self.intents, 4), *_columns(self.outcomes, 9)]
        (found,) = await session.run(_RECORD, values)
        intended, settled, repeated = (set(places or ()) for places in found)
        lost = [job for n, job in enumerate(self.intents, 1) if n not in intended]
        if lost:
            await _tell_why(session, campaign, lost)
        for place, job in enumerate(self.outcomes, 1):
            if place in repeated:
                job.result = State.UNKNOWN
            elif place in settled:
                job.result = STATES[job.row[3]]
            else:
                job.error = IllegalTransitionError(_NO_INTENT, reason="no_intent")

    async def find_out(self, session: PostgresSession, campaign: int) -> bool:
        """Find out what of them is durable after a connection was lost.

        No intent counts of which nobody said that it is: nobody is called for it.

        Returns:
            Whether there is something left to be written.
        """
        if self.intents:
            numbers, owners, _, times = _columns(self.intents, 4)
            undone = (numbers, owners, times, campaign, campaign, campaign)
            await session.run(_UNDO_INTENTS, undone)
            for job in self.intents:
                job.error = ClaimLostError(_LOST, reason=CLAIM_LOST)
            self.failed, self.intents = self.intents, []
        if self.outcomes:
            numbers, owners, _, states, _, times, *_ = _columns(self.outcomes, 9)
            asked = (numbers, owners, states, times, campaign)
            for place, state in await session.run(_FIND_OUTCOMES, asked):
                self.outcomes[place - 1].result = STATES[state]
            self.outcomes = [job for job in self.outcomes if job.result is None]
        return bool(self.outcomes)


class EndBatch:
    """Ends of calls that share one statement.

    Args:
        jobs: Jobs with rows of ``row_of_end``.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = list(jobs)

    def alone(self) -> list["EndBatch"]:
        """Return each of them as one of its own."""
        return [EndBatch([one]) for one in self.jobs]

    async def write(self, session: PostgresSession, campaign: int) -> None:
        """Write them; one that no contact waits for changes nothing."""
        columns = _columns(self.jobs, 11)
        for place in _END_TEXTS:
            columns[place] = [stored_text(text) for text in columns[place]]
        await session.run(_WRITE_ENDS, [*columns, campaign])

    async def find_out(self, session: PostgresSession, campaign: int) -> bool:  # noqa: ARG002
        """Return True: to write them once more changes nothing."""
        return True


async def _tell_why(
    session: PostgresSession, campaign: int, lost: Sequence[Job]
) -> None:
    """Leave in each intent that could not be recorded why that is so."""
    numbers = [job.row[0] for job in lost]
    codes: dict[int, int] = dict(await session.run(_FIND_STATES, (campaign, numbers)))
    for job in lost:
        code = codes.get(job.row[0])
        job.error = claim_lost(None if code is None else STATES[code])


def _columns(jobs: Sequence[Job], count: int) -> list[list[Any]]:
    """Return the values of rows, column by column."""
    if not jobs:
        return [[] for _ in range(count)]
    return [list(column) for column in zip(*(job.row for job in jobs), strict=True)]
