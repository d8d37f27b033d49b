"""A change that is a function of the connection, in a transaction of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import psycopg

from digitro_async.errors import DigitroError
from digitro_async.ledger._write_jobs import Job
from digitro_async.ledger.postgres._postgres_session import PostgresSession

__all__ = ["Act", "OneCall"]

Act = Callable[[PostgresSession], Awaitable[Any]]
"""Changes a ledger and returns a result; it may be run twice."""

_LOOKS: Final = 50
_LOOK_SECONDS: Final = 0.1


class OneCall:
    """One change, and what is known of its transaction.

    Args:
        job: Its row is an ``Act``.
    """

    def __init__(self, job: Job) -> None:
        self.jobs = [job]
        self._transaction: str | None = None
        self._result: Any = None

    def alone(self) -> list["OneCall"]:
        """Return itself: it is alone."""
        return [self]

    async def write(self, session: PostgresSession, campaign: int) -> None:  # noqa: ARG002 - its act knows
        """Write it, and leave a result or an error in its job."""
        job = self.jobs[0]
        self._transaction = None
        try:
            job.result = await session.within(self._write(session))
        except DigitroError as error:
            job.error = error.with_traceback(None)  # its frames hold what was asked

    async def find_out(self, session: PostgresSession, campaign: int) -> bool:  # noqa: ARG002
        """Find out whether it is durable after the connection was lost.

        Returns:
            Whether it is left to be written.

        Raises:
            TimeoutError: If the server has not decided that itself yet.
        """
        if self._transaction is None:  # it was never to be committed
            return True
        for _ in range(_LOOKS):
            try:
                query = "SELECT pg_xact_status(%s::xid8)"
                ((status,),) = await session.run(query, (self._transaction,))
            except psycopg.Error:  # the server crashed before it kept that number
                return True
            if status == "committed":
                self.jobs[0].result = self._result
                return False
            if status != "in progress":
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        raise TimeoutError

    async def _write(self, session: PostgresSession) -> Any:
        async with session.transaction():
            self._result = await self.jobs[0].row(session)
            query = "SELECT pg_current_xact_id_if_assigned()::text"
            ((self._transaction,),) = await session.execute(query)
        return self._result
