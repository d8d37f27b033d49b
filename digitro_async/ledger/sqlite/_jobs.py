"""How many jobs of the writing thread become one commit."""

import sqlite3

from digitro_async.errors import DigitroError
from digitro_async.ledger._write_jobs import BatchConflictError, Job
from digitro_async.ledger.sqlite._connections import BAD_VALUES, bad_value

__all__ = ["commit", "roll_back", "run_calls"]


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
