"""A run looks for fresh contacts seldom where that takes long, and misses none."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ruled_campaigns import WallClock, day_hours, ruled
from virtual_time import virtual_time

from digitro_async.ledger import AgreedCallback, MemoryLedger
from digitro_async.rules import CallingRules

RULES = CallingRules(hours=(day_hours(),))
FIRST, SECOND, THIRD = "011987654321", "011912345678", "011912345679"


class SlowSchedule:
    """A schedule in which it takes half a second to look for fresh contacts."""

    def __init__(self, schedule: Any) -> None:
        self._schedule = schedule
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._schedule, name)

    async def priorities(self) -> Sequence[int]:
        """Return the priorities of those who can be claimed, in a while."""
        self.looks += 1
        await asyncio.sleep(0.5)
        found: Sequence[int] = await self._schedule.priorities()
        return found


class SlowLedger(MemoryLedger):
    """A ledger of a list so long that it takes a while to look through it."""

    def __init__(self, clock: WallClock) -> None:
        super().__init__(clock=clock)
        self.slow = SlowSchedule(self.schedule)
        self.schedule = self.slow  # type: ignore[assignment]  # it passes all on


@virtual_time
async def test_contacts_that_come_up_one_by_one() -> None:
    """While others come up again, the list is not gone through for each of them."""
    clock = WallClock("2026-11-30 12:00")
    async with SlowLedger(clock) as ledger, ruled("", ledger=ledger, clock=clock) as it:
        await it.add(*(f"0119{one:08}" for one in range(100)))
        now = clock()
        for one in range(1, 101):
            agreed = AgreedCallback(at=now + 2 * one)
            await it.schedule.call_back(one, agreed, now=now)
        await it.dial(RULES)

    assert len(it.dialled) == 100
    assert 10 < ledger.slow.looks < 40


@virtual_time
async def test_who_comes_in_before_the_end() -> None:
    """Whoever is added while the run rests from looking is called before it ends."""
    clock = WallClock("2026-11-30 12:00")
    tasks: list[asyncio.Future[None]] = []
    async with SlowLedger(clock) as ledger, ruled("", ledger=ledger, clock=clock) as it:
        loop = asyncio.get_running_loop()

        def add() -> None:
            tasks.append(asyncio.ensure_future(it.add(THIRD)))

        await it.add(FIRST, SECOND)
        agreed = AgreedCallback(at=clock() + 55.0)
        await it.schedule.call_back(2, agreed, now=clock())
        it.courses.latency = 60.0
        loop.call_later(30.0, setattr, it.courses, "latency", 0.0)
        loop.call_later(57.0, add)
        await it.dial(RULES)

    assert [number for number, _ in it.dialled] == [FIRST, SECOND, THIRD]
    assert it.dialled[-1][1] == "2026-11-30 12:01"
