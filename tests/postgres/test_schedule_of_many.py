"""Several processes keep one schedule together: nobody is called by two of them."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from ledgers import LEASE, NOW, accept, an_end, contacts, end_call, intend, states
from postgres_server import database, needs_postgres
from schedules import ALL_KINDS, LATER

from digitro_async import Disposition
from digitro_async.ledger import (
    AttemptPlan,
    ClaimOwner,
    Deferral,
    PlannedContact,
    PostgresLedger,
    State,
    WaitKind,
)

pytestmark = needs_postgres

OWNERS = [ClaimOwner(f"owner {number}") for number in range(4)]
ONE, OTHER = OWNERS[:2]


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of an empty database."""
    with database() as one:
        yield one


@pytest_asyncio.fixture
async def ledgers(address: str) -> AsyncIterator[list[PostgresLedger]]:
    """Yield the ledgers of several processes, open, of one campaign."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(PostgresLedger(address, shares_caps=True))
            for _ in OWNERS
        ]


async def take(
    ledger: PostgresLedger, owner: ClaimOwner, most: int, now: float = NOW
) -> list[PlannedContact]:
    """Claim contacts until there are none."""
    claimed: list[PlannedContact] = []
    while page := await ledger.schedule.claim(
        most, owner, LEASE, now=now, kinds=ALL_KINDS
    ):
        claimed += page
    return claimed


async def test_claims_of_contacts_that_are_due(ledgers: list[PostgresLedger]) -> None:
    """Each contact that is due is claimed by one of those who ask at once."""
    first = ledgers[0]
    await first.add(contacts(300))
    claimed = await take(first, ONE, 300)
    deferrals = [
        Deferral(number=one.claimed.number, due=NOW + one.claimed.number, reason="x")
        for one in claimed[:200]
    ]
    await first.schedule.put_off(ONE, deferrals, now=NOW)
    await first.release(ONE)

    pairs = zip(ledgers, OWNERS, strict=True)
    shares = await asyncio.gather(*(take(*pair, 7, now=NOW + 150) for pair in pairs))

    got = Counter(one.claimed.number for share in shares for one in share)
    assert set(got.values()) == {1}
    assert set(got) == {*range(1, 151), *range(201, 301)}
    assert all(one.due is None or one.due <= NOW + 150 for s in shares for one in s)


async def test_one_number_of_two_campaigns(
    address: str, ledgers: list[PostgresLedger]
) -> None:
    """Of contacts of one number, in any campaign, one at a time is planned."""
    async with PostgresLedger(address, "autumn", shares_caps=True) as autumn:
        for ledger, owner in ((ledgers[0], ONE), (autumn, OTHER)):
            await ledger.add(contacts(40))
            await take(ledger, owner, 40)
        plans = [AttemptPlan(number=n, place=0, key=n % 20) for n in range(1, 41)]
        left = await asyncio.gather(
            *(
                ledgers[0].schedule.plan(ONE, plans[n::4], hold_numbers=True)
                for n in (0, 1)
            ),
            *(
                autumn.schedule.plan(OTHER, plans[n::4], hold_numbers=True)
                for n in (0, 1)
            ),
            ledgers[1].schedule.plan(ONE, plans[2::4], hold_numbers=True),
        )
        made = await autumn.schedule.attempts_of((), range(20))

    assert sum(map(len, left)) + len(made) == 50
    assert max(Counter(one.key for one in made).values()) == 1
    assert {one.campaign for one in made} <= {"default", "autumn"}


async def test_a_number_is_free_after_its_call(ledgers: list[PostgresLedger]) -> None:
    """A number is held until the call to it of another process has its answer."""
    one, other = ledgers[:2]
    await one.add(contacts(2))
    await one.schedule.claim(1, ONE, LEASE, now=NOW, kinds=ALL_KINDS)
    await other.schedule.claim(1, OTHER, LEASE, now=NOW, kinds=ALL_KINDS)
    plans = [AttemptPlan(number=number, place=0, key=7) for number in (1, 2)]

    assert await one.schedule.plan(ONE, plans[:1], hold_numbers=True) == []
    assert await other.schedule.plan(OTHER, plans[1:], hold_numbers=True) == [2]
    await intend(one, 1, "p", NOW, ONE)
    assert await other.schedule.plan(OTHER, plans[1:], hold_numbers=True) == [2]
    await accept(one, 1, "1", owner=ONE)
    assert await other.schedule.plan(OTHER, plans[1:], hold_numbers=True) == []


async def test_one_recall(ledgers: list[PostgresLedger]) -> None:
    """Of all that recall a contact at once one does, and it is called once more."""
    one = ledgers[0]
    await one.add(contacts(1))
    await one.schedule.claim(1, ONE, LEASE, now=NOW, kinds=ALL_KINDS)
    await intend(one, 1, "one", NOW, ONE)
    await accept(one, 1, "1", owner=ONE)
    await end_call(one, 1, an_end(Disposition.BUSY))
    recalled = await asyncio.gather(
        *(
            ledger.schedule.recall(
                1, attempts=1, due=LATER, place=0, reason="busy", now=NOW
            )
            for ledger in ledgers
        )
    )
    pairs = zip(ledgers, OWNERS, strict=True)
    shares = await asyncio.gather(*(take(*pair, 1, now=LATER) for pair in pairs))

    assert sorted(recalled) == [False, False, False, True]
    (again,) = [one for share in shares for one in share]
    assert again.wait is WaitKind.RECALL


async def test_blocks_of_all(address: str, ledgers: list[PostgresLedger]) -> None:
    """What one process blocks, others hear of when they look, in any campaign."""
    async with PostgresLedger(address, "autumn", shares_caps=True) as autumn:
        before = await autumn.schedule.blocks_changed()
        await ledgers[0].schedule.block(7, reason="asked", until=None, now=NOW)
        assert await autumn.schedule.blocks_changed() != before
        (block,) = await autumn.schedule.blocks()
        assert block.hash == autumn.schedule.block_hash(7)
        assert await autumn.schedule.unblock(7)

    assert list(await ledgers[1].schedule.blocks()) == []


async def test_an_owner_that_is_gone(ledgers: list[PostgresLedger]) -> None:
    """What a killed process was about to call waits as before, and holds no number."""
    one, other = ledgers[:2]
    await one.add(contacts(2))
    await one.schedule.claim(1, ONE, LEASE, now=NOW, kinds=ALL_KINDS)
    await one.schedule.put_off(ONE, [Deferral(number=1, due=NOW, reason="x")], now=NOW)
    await one.schedule.claim(1, ONE, 0.001, now=NOW, kinds=[WaitKind.DEFERRED])
    plan = AttemptPlan(number=1, place=0, key=7)
    await one.schedule.plan(ONE, [plan], hold_numbers=True)
    await one.abort()

    claimed: list[PlannedContact] = []
    while len(claimed) < 2:  # its lease ends by the clock of the server
        claimed += await other.schedule.claim(2, OTHER, LEASE, now=NOW, kinds=ALL_KINDS)
    assert {one.claimed.number: one.wait for one in claimed} == {
        1: WaitKind.DEFERRED,
        2: None,
    }
    plans = [AttemptPlan(number=number, place=0, key=7) for number in (2, 1)]
    assert await other.schedule.plan(OTHER, plans, hold_numbers=True) == [1]


async def test_a_campaign_that_moved(
    address: str, ledgers: list[PostgresLedger]
) -> None:
    """Of a campaign that may not be dialled nobody is claimed by what is due either."""
    await ledgers[0].add(contacts(3))
    await ledgers[0].set_setting("provenance", "{}")

    assert await take(ledgers[1], OTHER, 9) == []
    assert set((await states(ledgers[0])).values()) == {State.PENDING}
