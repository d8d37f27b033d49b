"""The blocks of a ledger that a run heeds, looked for several times at once."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ruled_campaigns import MOBILE, WallClock
from virtual_time import virtual_time

from digitro_async.campaign._heeded_blocks import HeededBlocks
from digitro_async.ledger import LedgerBlock, MemoryLedger
from digitro_async.rules import CallingRules

NUMBER = CallingRules().called_number(MOBILE)
SLOW = 100.0


class SlowSchedule:
    """The schedule of a ledger whose blocks are read at once, and told late.

    Args:
        schedule: The schedule.
        seconds: How late each reading is told, in their order; then at once.
    """

    def __init__(self, schedule: Any, *seconds: float) -> None:
        self._schedule = schedule
        self._seconds = list(seconds)

    def __getattr__(self, name: str) -> Any:
        """Return what the schedule has of that name."""
        return getattr(self._schedule, name)

    async def blocks(self) -> Sequence[LedgerBlock]:
        """Return every block, late."""
        found: Sequence[LedgerBlock] = await self._schedule.blocks()
        await asyncio.sleep(self._seconds.pop(0) if self._seconds else 0)
        return found


async def block(ledger: MemoryLedger) -> None:
    """Block the number."""
    await ledger.schedule.block(NUMBER.key, reason="asked", until=None, now=0.0)


@virtual_time
async def test_older_answer_comes_later() -> None:
    """An answer that comes late takes no block away that a later one has brought."""
    async with MemoryLedger(clock=WallClock("2026-11-30 12:00")) as ledger:
        loop = asyncio.get_running_loop()
        slow: Any = SlowSchedule(ledger.schedule, SLOW)
        blocks = HeededBlocks(slow, (), loop.time)
        first = asyncio.create_task(blocks.look_at_ledger())
        await asyncio.sleep(1)
        await block(ledger)
        await blocks.look_at_ledger()
        assert blocks.find(NUMBER, 0.0) is not None
        await first

        assert blocks.find(NUMBER, 0.0) is not None


@virtual_time
async def test_look_beside_another() -> None:
    """Who looks while another look goes on does not go on by what was known before."""
    async with MemoryLedger(clock=WallClock("2026-11-30 12:00")) as ledger:
        loop = asyncio.get_running_loop()
        slow: Any = SlowSchedule(ledger.schedule, 0.0, SLOW)
        blocks = HeededBlocks(slow, (), loop.time)
        await blocks.look()
        await asyncio.sleep(10)
        await block(ledger)
        first = asyncio.create_task(blocks.look())
        await asyncio.sleep(0.1)
        await blocks.look()

        assert blocks.find(NUMBER, 0.0) is not None
        await first
