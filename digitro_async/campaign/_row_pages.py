"""RowPages: the rows of a list a page at a time, never keeping the loop for long."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Protocol, Self, runtime_checkable

import attrs

from digitro_async.contacts import ContactRow, RejectedRow
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import AddResult, Change

__all__ = ["RowFile", "RowPage", "RowPages", "Rows", "is_changed", "is_repeated"]

Row = ContactRow | RejectedRow
Rows = Iterable[Row] | AsyncIterable[Row]
"""A list of contacts, with rejected rows among them, in the order of the file."""

SLICE_SECONDS = 0.05
"""Seconds for which rows are read before the loop may run other tasks."""

_FEW_ROWS = 32
"""Rows that are read between two looks at the clock."""


@runtime_checkable
class RowFile(Protocol):
    """A list that comes from a file, and is known again by that file's content.

    ``ContactFile`` is one; so is any other reader that has these.

    Attributes:
        name: Name of the file, without its folder.
        total_bytes: Its size.
    """

    name: str
    total_bytes: int

    def content(self) -> Iterable[bytes]:
        """Yield the bytes of the file; reading rows goes on where it was."""
        ...

    def pieces(self) -> Iterator[Row | None]:
        """Yield every row, and None after every long stretch without one."""
        ...


def is_repeated(row: ContactRow, added: AddResult) -> bool:
    """Whether a row's contact was put in from another line, and nothing else is new."""
    return not added.new and added.difference is None and added.line != row.line


def is_changed(added: AddResult) -> bool:
    """Whether the ledger kept something else of a contact than its row says."""
    difference = added.difference
    return difference is not None and difference.change is not Change.UPDATED


class RowPages:
    """Reads rows a page at a time, and never keeps the loop for long.

    Args:
        rows: Where they come from.
        most: Most rows of a page.
    """

    def __init__(self, rows: Rows, most: int) -> None:
        self._later: AsyncIterator[Row] | None = None
        self._source: Iterator[Row | None] = iter(())
        if isinstance(rows, RowFile):
            self._source = rows.pieces()
        elif isinstance(rows, AsyncIterable):
            self._later = aiter(rows)
        else:
            self._source = iter(rows)
        self._most = most
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> "RowPage":
        if self._ended:
            raise StopAsyncIteration
        # Where no page holds a contact, nothing else would let the loop go on.
        await asyncio.sleep(0)
        if self._later is not None:
            return _page_of(await self._read_later(self._later))
        return _page_of(self._read())

    def _read(self) -> list[Row]:
        rows: list[Row] = []
        until = time.monotonic() + SLICE_SECONDS
        for read, row in enumerate(self._source, 1):
            if row is not None:
                rows.append(row)
                if len(rows) == self._most:
                    break
            if (row is None or read % _FEW_ROWS == 0) and time.monotonic() > until:
                break
        else:
            self._ended = True
        return rows

    async def _read_later(self, source: AsyncIterator[Row]) -> list[Row]:
        rows: list[Row] = []
        until = time.monotonic() + SLICE_SECONDS
        async for row in source:
            rows.append(row)
            if len(rows) == self._most or time.monotonic() > until:
                break
        else:
            self._ended = True
        return rows


def _page_of(rows: list[Row]) -> "RowPage":
    contacts: list[ContactRow] = []
    for row in rows:
        if isinstance(row, ContactRow):
            contacts.append(row)
        elif not isinstance(row, RejectedRow):
            raise ConfigurationError(
                "a contact must be a ContactRow; ContactRow.from_call makes one of a "
                "PredictiveCall"
            )
    return RowPage(rows, contacts)


@attrs.frozen(eq=False)
class RowPage:
    """Some rows of a list, in order.

    Attributes:
        rows: All of them.
        contacts: Those that are contacts.
    """

    rows: list[Row] = attrs.field(repr=False)
    contacts: list[ContactRow] = attrs.field(repr=False)

    @property
    def rejected(self) -> int:
        """Rows that are no contacts."""
        return len(self.rows) - len(self.contacts)

    def tell(
        self,
        added: Iterable[AddResult],
        repeated: Callable[[ContactRow, int], None] | None,
        rejected: Callable[[RejectedRow], None] | None,
        changed: Callable[[ContactRow, AddResult], None] | None = None,
    ) -> None:
        """Tell of every row that adds nobody, in the order of the list.

        Args:
            added: The result of each contact.
            repeated: Takes a row whose contact was put in from another line, and that
                line.
            rejected: Takes a row that is no contact, and each number of a contact that
                is none.
            changed: Takes a row of whose contact the ledger kept something else.
        """
        results = iter(added)
        for row in self.rows:
            if isinstance(row, RejectedRow):
                if rejected is not None:
                    rejected(row)
                continue
            one = next(results)
            if rejected is not None and row.rejected_numbers:
                for number in row.rejected_numbers:
                    rejected(number)
            if repeated is not None and is_repeated(row, one):
                repeated(row, one.line)
            if changed is not None and is_changed(one):
                changed(row, one)
