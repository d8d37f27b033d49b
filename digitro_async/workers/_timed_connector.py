"""TimedConnector: procrastinate's statements, each within a time limit of ours."""

from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from procrastinate import PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.sql import queries
from psycopg import Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from digitro_async._common.waiting import within
from digitro_async.errors import EngineError

__all__ = ["TimedConnector"]

_Result = TypeVar("_Result")


class TimedConnector(PsycopgConnector):
    """Ends every statement within a time, also where the server says nothing.

    procrastinate alone waits without limit: its worker does not notice that the link to
    the database is mute, and does not end when it is told to.

    Args:
        conninfo: How to connect.
        kwargs: More of that.
        seconds: Longest time of one statement.
        connections: Most connections.
    """

    def __init__(
        self,
        conninfo: str,
        kwargs: Mapping[str, Any],
        *,
        seconds: float,
        connections: int,
    ) -> None:
        super().__init__(
            conninfo=conninfo,
            kwargs={**kwargs, "autocommit": True},
            min_size=1,
            max_size=connections,
            timeout=seconds,
            reconnect_timeout=0.0,  # who wants one says so again
            pool_factory=_unchecked_pool,
        )
        self._seconds = seconds

    async def open_async(self, pool: AsyncConnectionPool | None = None) -> None:
        """Open the pool; its connections are made when they are wanted.

        Raises:
            EngineError: If the database can't be reached in time.
        """
        problem = ""
        try:
            await within(self._seconds, super().open_async(pool))
        except (ConnectorException, Error, PoolTimeout, TimeoutError) as error:
            problem = type(error).__name__
        if problem:
            raise EngineError(
                "the database that moves slices can't be reached", reason="unreachable"
            )

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        """Run a statement. A slice that can't be finished is left to the janitor."""
        try:
            await self._timed(super().execute_query_async(query, **arguments))
        except ConnectorException:
            # Raised, it would end in a task of procrastinate's that nobody waits for.
            if query != queries["finish_job"]:
                raise

    async def execute_query_one_async(
        self, query: Any, **arguments: Any
    ) -> dict[str, Any]:
        """Run a statement and return its row."""
        return await self._timed(super().execute_query_one_async(query, **arguments))

    async def execute_query_all_async(
        self, query: Any, **arguments: Any
    ) -> list[dict[str, Any]]:
        """Run a statement and return its rows."""
        return await self._timed(super().execute_query_all_async(query, **arguments))

    async def _timed(self, statement: Coroutine[Any, Any, _Result]) -> _Result:
        """Wait for a statement no longer than its time.

        Raises:
            ConnectorException: If it fails, or takes longer.
        """
        problem = ""
        try:
            return await within(self._seconds, statement)
        except (PoolTimeout, TimeoutError, OSError) as error:
            problem = type(error).__name__
        raise ConnectorException(f"no answer in {self._seconds:g} s ({problem})")


def _unchecked_pool(**given: Any) -> AsyncConnectionPool:
    """Return a pool that asks the server nothing before each statement."""
    return AsyncConnectionPool(**{**given, "check": None})
