"""A connection to a ledger's database, each statement of which has a time limit.

The limit is kept on this side: a server, or the way to it, that says nothing any more
is found out by nobody else. What hangs is ended by shutting the socket, as psycopg's
own way of ending a statement waits for the server.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final, Self, TypeVar

import attrs
import psycopg

from digitro_async.errors import LedgerError
from digitro_async.ledger.postgres._server_address import ServerAddress

__all__ = [
    "OLDEST_SERVER",
    "STANDING",
    "Backend",
    "PostgresSession",
    "Row",
    "SessionLostError",
    "backend_of",
    "cut_off",
    "session_query",
]

_Result = TypeVar("_Result")

Row = tuple[Any, ...]
Values = Sequence[Any] | Mapping[str, Any]

OLDEST_SERVER: Final = 130_000
"""PostgreSQL 13."""

_GRACE: Final = 1.0
"""Seconds by which the server's own limit is below ours: its word is worth more."""

_SET_UP: Final = """
SELECT set_config('statement_timeout', %(limit)s, false),
       set_config('idle_in_transaction_session_timeout', %(limit)s, false),
       set_config('jit', 'off', false),
       set_config('enable_seqscan', %(scans)s, false),
       set_config('enable_hashjoin', %(scans)s, false),
       set_config('enable_mergejoin', %(scans)s, false)
"""
# A plan that is made while a campaign is empty is kept when it has a million contacts:
# who writes always finds its rows by an index.

STANDING: Final = """
SELECT current_setting('server_version_num')::integer,
       current_setting('server_encoding'), current_setting('synchronous_commit'),
       pg_is_in_recovery(), pid, backend_start
  FROM pg_stat_activity WHERE pid = pg_backend_pid()
"""


def _close_late(opening: "asyncio.Future[psycopg.AsyncConnection[Row]]") -> None:
    """Close a connection that came after nobody waited for it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().pgconn.finish()


class SessionLostError(Exception):
    """Raised where a connection is lost, or was cut off as nothing came in time."""


@attrs.frozen
class Backend:
    """The server's side of a connection, as it is known to the server.

    Attributes:
        process: Its process id.
        began_at: When it began, as the server writes that.
    """

    process: int
    began_at: Any


def session_query(limit: float, *, writes: bool) -> tuple[str, Mapping[str, Any]]:
    """Return the statement that sets a connection up.

    Args:
        limit: Most seconds of a statement.
        writes: Whether it is the one that writes.
    """
    milliseconds = max(int((limit - _GRACE) * 1000), 1)
    return _SET_UP, {"limit": str(milliseconds), "scans": "off" if writes else "on"}


def backend_of(row: Row, name: str, *, writes: bool) -> Backend:
    """Return the server's side of a connection that may be used.

    Args:
        row: What ``STANDING`` gave.
        name: Name of the ledger.
        writes: Whether it is the one that writes.

    Raises:
        LedgerError: If the server can't keep a ledger as it is set.
    """
    version, encoding, commits, is_standby, process, began_at = row
    problem = ""
    if version < OLDEST_SERVER:
        problem = f"PostgreSQL is {version // 10_000}; a ledger needs 13"
    elif encoding != "UTF8":
        problem = f"the encoding of the database is {encoding}; a ledger needs UTF8"
    elif writes and is_standby:
        problem = "it is a standby, which can only be read: give the primary's address"
    elif writes and commits in ("off", "local"):
        problem = (
            f"synchronous_commit is {commits}, so the server says that a call is noted "
            "before it is: set it to on, also where it is set for the database or the "
            "role (ALTER DATABASE ... RESET, ALTER ROLE ... RESET)"
        )
    if problem:
        raise LedgerError(f"{name} can't be used: {problem}", reason="unsafe_server")
    return Backend(process, began_at)


def cut_off(connection: "psycopg.BaseConnection[Any]") -> None:
    """Shut the socket of a connection, so that whoever waits for it is told."""
    with contextlib.suppress(OSError, psycopg.Error):
        descriptor = os.dup(connection.fileno())
        with socket.socket(fileno=descriptor) as one:
            one.shutdown(socket.SHUT_RDWR)


class PostgresSession:
    """A connection in autocommit mode.

    Attributes:
        backend: The server's side of it.
        statements: Statements that were sent.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Row], limit: float) -> None:
        self._connection = connection
        self._limit = limit
        self.backend: Backend = Backend(0, None)
        self.statements: int = 0

    @classmethod
    async def open(cls, address: ServerAddress, limit: float, *, writes: bool) -> Self:
        """Connect.

        Args:
            address: The address.
            limit: Most seconds of a statement.
            writes: Whether something will be written.

        Raises:
            SessionLostError: If the connection is lost at once.
            LedgerError: If the server can't keep a ledger as it is set.
            psycopg.Error: If it can't be reached.
            TimeoutError: If it does not answer in time.
        """
        opening = asyncio.ensure_future(
            psycopg.AsyncConnection.connect(address.conninfo.reveal(), autocommit=True)
        )
        done: set[asyncio.Future[psycopg.AsyncConnection[Row]]] = set()
        try:
            done, _ = await asyncio.wait({opening}, timeout=limit)
        finally:
            if not done:
                opening.add_done_callback(_close_late)
                opening.cancel()
        if not done:
            raise TimeoutError
        session = cls(opening.result(), limit)
        try:
            await session.run(*session_query(limit, writes=writes))
            (row,) = await session.run(STANDING)
            session.backend = backend_of(row, address.name, writes=writes)
        except BaseException:
            await session.close()
            raise
        return session

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return not self._connection.closed and not self._connection.broken

    async def run(self, statement: str, values: Values | None = None) -> list[Row]:
        """Run a statement and return its rows.

        Raises:
            SessionLostError: If the connection is lost, or the time is over.
            psycopg.Error: If PostgreSQL refuses it.
        """
        return await self.within(self._run(statement, values))

    async def within(
        self, work: Coroutine[Any, Any, _Result], limit: float | None = None
    ) -> _Result:
        """Return the result of work with the connection, within a time limit.

        Args:
            work: The work.
            limit: Most seconds of it; as of any statement for None.

        Raises:
            SessionLostError: If the connection is lost, or the time is over.
            psycopg.Error: If PostgreSQL refuses something.
        """
        task = asyncio.ensure_future(work)
        try:
            done, _ = await asyncio.wait({task}, timeout=limit or self._limit)
            if not done:
                cut_off(self._connection)
                await asyncio.wait({task}, timeout=_GRACE)
        finally:
            if not task.done():
                cut_off(self._connection)
                task.cancel()
        if not task.done():
            raise SessionLostError
        try:
            return task.result()
        except psycopg.Error:
            if self.is_open:
                raise
        raise SessionLostError

    async def execute(self, statement: str, values: Values | None = None) -> list[Row]:
        """Run a statement inside of work that has a time limit; see ``within``."""
        return await self._run(statement, values)

    def transaction(self) -> "contextlib.AbstractAsyncContextManager[Any]":
        """Return a block that is committed at its end, or rolled back."""
        self.statements += 2
        return self._connection.transaction()

    @property
    def connection(self) -> psycopg.AsyncConnection[Row]:
        """The connection itself."""
        return self._connection

    async def close(self) -> None:
        """Close it."""
        with contextlib.suppress(psycopg.Error):
            await self._connection.close()

    async def _run(self, statement: str, values: Values | None) -> list[Row]:
        self.statements += 1
        cursor = await self._connection.execute(statement, values)
        return [] if cursor.description is None else await cursor.fetchall()
