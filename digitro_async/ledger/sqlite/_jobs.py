"""Jobs of the writing thread, and how many of them become one commit."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from digitro_async.errors import DigitroError
from digitro_async.ledger.sqlite._connections import BAD_VALUES, bad_value

__all__ = [
    "CALLS",
    "ENDS",
    "INTENTS",
    "OUTCOMES",
    "BatchConflictError",
    "Job",
    "OnDone",
    "Write",
    "by_phase",
    "commit",
    "roll_back",
    "run_calls",
]

Write = Callable[[sqlite3.Connection, list["Job"]], None]
"""Writes jobs of one kind together, and leaves a result or an error in each."""


INTENTS, OUTCOMES, CALLS, ENDS = range(4)
"""Phases of one commit: a contact's own steps can only come in this order."""

OnDone = asyncio.Future[Any] | Callable[[DigitroError | None, Any], None]
"""Set in the loop, or called there, with a job's error or result."""


class BatchConflictError(Exception):
    """Raised where one of several jobs can't be written: each is tried alone then."""


class Job:
    """A change to be written.

    Args:
        phase: Jobs of one commit are written in the order of this number.
        write: Writes it, together with all others of its phase.
        row: The values that are written.
        on_done: Set in the loop once it is durable; or called there, with the error or
            the result.

    Attributes:
        result: The result of writing it.
        error: Why it could not be written.
    """

    # Jobs are made twice for every call: a value that most never set stands here.
    result: Any = None
    error: DigitroError | None = None

    def __init__(self, phase: int, write: Write, row: Any, on_done: OnDone) -> None:
        self.phase = phase
        self.write = write
        self.row = row
        self.on_done = on_done


def by_phase(jobs: list[Job]) -> list[list[Job]]:
    """Return the jobs that are written together, in order."""
    phases: dict[int, list[Job]] = {}
    for job in jobs:
        phases.setdefault(job.phase, []).append(job)
    return [phases[phase] for phase in sorted(phases)]


def commit(connection: sqlite3.Connection, jobs: list[list[Job]]) -> None:
    """Write all jobs in one transaction; one that does not fit fails alone."""
    try:
        _write_and_commit(connection, jobs)
    except BatchConflictError:
        connection.execute("ROLLBACK")
        _write_and_commit(connection, [[job] for several in jobs for job in several])


def run_calls(connection: sqlite3.Connection, jobs: list[Job]) -> None:
    """Write jobs that are functions of the connection."""
    for job in jobs:
        connection.execute("SAVEPOINT call")
        try:
            job.result = job.row(connection)
        except DigitroError as error:
            job.error = error.with_traceback(None)  # its frames hold what was asked
        except BAD_VALUES as error:
            job.error = bad_value(error)
        if job.error is not None:
            connection.execute("ROLLBACK TO call")
        connection.execute("RELEASE call")


def roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction that failed, if that can be done."""
    try:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    except sqlite3.Error:
        pass  # the first error is the one that is told


def _write_and_commit(connection: sqlite3.Connection, jobs: list[list[Job]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for several in jobs:
        several[0].write(connection, several)
    connection.execute("COMMIT")
