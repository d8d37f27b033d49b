"""HeededBlocks: the block lists of a run, kept up while it goes on."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from digitro_async.ledger import LedgerBlock, Schedule
from digitro_async.rules import BlockList, BlockReading, BlockTerms, CalledNumber

__all__ = ["HeededBlocks"]

LOOK_AT_LEDGER = 1.0
"""Seconds after which the blocks of the ledger are asked for again."""

LOOK_AT_FILES = 30.0
"""Seconds after which it is looked whether block files have changed."""


class HeededBlocks:
    """The numbers that a ledger keeps as blocked, and block files that may change.

    It is a ``BlockList`` of the ledger's own blocks.

    Args:
        schedule: The schedule of the ledger.
        lists: The block lists of the rules; those that have ``refresh`` are files.
        clock: Tells the seconds since any moment.
    """

    name = "blocks of the ledger"

    def __init__(
        self, schedule: Schedule, lists: Sequence[BlockList], clock: Callable[[], float]
    ) -> None:
        self._schedule = schedule
        self._refresh: list[Callable[[], BlockReading | None]] = [
            one.refresh for one in lists if hasattr(one, "refresh")
        ]
        self._clock = clock
        self._blocks: dict[bytes, LedgerBlock] = {}
        self._version: Any = object()
        self._looked = self._read = -LOOK_AT_FILES
        # A look waits for the one before it. Otherwise its caller would go on by blocks
        # that are old, and an answer that comes late could replace a newer one.
        self._looking, self._reading = asyncio.Lock(), asyncio.Lock()
        self.readings: list[BlockReading] = []

    def find(self, number: CalledNumber, when: float) -> BlockTerms | None:
        """Return the terms of a number that must not be called at a moment."""
        if not self._blocks:  # nearly always
            return None
        found = self._blocks.get(self._schedule.block_hash(number.key))
        if found is None or (found.until is not None and found.until <= when):
            return None
        return BlockTerms(found.reason, found.until)

    async def look(self) -> None:
        """Look for what has changed, if it is time to.

        Raises:
            LedgerError: If the ledger can't be read.
        """
        async with self._looking:
            if self._clock() - self._looked >= LOOK_AT_LEDGER:
                await self._look()
        if not self._refresh:
            return
        async with self._reading:
            if self._clock() - self._read >= LOOK_AT_FILES:
                self._read = self._clock()
                for refresh in self._refresh:
                    reading = await asyncio.to_thread(refresh)
                    if reading is not None:
                        self.readings.append(reading)

    async def look_at_ledger(self) -> None:
        """Look at once for the blocks of the ledger; no file is waited for.

        Raises:
            LedgerError: If the ledger can't be read.
        """
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        now = self._clock()
        version = await self._schedule.blocks_changed()
        if version != self._version:
            blocks = await self._schedule.blocks()
            self._version = version
            self._blocks = {one.hash: one for one in blocks}
        self._looked = now
