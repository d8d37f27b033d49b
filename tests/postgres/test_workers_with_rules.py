"""Workers apply rules together over a database: by number, in all campaigns."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest
from campaigns import CALL, NEVER, ONCE
from ledgers import NOW, new_contact, some
from postgres_server import database, needs_postgres

from digitro_async import DigitroClient
from digitro_async.ledger import NewContact, PostgresLedger, State
from digitro_async.privacy import Personal
from digitro_async.rules import AttemptCap, CallingRules, CapClock
from digitro_async.testing import FakePABX
from digitro_async.workers import InProcessEngine, SlicingSettings, Worker

pytestmark = needs_postgres

FAST = SlicingSettings(size=10, look=0.05, come_again=0.1, clean_up=0.5, reopen=0.05)
CAMPAIGNS = ("spring", "autumn")
ONCE_EVER = AttemptCap(name="once", most=1, clock=CapClock.LIFETIME)


@pytest.fixture
def address() -> Iterator[str]:
    """Make a database."""
    with database() as made:
        yield made


def number_of(one: int) -> str:
    """Return a number in São Paulo."""
    return f"011987650{one:03}"


def contact_of(one: int, number: int) -> NewContact:
    """Return a contact with one of some numbers."""
    return new_contact(one, destination=Personal(number_of(number)))


def key_of(one: int) -> int:
    """Return the key of a number."""
    return CallingRules().called_number(number_of(one)).key


async def until_skipped(ledger: PostgresLedger, count: int) -> None:
    """Wait until so many contacts are skipped."""
    while (await ledger.counts())[State.SKIPPED] < count:  # noqa: ASYNC110 - polled
        await asyncio.sleep(0.02)


def worker_of(
    address: str, client: DigitroClient, *campaigns: str, until_done: bool = True
) -> Worker:
    """Return a worker that calls each number once."""
    return Worker(
        InProcessEngine(),
        client,
        lambda name: PostgresLedger(address, name, shares_caps=True),
        campaigns,
        call=CALL,
        settings=FAST,
        rules=CallingRules(caps=(ONCE_EVER,)),
        until_done=until_done,
    )


async def counts_of(address: str, campaign: str) -> dict[State, int]:
    """Return how many contacts are in each state."""
    async with PostgresLedger(address, campaign) as ledger:
        return some(await ledger.counts())


async def test_a_number_of_many_contacts(address: str) -> None:
    """Each number is called once, whichever campaign and worker has its contacts."""
    for name in CAMPAIGNS:
        async with PostgresLedger(address, name) as ledger:
            await ledger.add([contact_of(one, one % 12) for one in range(1, 25)])
    async with FakePABX(latency=0.01) as pabx:

        async def work() -> None:
            settings = pabx.settings(max_in_flight=8)
            async with (
                DigitroClient(settings, retry=ONCE, pause=NEVER) as client,
                worker_of(address, client, *CAMPAIGNS) as results,
            ):
                async for _ in results:
                    pass

        await asyncio.gather(work(), work())
        called = Counter(one.destination for one in pabx.calls)

    assert called == {number_of(one): 1 for one in range(12)}
    states = [await counts_of(address, name) for name in CAMPAIGNS]
    total = Counter[State]()
    for one in states:
        total.update(one)
    assert total == {State.ACCEPTED: 12, State.SKIPPED: 36}


async def test_a_block_of_another_process(address: str) -> None:
    """What another process blocks is not called, in any campaign, from its look on."""
    async with PostgresLedger(address, "spring") as other:
        await other.add([contact_of(1, 1), contact_of(2, 2)])
        await other.schedule.block(key_of(2), reason="asked", until=None, now=NOW)
        async with (
            FakePABX() as pabx,
            DigitroClient(pabx.settings(), retry=ONCE, pause=NEVER) as client,
            worker_of(address, client, "spring", until_done=False) as worker,
        ):
            await anext(worker)
            await other.schedule.block(key_of(3), reason="asked", until=None, now=NOW)
            assert worker.heeding is not None
            await worker.heeding.look()
            await other.add([contact_of(3, 3), contact_of(4, 4)])
            await anext(worker)
            await until_skipped(other, 2)
            called = [one.destination for one in pabx.calls]

    assert called == [number_of(1), number_of(4)]
