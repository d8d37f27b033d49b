"""Reads a database in a thread, beside the connection that writes."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TypeVar

from digitro_async.ledger.postgres._postgres_reader import PostgresLedgerReader
from digitro_async.ledger.postgres._server_address import ServerAddress

__all__ = ["ReadingBeside"]

_Answer = TypeVar("_Answer")


class ReadingBeside:
    """A connection that reads, made when it is first needed.

    A look at a million contacts holds up no call. One question at a time is asked.

    Args:
        address: The address.
        limit: Most seconds of an answer.
    """

    def __init__(self, address: ServerAddress, limit: float) -> None:
        self._address = address
        self._limit = limit
        self._lock = asyncio.Lock()
        self._reader: PostgresLedgerReader | None = None

    async def do(self, ask: Callable[[PostgresLedgerReader], _Answer]) -> _Answer:
        """Return what a function of the reader gives.

        Raises:
            LedgerError: If the database can't be read.
        """
        async with self._lock:
            asking = asyncio.ensure_future(asyncio.to_thread(self._ask, ask))
            try:
                return await asyncio.shield(asking)
            finally:
                # Whoever is cancelled leaves the reader to nobody before it is free.
                while not asking.done():
                    with contextlib.suppress(asyncio.CancelledError, Exception):
                        await asyncio.wait({asking})

    async def close(self) -> None:
        """Close the connection, if there is one."""
        async with self._lock:
            reader, self._reader = self._reader, None
            if reader is not None:
                await asyncio.to_thread(reader.close)

    def _ask(self, ask: Callable[[PostgresLedgerReader], _Answer]) -> _Answer:
        if self._reader is not None and self._reader.is_open:
            return ask(self._reader)
        self._reader = self._opened()
        return ask(self._reader)

    def _opened(self) -> PostgresLedgerReader:
        reader = PostgresLedgerReader(
            self._address.conninfo, self._address.campaign, timeout=self._limit
        )
        return reader.__enter__()
