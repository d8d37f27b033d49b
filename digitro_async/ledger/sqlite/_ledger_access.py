"""LedgerAccess: how a ledger in one file is opened, asked and changed."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from digitro_async._common.own_loop import OwnLoop
from digitro_async._common.unclosed import warn_unclosed
from digitro_async.errors import LedgerError
from digitro_async.ledger._write_jobs import CALLS, Job
from digitro_async.ledger.sqlite._database import LedgerDatabase, Opening
from digitro_async.ledger.sqlite._jobs import run_calls
from digitro_async.ledger.sqlite._sqlite_reader import SQLiteLedgerReader
from digitro_async.ledger.sqlite._writer import Writer

__all__ = ["LedgerAccess"]

_Result = TypeVar("_Result")


class LedgerAccess:
    """Opens a ledger's file, and hands on what is asked of it and what changes it.

    Args:
        path: The file.
        opening: The settings by which it is opened.
        prepare: See ``LedgerDatabase``.
    """

    def __init__(
        self,
        path: Path,
        opening: Opening,
        prepare: Callable[[sqlite3.Connection], int],
    ) -> None:
        self._file = LedgerDatabase(path, opening, prepare=prepare)
        self._writer: Writer | None = None
        self._own_loop = OwnLoop()

    async def __aenter__(self) -> Self:
        if self._writer is not None:
            text = "a ledger is entered once: open another one on the same file"
            raise LedgerError(text, reason="entered_before")
        self._own_loop.check(self)
        writer = Writer(self._file)
        await writer.open()
        self._writer = writer
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._own_loop.check(self)
            await self._writer.close()

    def __del__(self) -> None:
        writer = getattr(self, "_writer", None)  # None too where it was never made
        if writer is not None and writer.is_open:
            warn_unclosed(self, self._own_loop.place, 'use it as "async with"')

    def on_loss(self, tell: Callable[[LedgerError], None] | None) -> None:
        """Choose who is told that the file is gone. See ``Ledger``."""
        if self._writer is not None:
            self._writer.on_loss = tell

    def _not_open(self) -> LedgerError:
        text = 'is not open: enter it first, by "async with"'
        if self._writer is not None:
            text = "was closed: open another ledger on the same file"
        return LedgerError(f"{self._file.name} {text}", reason="closed")

    def _put(self, job: Job) -> None:
        if self._writer is None:
            raise self._not_open()
        self._writer.put(job)

    async def _call(self, act: Callable[[sqlite3.Connection], _Result]) -> _Result:
        if self._writer is None or not self._writer.is_open:
            raise self._not_open()
        self._own_loop.check(self)
        result: _Result = await self._writer.write(CALLS, run_calls, act)
        return result

    async def _read(self, query: Callable[[sqlite3.Connection], _Result]) -> _Result:
        """Read beside the writing thread: a look at a million must hold up no call."""
        if self._writer is None or not self._writer.is_open:
            raise self._not_open()
        self._own_loop.check(self)
        reader = SQLiteLedgerReader(self._file.path, is_owner=True)
        return await asyncio.to_thread(reader.look, query)
