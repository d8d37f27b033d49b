"""WorkerDatabase: one connection by which a worker asks whether the database lives."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from digitro_async._common.text import printable
from digitro_async._common.waiting import within
from digitro_async.errors import LedgerError
from digitro_async.ledger._provenance import (
    PROVENANCE,
    Provenance,
    check_provenance,
)
from digitro_async.ledger.postgres._postgres_errors import problem_of
from digitro_async.ledger.postgres._postgres_migrations import migrate
from digitro_async.ledger.postgres._postgres_session import STANDING, backend_of

__all__ = ["WorkerDatabase"]

_WITH_WORK: Final = """
SELECT c.name
  FROM digitro.campaign AS c JOIN digitro.tally AS t ON t.campaign = c.number
 GROUP BY c.number, c.name
HAVING sum(t.pending) + sum(t.claimed) + sum(t.intent) > 0
 ORDER BY c.number"""
_PROVENANCES: Final = f"""
SELECT c.name, s.value
  FROM digitro.campaign AS c JOIN digitro.setting AS s ON s.campaign = c.number
 WHERE s.name = '{PROVENANCE}'"""  # noqa: S608 - a constant


class WorkerDatabase:
    """Asks the database for a sign of life, and for the campaigns with work.

    Args:
        url: ``postgresql://…``; its password is shown nowhere.
        answer: Longest time of one question, in seconds.
    """

    def __init__(self, url: str, *, answer: float) -> None:
        self._url = url
        self._answer = answer
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._asking = asyncio.Lock()

    def __repr__(self) -> str:
        return "<WorkerDatabase>"

    async def prepare(self, campaigns: Sequence[str] = ()) -> None:
        """Bring the schema up to date, and refuse what can't be dialled as it is.

        Args:
            campaigns: Names of campaigns that must all be ones that may be dialled;
                where there are none, one of those with work must be.

        Raises:
            LedgerError: If the server can't keep a ledger as it is set, a newer version
                made the schema, a campaign may not be dialled, or no answer came.
        """
        (row,) = await self._ask(STANDING)
        backend_of(row, "the database", writes=True)
        if self._connection is not None:
            await migrate(self._connection)
        await self._ask("SELECT digitro.check_home()")
        settings = dict(await self._ask(_PROVENANCES))
        if not campaigns:
            listed = await self.campaigns_with_work()
            campaigns = listed if settings.keys() >= set(listed) else ()
        for name in campaigns:
            found = Provenance.of_setting(settings.get(name))
            check_provenance(found, f"campaign {printable(name)}")

    async def campaigns_with_work(self) -> Sequence[str]:
        """Return the names of the campaigns in which something is left to be dialled.

        Raises:
            LedgerError: If the database did not answer in time.
        """
        return [name for (name,) in await self._ask(_WITH_WORK)]

    async def close(self) -> None:
        """Leave the database, without waiting for it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, TimeoutError):
                await within(1.0, connection.close())

    async def _ask(self, question: str) -> list[tuple[Any, ...]]:
        async with self._asking:
            # One that is still waited for when the time is over is used no more.
            connection, self._connection = self._connection, None
            problem = f"did not answer in {self._answer:g} s"
            try:
                found = await within(self._answer, self._rows(connection, question))
            except psycopg.Error as error:
                problem = f"can't be asked: {problem_of(error)}"
            except (TimeoutError, OSError):
                pass
            else:
                self._connection, rows = found
                return rows
        raise LedgerError(f"the database {problem}", reason="no_answer")

    async def _rows(
        self,
        connection: psycopg.AsyncConnection[tuple[Any, ...]] | None,
        question: str,
    ) -> tuple[psycopg.AsyncConnection[tuple[Any, ...]], list[tuple[Any, ...]]]:
        if connection is None:
            connection = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, application_name="digitro worker"
            )
        try:
            cursor = await connection.execute(question.encode())
            return connection, await cursor.fetchall()
        except BaseException:
            connection.pgconn.finish()  # at once, whoever is waited for
            raise
