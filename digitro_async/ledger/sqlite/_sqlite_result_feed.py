"""SQLiteResultFeed: reads the results of a ledger's file, beside its owner."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from digitro_async._common.text import printable
from digitro_async.errors import LedgerError, SchemaMismatchError
from digitro_async.ledger._result_feed_port import BEGINNING, FeedPosition, ResultPage
from digitro_async.ledger.sqlite._migrations import version_of
from digitro_async.ledger.sqlite._result_cursor import ResultCursor
from digitro_async.ledger.sqlite._result_queries import is_at, read_results
from digitro_async.ledger.sqlite._sqlite_reader import SQLiteLedgerReader

__all__ = ["SQLiteResultFeed"]

_Answer = TypeVar("_Answer")

_TELLS_OF_ENDS = 8
"""First schema that keeps in which order ends were told."""


class SQLiteResultFeed:
    """Hands on the results of a ledger's file. See ``ResultFeed``.

    It reads in a thread of its own, over a connection of its own, so that neither the
    loop nor the ledger's owner waits for it. Its position stands in a file beside the
    ledger's, whose name ends in ``.webhook``.

    Args:
        path: The file of the ledger.
        accept_loss: Whether a ledger is read that lost a part of its record.
    """

    def __init__(self, path: Path, *, accept_loss: bool = False) -> None:
        self._path, self._accept_loss = path, accept_loss
        self._cursor = ResultCursor(path)
        self._thread: ThreadPoolExecutor | None = None
        self._reader: SQLiteLedgerReader | None = None
        self._position = BEGINNING
        self._has_cursor = False

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="digitro-results")
        try:
            await self._in_thread(self._open)
        except BaseException:
            self._leave(self._thread)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._thread is not None  # noqa: S101 - for the type checker
        # Whoever opens the results next must not find them in use by this one.
        await asyncio.wait([asyncio.wrap_future(self._leave(self._thread))])

    @property
    def is_elsewhere(self) -> bool:
        """Whether another process hands the results on."""
        return not self._has_cursor

    async def read(self, most: int) -> ResultPage | None:
        """Return the next results. See ``ResultFeed``."""
        return await self._in_thread(lambda: self._read(most))

    async def confirm(self, page: ResultPage) -> None:
        """Record that a page was handed on. See ``ResultFeed``."""
        await self._in_thread(lambda: self._keep(page.position))

    def _leave(self, thread: ThreadPoolExecutor) -> Future[None]:
        # Behind what the thread does still, also where this is cut off.
        closed = thread.submit(self._close)
        thread.shutdown(wait=False)
        return closed

    async def _in_thread(self, act: Callable[[], _Answer]) -> _Answer:
        thread = self._thread
        if thread is None:
            raise LedgerError("the results are not open", reason="closed")
        return await asyncio.get_running_loop().run_in_executor(thread, act)

    def _open(self) -> None:
        # As its owner may: which names the file has is that one's to look at.
        reader = SQLiteLedgerReader(
            self._path, accept_loss=self._accept_loss, is_owner=True
        )
        self._reader = reader.__enter__()
        version = reader.ask(version_of)
        if version >= _TELLS_OF_ENDS:
            return
        reader.close()
        raise SchemaMismatchError(
            f"{printable(self._path.name)} was made by an earlier version and tells "
            "results in no order: dial it once, which brings it up to date",
            reason="other_schema",
        )

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
        self._cursor.close()
        self._has_cursor = False

    def _take_cursor(self, reader: SQLiteLedgerReader) -> bool:
        if not self._has_cursor and self._cursor.open():
            kept = self._cursor.read()
            is_known = reader.ask(lambda connection: is_at(connection, kept))
            self._position = kept if is_known else BEGINNING
            self._has_cursor = True
        return self._has_cursor

    def _read(self, most: int) -> ResultPage | None:
        reader = self._reader
        if reader is None:
            raise LedgerError("the results are not open", reason="closed")
        if not self._take_cursor(reader):
            return None
        after = self._position
        page = reader.ask(lambda connection: read_results(connection, after, most))
        if page.results:
            return page
        self._position = page.position
        return None

    def _keep(self, position: FeedPosition) -> None:
        self._cursor.write(position)
        self._position = position
