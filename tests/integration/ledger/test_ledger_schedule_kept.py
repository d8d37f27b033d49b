"""A schedule in a file is not lost: with its log, by a restore, or by a move."""

import shutil
from pathlib import Path

import pytest
from ledgers import LEASE, NOW, OWNER, accept, an_end, contacts, end_call, intend

from digitro_async import Disposition, LedgerError, Outcome
from digitro_async.ledger import (
    AgreedCallback,
    AttemptPlan,
    Deferral,
    SQLiteLedger,
    State,
    WaitKind,
)
from digitro_async.ledger.transfer import copy_ledger, settle_ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "ledger.db"


async def fill(path: Path) -> None:
    """Make a ledger with a recall, a callback, a deferral, and a block."""
    async with SQLiteLedger(path, synchronous="OFF") as ledger:
        schedule = ledger.schedule
        await ledger.add(contacts(4))
        await schedule.claim(4, OWNER, LEASE, now=NOW, kinds=[None])
        plans = [AttemptPlan(number=1, place=0, key=10**20)]
        await schedule.plan(OWNER, plans, hold_numbers=True)
        await intend(ledger, 1, "one", NOW)
        await accept(ledger, 1, "1")
        await end_call(ledger, 1, an_end(Disposition.BUSY))
        await schedule.recall(
            1, attempts=1, due=NOW + 9, place=0, reason="busy", now=NOW + 2
        )
        deferral = Deferral(number=2, due=NOW + 9, reason="hours")
        await schedule.put_off(OWNER, [deferral], now=NOW)
        await ledger.release(OWNER)
        await schedule.call_back(3, AgreedCallback(at=NOW + 9, moved=1), now=NOW)
        await schedule.block(7, reason="asked", until=None, now=NOW)


async def test_a_block_that_is_missing(path: Path) -> None:
    """A ledger that lost a block alone, as an older copy came back, says so."""
    await fill(path)
    shutil.copy(path, f"{path}.older")
    async with SQLiteLedger(path) as ledger:
        await ledger.schedule.block(8, reason="asked", until=None, now=NOW)
    shutil.copy(f"{path}.older", path)
    with pytest.raises(LedgerError) as caught:
        await SQLiteLedger(path).__aenter__()

    assert caught.value.reason == "record_lost"


async def test_moved(path: Path, tmp_path: Path) -> None:
    """A ledger that is moved has all waits, attempts and blocks at its new place."""
    await fill(path)
    target = tmp_path / "moved.db"
    async with SQLiteLedger(path) as ledger:
        blocks = await ledger.schedule.blocks()
        attempts = await ledger.schedule.attempts_of([1], ())
    copy_ledger(path, target)
    async with SQLiteLedger(target) as ledger:
        schedule = ledger.schedule
        kinds = list(WaitKind)
        claimed = await schedule.claim(9, OWNER, LEASE, now=NOW + 9, kinds=kinds)

        assert await schedule.blocks() == blocks
        assert schedule.block_hash(7) == blocks[0].hash
        assert list(await schedule.attempts_of([1], ())) == list(attempts)
        assert {one.claimed.number: one.wait for one in claimed} == {
            1: WaitKind.RECALL,
            2: WaitKind.DEFERRED,
            3: WaitKind.CALLBACK,
        }
        assert claimed[-1].callback == AgreedCallback(at=NOW + 9, moved=1)


async def test_restored(path: Path) -> None:
    """Who waited may have been called since a backup: unknown, and never recalled."""
    await fill(path)
    settle_ledger(path)
    async with SQLiteLedger(path) as ledger:
        states = [one.state async for one in ledger.entries()]
        attempts = await ledger.schedule.attempts_of([1], ())
        await ledger.reconcile(1, accepted=True, evidence="x", now=NOW * 2)
        is_recalled = await ledger.schedule.recall(
            1, attempts=1, due=NOW, place=0, reason="busy", now=NOW
        )

    assert states == [State.UNKNOWN] * 4
    outcomes = [Outcome.ACCEPTED, Outcome.UNKNOWN]
    assert [one.outcome for one in attempts] == outcomes
    assert not is_recalled
