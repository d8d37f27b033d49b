"""PostgresBeats: signs of life to a PostgreSQL database, over its own connection."""

import asyncio
import json
import os
import socket
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from digitro_async._common.waiting import within
from digitro_async.errors import LedgerError
from digitro_async.ledger.postgres._postgres_errors import problem_of
from digitro_async.privacy import Secret
from digitro_async.workers._beat_port import BeatLostError

__all__ = ["PostgresBeats"]

_SECONDS: Final = 1.0
"""Seconds by which the server's own limit is below ours, so that it tells."""

_Connection = psycopg.AsyncConnection[tuple[Any, ...]]


class PostgresBeats:
    """The functions of ``0002_shared_caps.sql``, each within a time.

    One connection is kept, and made anew after each failure.

    Args:
        conninfo: How to connect: an address, or libpq's words.
        timeout: Most seconds of one statement, the connecting included.
    """

    def __init__(self, conninfo: Secret | str, *, timeout: float) -> None:
        self._conninfo = conninfo if isinstance(conninfo, Secret) else Secret(conninfo)
        self._timeout = timeout
        self._connection: _Connection | None = None

    async def enroll(
        self, name: str, lease: float, about: Mapping[str, Any], pabx: Mapping[str, str]
    ) -> int:
        """Enter a worker and return its number. See ``BeatStore``."""
        values = (name, lease, _jsonb(about), _jsonb(pabx))
        number = await self._ask("SELECT digitro.enroll(%s, %s, %s, %s)", values)
        return int(number)

    async def beat(
        self, number: int, sequence: int, report: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Give a worker's report and return what holds. See ``BeatStore``."""
        values = (number, sequence, _jsonb(report))
        reply: Mapping[str, Any] = await self._ask(
            "SELECT digitro.beat(%s, %s, %s)", values
        )
        return reply

    async def leave(self, number: int, report: Mapping[str, Any]) -> None:
        """Let a worker go. See ``BeatStore``."""
        await self._ask("SELECT digitro.leave(%s, %s)", (number, _jsonb(report)))

    async def aclose(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _ask(self, statement: str, values: tuple[Any, ...]) -> Any:
        """Run a statement and return its only value.

        Raises:
            BeatLostError: If no answer came.
        """
        problem = "the database does not answer in time"
        try:
            return await within(self._timeout, self._run(statement, values))
        except TimeoutError:
            pass
        except psycopg.Error as error:  # its text may hold the address
            problem = f"the database: {problem_of(error)}"
        except LedgerError as error:
            problem = str(error)
        self._cut_off()
        raise BeatLostError(problem)

    async def _run(self, statement: str, values: tuple[Any, ...]) -> Any:
        if self._connection is None:
            self._connection = await self._connect()
        cursor = await self._connection.execute(statement.encode(), values)
        row = await cursor.fetchone()
        return None if row is None else row[0]

    async def _connect(self) -> _Connection:
        connection = await psycopg.AsyncConnection.connect(
            self._conninfo.reveal(), autocommit=True
        )
        limit = int(max(self._timeout - _SECONDS, self._timeout / 2) * 1000)
        found = await connection.execute(
            "SELECT set_config('statement_timeout', %s, false),"
            " current_setting('synchronous_commit')",
            (str(limit),),
        )
        row = await found.fetchone()
        if row is not None and row[1] in ("off", "local"):
            await connection.close()
            raise LedgerError(
                f"synchronous_commit is {row[1]}: a crash of the database would allot "
                "slots twice",
                reason="unsafe_server",
            )
        return connection

    def _cut_off(self) -> None:
        """End the connection without a word, as the server may not listen."""
        connection, self._connection = self._connection, None
        if connection is None or connection.closed:
            return
        descriptor = os.dup(connection.pgconn.socket)
        with socket.socket(fileno=descriptor) as one:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is gone
                return
        closing = asyncio.ensure_future(connection.close())
        closing.add_done_callback(_forget)


def _forget(task: "asyncio.Future[None]") -> None:
    if not task.cancelled():
        task.exception()


def _jsonb(value: Mapping[str, Any]) -> Jsonb:
    return Jsonb(value, dumps=json.dumps)
