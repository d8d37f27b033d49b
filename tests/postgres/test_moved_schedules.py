"""What a ledger knows of waits, attempts and blocks goes with it, there and back."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest
from ledgers import (
    LEASE,
    NOW,
    OWNER,
    accept,
    an_end,
    contacts,
    end_call,
    intend,
    open_intents,
)
from postgres_server import database, needs_postgres
from schedules import ALL_KINDS, LATER, contact_with

from digitro_async import Disposition, LedgerError
from digitro_async.ledger import (
    AgreedCallback,
    AttemptPlan,
    ContactRecord,
    Deferral,
    LedgerAttempt,
    LedgerBlock,
    PlannedContact,
    PostgresLedger,
    PostgresLedgerReader,
    ScheduledLedger,
    SQLiteLedger,
    State,
)
from digitro_async.ledger.transfer import copy_ledger, settle_ledger

pytestmark = needs_postgres


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of an empty database."""
    with database() as one:
        yield one


async def fill(path: Path) -> None:
    """Make a ledger with waits of each kind, attempts, and blocks."""
    async with SQLiteLedger(path) as ledger:
        schedule = ledger.schedule
        several = contact_with(9, "04811", "04822", priority=3)
        await ledger.add([*contacts(5), several])
        await schedule.claim(5, OWNER, LEASE, now=NOW, kinds=ALL_KINDS)
        plans = [AttemptPlan(number=n, place=0, key=10**24 + n) for n in (1, 2, 3)]
        await schedule.plan(OWNER, plans, hold_numbers=True)
        for number in (1, 2):
            await intend(ledger, number, "one", NOW)
            await accept(ledger, number, str(number))
            await end_call(ledger, number, an_end(Disposition.BUSY, str(number)))
        await schedule.recall(
            1, attempts=1, due=LATER, place=0, reason="busy", now=NOW + 9
        )
        deferral = Deferral(number=4, due=LATER + 1, reason="hours")
        await schedule.put_off(OWNER, [deferral], now=NOW)
        agreed = AgreedCallback(at=LATER + 2, place=1, moved=1)
        await schedule.call_back(6, agreed, now=NOW)
        await schedule.block(7, reason="asked", until=None, now=NOW)
        await schedule.block(8, reason="court", until=LATER, now=NOW)


Known = tuple[
    list[ContactRecord],
    list[LedgerAttempt],
    list[LedgerBlock],
    set[bytes],
]


async def known_of(ledger: ScheduledLedger) -> Known:
    """Return what a ledger knows of its contacts, attempts and blocks."""
    async with ledger:
        attempts = await ledger.schedule.attempts_of(range(1, 7), {10**24 + 2})
        return (
            [entry async for entry in ledger.entries()],
            [attrs.evolve(one, campaign="") for one in attempts],
            list(await ledger.schedule.blocks()),
            {ledger.schedule.block_hash(key) for key in (7, 8)},
        )


async def planned_of(ledger: ScheduledLedger) -> Sequence[PlannedContact]:
    """Claim everybody who is due in two hours, and give all back."""
    async with ledger:
        return await ledger.schedule.claim(
            99, OWNER, LEASE, now=LATER + 3_600, kinds=ALL_KINDS
        )


async def test_there_and_back(tmp_path: Path, address: str) -> None:
    """Waits, numbers, priorities, attempts and blocks are the same everywhere."""
    await fill(tmp_path / "a.db")
    before = await known_of(SQLiteLedger(tmp_path / "a.db"))
    copy_ledger(tmp_path / "a.db", address)
    there = await known_of(PostgresLedger(address))
    copy_ledger(address, tmp_path / "b.db")
    back = await known_of(SQLiteLedger(tmp_path / "b.db"))

    assert there == before == back
    assert {one.hash for one in there[2]} == there[3]
    assert [one.due for one in there[0]].count(None) == 3


