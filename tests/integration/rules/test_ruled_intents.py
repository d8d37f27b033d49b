"""Runs that heed rules while the ledger takes long to write an intent."""

import asyncio

from ruled_campaigns import MOBILE, RuledScene, WallClock, day_hours, ruled, take_all
from virtual_time import virtual_time

from digitro_async import Outcome
from digitro_async.ledger import ClaimOwner, MemoryLedger, State
from digitro_async.rules import (
    CallingRules,
    OriginatingNumber,
    OriginatingPool,
)

SLOW = 10.0


class SlowIntents(MemoryLedger):
    """A ledger whose intents are durable some seconds after they are asked for."""

    async def intend(
        self, number: int, owner: ClaimOwner, pabx: str, at: float
    ) -> None:
        """Record that a contact is about to be called, and take long."""
        await super().intend(number, owner, pabx, at)
        await asyncio.sleep(SLOW)


async def entry_of(scene: RuledScene) -> tuple[State, str | None]:
    """Return the state of the only contact, and why."""
    (entry,) = [one async for one in scene.ledger.entries()]
    return entry.state, entry.reason


@virtual_time
async def test_block_while_it_is_written() -> None:
    """Who is blocked while the intent is being written is not called."""
    clock = WallClock("2026-11-30 12:00")
    async with (
        SlowIntents(clock=clock) as ledger,
        ruled("2026-11-30 12:00", ledger=ledger, clock=clock) as scene,
    ):
        await scene.add(MOBILE)
        rules = CallingRules()
        run = scene.run(rules)
        dialling = asyncio.create_task(take_all(run))
        await asyncio.sleep(SLOW / 2)
        key = rules.called_number(MOBILE).key
        await scene.schedule.block(key, reason="x", until=None, now=clock())
        assert run.heeding is not None
        await run.heeding.look()
        (result,) = await dialling
        entry = await entry_of(scene)

    assert scene.dialled == []
    assert result.outcome is Outcome.NOT_SENT
    assert entry == (State.SKIPPED, "blocked")


@virtual_time
async def test_end_of_hours_while_it_is_written() -> None:
    """A call whose hours end while the intent is being written is made the next day."""
    clock = WallClock("2026-11-30 19:59")
    async with (
        SlowIntents(clock=clock) as ledger,
        ruled("2026-11-30 19:59", ledger=ledger, clock=clock) as scene,
    ):
        await scene.add(MOBILE)
        await asyncio.sleep(54)
        results, heeding = await scene.dial(CallingRules(hours=(day_hours(),)))
        counted = await ledger.count_exhausted(1)
        entry = await entry_of(scene)

    assert scene.dialled == [(MOBILE, "2026-12-01 09:00")]
    assert [one.outcome for one in results] == [Outcome.NOT_SENT, Outcome.ACCEPTED]
    assert heeding.deferred == {"outside_hours": 1}
    assert (entry[0], counted) == (State.ACCEPTED, 0)


@virtual_time
async def test_own_call_counts_once() -> None:
    """The last call of the day of an originating number is made, and no other one."""
    pool = OriginatingPool(numbers=(OriginatingNumber(number="1132", most_per_day=2),))
    clock = WallClock("2026-11-30 12:00")
    async with (
        SlowIntents(clock=clock) as ledger,
        ruled("2026-11-30 12:00", ledger=ledger, clock=clock) as scene,
    ):
        await scene.add("011912345678", "011912345679", MOBILE)
        await scene.dial(CallingRules(originating=pool), wait=0)

    assert len(scene.dialled) == 2
