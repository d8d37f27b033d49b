"""ImportGate: holds the contacts of a list back until all of it is in the ledger."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from digitro_async.ledger._ledger_port import Ledger

__all__ = ["ImportGate"]


class ImportGate:
    """Lets a run that goes on claim contacts of whole lists alone.

    A list that is not added to its end stays behind the gate, as the next run would
    refuse it too; one that is added after all opens it again.

    Args:
        ledger: The ledger. Who else adds contacts meanwhile is known of one that tells
            it by ``whole_until``, as a database does.
        partial: Whether lists of others are dialled that lack their ends.
    """

    def __init__(self, ledger: Ledger, *, partial: bool = False) -> None:
        self._ledger = ledger
        # somebody's own may have none
        self._whole_until: Callable[[], Awaitable[int]] | None = (
            None if partial else getattr(ledger, "whole_until", None)
        )
        self._last: int | None = None  # number of the last contact before the gate
        self._adding = 0
        self._change = asyncio.Event()

    @property
    def is_adding(self) -> bool:
        """Whether a list is being added."""
        return self._adding > 0

    @contextlib.asynccontextmanager
    async def adding(self) -> AsyncIterator[None]:
        """Close the gate while the block adds a list; it opens if all are whole."""
        self._adding += 1
        is_whole = False
        try:
            if self._last is None:
                self._last = sum((await self._ledger.counts()).values())
            yield
            is_whole = all(one.is_whole for one in await self._ledger.imports())
        finally:
            self._adding -= 1
            if is_whole and not self._adding:
                self._last = None
            self._change.set()

    async def within(self) -> range | None:
        """Return the numbers of the contacts that may be claimed, None for all.

        Raises:
            LedgerError: If the ledger can't be read.
        """
        last = None if self._whole_until is None else await self._whole_until()
        if self._last is not None:
            last = self._last if last is None else min(self._last, last)
        return None if last is None else range(1, last + 1)

    async def wait(self) -> None:
        """Wait until a list that is being added is there, or has failed."""
        self._change.clear()
        while self._adding:
            await self._change.wait()
            self._change.clear()