async def test_what_is_claimed_there(tmp_path: Path, address: str) -> None:
    """Whoever waited comes up where the ledger went, with all that was agreed on."""
    await fill(tmp_path / "a.db")
    copy_ledger(tmp_path / "a.db", address, keep_source=True)
    settle_ledger(address, nobody_dialled=True)
    expected = await planned_of(SQLiteLedger(tmp_path / "a.db"))

    assert await planned_of(PostgresLedger(address)) == expected
    assert [one.claimed.number for one in expected] == [6, 1, 4, 3, 5]


async def test_events_of_others(tmp_path: Path, address: str) -> None:
    """Attempts keep their ends where the events of other campaigns come first."""
    await fill(tmp_path / "a.db")
    async with PostgresLedger(address, "other") as other:
        await other.add(contacts(9))
        await open_intents(other, 9)
    copy_ledger(tmp_path / "a.db", address, campaign="a")
    async with PostgresLedger(address, "a") as ledger:
        (first, second) = await ledger.schedule.attempts_of((1, 2), ())

    assert first.disposition is second.disposition is Disposition.BUSY


async def test_blocks_of_another_key(tmp_path: Path, address: str) -> None:
    """Blocks that nobody would find are refused, and both ledgers stay as they are."""
    await fill(tmp_path / "a.db")
    async with PostgresLedger(address, "other") as ledger:
        await ledger.schedule.block(9, reason="asked", until=None, now=NOW)
    for keep_source in (False, True):
        with pytest.raises(LedgerError, match="campaign unblock") as caught:
            copy_ledger(tmp_path / "a.db", address, keep_source=keep_source)
        assert caught.value.reason == "other_block_key"

    with pytest.raises(LedgerError) as caught, PostgresLedgerReader(address):
        pass
    assert caught.value.reason == "no_ledger"
    async with SQLiteLedger(tmp_path / "a.db") as file:
        assert len(await file.schedule.blocks()) == 2
    async with PostgresLedger(address, "other") as ledger:
        assert [one.reason for one in await ledger.schedule.blocks()] == ["asked"]


async def test_a_way_out_for_blocks(tmp_path: Path, address: str) -> None:
    """Who takes a ledger's blocks off can copy it, and block the numbers there."""
    await fill(tmp_path / "a.db")
    async with PostgresLedger(address, "other") as ledger:
        await ledger.schedule.block(9, reason="asked", until=None, now=NOW)
    async with SQLiteLedger(tmp_path / "a.db") as file:
        assert all([await file.schedule.unblock(key) for key in (7, 8)])
    copy_ledger(tmp_path / "a.db", address)
    async with PostgresLedger(address) as ledger:
        await ledger.schedule.block(7, reason="asked", until=None, now=NOW)

        assert len(await ledger.schedule.blocks()) == 2


async def test_a_key_that_comes_along(tmp_path: Path, address: str) -> None:
    """Who has the database open goes by the key of the blocks that came to it."""
    await fill(tmp_path / "a.db")
    async with PostgresLedger(address, "other") as ledger:
        before = await ledger.schedule.blocks_changed()
        copy_ledger(tmp_path / "a.db", address)
        assert await ledger.schedule.blocks_changed() != before
        found = {one.hash for one in await ledger.schedule.blocks()}
        assert ledger.schedule.block_hash(7) in found
        assert await ledger.schedule.unblock(7)


async def test_restored(tmp_path: Path, address: str) -> None:
    """Who waited in an older state becomes unknown, and so does that attempt."""
    await fill(tmp_path / "a.db")
    copy_ledger(tmp_path / "a.db", address, keep_source=True)
    summary = settle_ledger(address)
    async with PostgresLedger(address) as ledger:
        counts = await ledger.counts()
        attempts = await ledger.schedule.attempts_of([1], ())

    assert (summary.unknown, counts[State.UNKNOWN]) == (5, 5)
    assert attempts[0].disposition is Disposition.BUSY
    assert attempts[-1].state is State.UNKNOWN
