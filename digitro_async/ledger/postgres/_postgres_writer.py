"""Writes a ledger by one connection: all jobs that wait share one statement.

A commit with its sync costs about the same for one row as for a hundred. Whoever hands
a job over may be cancelled at any moment: it is written all the same.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol, Self

import psycopg

from digitro_async.errors import DigitroError, LedgerError
from digitro_async.ledger._state import State
from digitro_async.ledger._write_jobs import (
    CALLS,
    ENDS,
    INTENTS,
    OUTCOMES,
    AwaitedJob,
    Job,
    answer_all,
)
from digitro_async.ledger.postgres._call_batches import (
    CallBatch,
    EndBatch,
    written_together,
)
from digitro_async.ledger.postgres._call_in_transaction import OneCall
from digitro_async.ledger.postgres._postgres_errors import (
    is_bad_value,
    is_conflict,
    problem_of,
    write_failed,
)
from digitro_async.ledger.postgres._postgres_session import (
    PostgresSession,
    SessionLostError,
)

__all__ = ["PostgresWriter", "Reconnect"]

Reconnect = Callable[[PostgresSession], Awaitable[PostgresSession]]
"""Returns another session in place of one that was lost, once nothing of that one can
happen any more; raises ``LedgerError`` where there is none in time."""

LOOK_SECONDS: Final = 0.001
MOST_LOOKS: Final = 4
ENOUGH_JOBS: Final = 60
"""A first job waits for others to share its statement: while more of them come, until
they are enough; 4 ms at most."""

MOST_JOBS: Final = 2_000
"""Jobs of one statement."""

_TRIES: Final = 10
"""Times that the same is tried where others changed the same rows meanwhile."""


class _Batch(Protocol):
    """Jobs that are written together."""

    @property
    def jobs(self) -> list[Job]: ...

    def alone(self) -> Sequence[Self]: ...

    async def write(self, session: PostgresSession, campaign: int) -> None: ...

    async def find_out(self, session: PostgresSession, campaign: int) -> bool: ...


class PostgresWriter:
    """Writes the jobs of one campaign, in a task of the loop.

    Args:
        session: The connection; it is closed with the writer.
        campaign: The database's number of the campaign.
        name: Name of the ledger, for error texts.
        reconnect: Gives another connection where one is lost.

    Attributes:
        on_loss: Called where nothing can be written any more.
        statements: Statements that were sent by connections of before.
    """

    def __init__(
        self,
        session: PostgresSession,
        campaign: int,
        *,
        name: str,
        reconnect: Reconnect,
    ) -> None:
        self.on_loss: Callable[[LedgerError], None] | None = None
        self._session = session
        self._campaign = campaign
        self._name = name
        self._reconnect = reconnect
        self._loop = asyncio.get_running_loop()
        self._jobs: list[Job] = []
        self._wake = asyncio.Event()
        self._broken: LedgerError | None = None
        self._closing = False
        self._earlier_statements = 0
        self._task = asyncio.create_task(self._run(), name=f"ledger {name}")

    @property
    def is_open(self) -> bool:
        """Whether jobs are taken."""
        return not self._closing

    @property
    def statements(self) -> int:
        """Statements that were sent."""
        return self._earlier_statements + self._session.statements

    def write(self, act: Callable[[PostgresSession], Any]) -> asyncio.Future[Any]:
        """Hand over a function of the connection; the future is set once it is durable.

        Raises:
            LedgerError: If it is closed; through the future, if it can't be written.
        """
        done = self._loop.create_future()
        self.put(Job(CALLS, written_together, act, done))
        return done

    def write_intent(self, row: Any) -> AwaitedJob:
        """Hand an intent over that one task awaits.

        Raises:
            LedgerError: If it is closed; to who awaits it, if it can't be written.
        """
        job = AwaitedJob(INTENTS, written_together, row, self._loop)
        self.put(job)
        return job

    def put(self, job: Job) -> None:
        """Hand a job over.

        Raises:
            LedgerError: If it is closed.
        """
        if self._closing:
            raise LedgerError(f"{self._name} is not open", reason="closed")
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self._wake.set()

    async def close(self, last: Callable[[PostgresSession], Any]) -> None:
        """Write the waiting jobs and one more, and close the connection.

        Args:
            last: A function of the connection; its failure is nobody's.
        """
        if not self._closing:
            self._jobs.append(Job(CALLS, written_together, last, None))
            self._closing = True
            self._wake.set()
        await asyncio.wait({self._task})

    async def abort(self) -> None:
        """Close the connection at once; nothing that waits is written."""
        self._closing = True
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            while self._jobs or not self._closing:
                self._wake.clear()
                if not self._jobs:
                    await self._wake.wait()
                    continue
                await self._wait_for_others()
                jobs = self._jobs[:MOST_JOBS]
                del self._jobs[: len(jobs)]
                await self._write(jobs)
        finally:
            self._closing = True
            late, self._jobs = self._jobs, []
            for job in late:
                job.error = write_failed(self._name, "it is closed")
            self._loop.call_soon(answer_all, late)
            await self._session.close()

    async def _wait_for_others(self) -> None:
        for _ in range(MOST_LOOKS):
            before = len(self._jobs)
            if before >= ENOUGH_JOBS or self._closing:
                return
            await asyncio.sleep(LOOK_SECONDS)
            if len(self._jobs) == before:
                return

    async def _write(self, jobs: list[Job]) -> None:
        """Write jobs in the order of their phases, and tell what came of each."""
        phases: dict[int, list[Job]] = {INTENTS: [], OUTCOMES: [], CALLS: [], ENDS: []}
        for job in jobs:
            phases[job.phase].append(job)
        calls = [*phases[INTENTS], *phases[OUTCOMES]]
        if calls:
            batch = CallBatch(phases[INTENTS], phases[OUTCOMES])
            await self._write_and_answer(batch, calls)
        for job in phases[CALLS]:
            await self._write_and_answer(OneCall(job), [job])
        if phases[ENDS]:
            await self._write_and_answer(EndBatch(phases[ENDS]), phases[ENDS])

    async def _write_and_answer(self, batch: _Batch, jobs: list[Job]) -> None:
        await self._write_batch(batch)
        # Not here: an answer runs the task that waits for it.
        self._loop.call_soon(answer_all, jobs)

    async def _write_batch(self, batch: _Batch) -> None:
        if self._broken is None:
            try:
                await self._write_or_reconnect(batch)
            except DigitroError as error:
                self._break(LedgerError(str(error.args[0]), reason=error.reason))
            except Exception as error:  # noqa: BLE001 - nobody may wait for ever
                self._break(write_failed(self._name, problem_of(error)))
            else:
                return
        for job in batch.jobs:
            # An outcome that was found to be durable has a state.
            if job.error is None and not isinstance(job.result, State):
                job.error = self._failure()

    async def _write_or_reconnect(self, batch: _Batch) -> None:
        conflicts = 0
        while True:
            try:
                await batch.write(self._session, self._campaign)
            except (SessionLostError, psycopg.errors.QueryCanceled):
                if not await self._go_on(batch):
                    return
            except (psycopg.Error, TypeError, ValueError, OverflowError) as error:
                conflicts += 1
                if is_conflict(error) and conflicts < _TRIES:
                    await asyncio.sleep(0.01 * conflicts)
                elif len(batch.jobs) > 1:
                    for one in batch.alone():
                        await self._write_or_reconnect(one)
                    return
                elif is_bad_value(error):
                    text = f"a value can't be stored: {problem_of(error)}"
                    batch.jobs[0].error = LedgerError(text, reason="bad_value")
                    return
                else:
                    raise
            else:
                return

    async def _go_on(self, batch: _Batch) -> bool:
        """Connect again; return whether some of a batch is left to be written.

        No intent that waits counts either: when its call were sent, long after, nobody
        would know until when it may be delivered.
        """
        while True:
            lost = self._session
            self._earlier_statements += lost.statements
            lost.statements = 0
            self._session = await self._reconnect(lost)
            waiting = CallBatch([job for job in self._jobs if job.phase == INTENTS], [])
            with contextlib.suppress(SessionLostError):
                await waiting.find_out(self._session, self._campaign)
                self._jobs = [job for job in self._jobs if job.error is None]
                self._loop.call_soon(answer_all, waiting.failed)
                return await batch.find_out(self._session, self._campaign)

    def _break(self, failure: LedgerError) -> None:
        """Write no more."""
        self._broken = failure
        if self.on_loss is not None:
            self._loop.call_soon(self.on_loss, self._failure())

    def _failure(self) -> LedgerError:
        """Return the error that every write of a broken ledger ends in."""
        text, reason = "", ""
        if self._broken is not None:
            text, reason = str(self._broken.args[0]), self._broken.reason
        return LedgerError(text, reason=reason)
