"""Reads a database in a thread, beside the connection that writes."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final, TypeVar

from digitro_async.errors import LedgerError
from digitro_async.ledger.postgres._postgres_reader import PostgresLedgerReader
from digitro_async.ledger.postgres._server_address import ServerAddress

__all__ = ["ReadingBeside"]

_Answer = TypeVar("_Answer")

_LONG_LOOK: Final = 60.0
_PAUSE: Final = 0.2
_LOST: Final = frozenset({"unreadable", "unusable"})
"""Reasons of errors that a server which is started again may have caused."""


class ReadingBeside:
    """A connection that reads, made when it is first needed and when it was lost.

    A look at a million contacts holds up no call. One question at a time is asked.

    Args:
        address: The address.
        limit: Most seconds of an answer.
        patience: Seconds for which a lost connection is tried for again.
    """

    def __init__(self, address: ServerAddress, limit: float, patience: float) -> None:
        self._address = address
        self._limit = max(limit, _LONG_LOOK)
        self._patience = patience
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
        until = time.monotonic() + self._patience
        while True:
            try:
                if self._reader is None or not self._reader.is_open:
                    self._reader = self._opened()
                return ask(self._reader)
            except LedgerError as error:
                is_lost = self._reader is None or not self._reader.is_open
                if not is_lost or error.reason not in _LOST or time.monotonic() > until:
                    raise
                self._reader = None
            time.sleep(_PAUSE)

    def _opened(self) -> PostgresLedgerReader:
        reader = PostgresLedgerReader(
            self._address.conninfo, self._address.campaign, timeout=self._limit
        )
        return reader.__enter__()
