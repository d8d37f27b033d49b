"""Of a list that is being put in, nobody is called before all of it is there."""

from collections.abc import Iterator

import pytest
from campaigns import CALL, NEVER, ONCE
from ledgers import NOW, contacts, new_contact
from postgres_server import database, needs_postgres

from digitro_async import Campaign, DigitroClient
from digitro_async.ledger import PostgresLedger, State
from digitro_async.testing import FakePABX
from digitro_async.workers import InProcessEngine, SlicingSettings, Worker

pytestmark = needs_postgres

FAST = SlicingSettings(size=10, look=0.02, come_again=0.05, clean_up=0.05, reopen=0.02)
LIST = contacts(30)
OLDER = [new_contact(number) for number in (901, 902, 903)]


@pytest.fixture
def address() -> Iterator[str]:
    """Make a database."""
    with database() as made:
        yield made


def client_of(pabx: FakePABX) -> DigitroClient:
    """Return a client that pauses for nothing and tries once."""
    return DigitroClient(pabx.settings(), retry=ONCE, pause=NEVER)


def worker_of(
    address: str, client: DigitroClient, *, partial: bool = False, stays: bool = False
) -> Worker:
    """Return a worker that ends when there is nothing that it may dial."""
    return Worker(
        InProcessEngine(),
        client,
        lambda name: PostgresLedger(address, name, shares_caps=True),
        ["default"],
        call=CALL,
        settings=FAST,
        partial=partial,
        until_done=not stays,
    )


async def dialled(address: str, *, partial: bool = False) -> list[object]:
    """Let a worker dial what it may, and return the numbers of these contacts."""
    async with (
        FakePABX() as pabx,
        client_of(pabx) as client,
        worker_of(address, client, partial=partial) as results,
    ):
        called = sorted([int(str(result.key)) async for result in results])
    assert pabx.accepted == len(called)
    return list(called)


async def begin(ledger: PostgresLedger, content: bytes = b"spring") -> int:
    """Begin to put a file in."""
    return await ledger.begin_import(file="spring.csv", size=9, digest=content, now=NOW)


async def test_a_worker_between_two_commits_of_a_list(address: str) -> None:
    """A worker calls nobody of a list until its end, and everybody then."""
    async with PostgresLedger(address) as ledger:
        importing = await begin(ledger)
        await ledger.add(LIST[:15], importing=importing)
        first = await dialled(address)
        await ledger.add(LIST[15:], importing=importing)
        second = await dialled(address)
        await ledger.end_import(importing, now=NOW)

        assert [first, second] == [[], []]
        assert await dialled(address) == list(range(1, 31))


async def test_a_worker_that_runs_meanwhile(address: str) -> None:
    """A worker that is there all the time calls the list once it is whole."""
    async with (
        PostgresLedger(address) as ledger,
        FakePABX() as pabx,
        client_of(pabx) as client,
        worker_of(address, client, stays=True) as results,
    ):
        await ledger.add(OLDER)
        older = [(await anext(results)).key for _ in OLDER]
        importing = await begin(ledger)
        for page in (LIST[:15], LIST[15:]):
            await ledger.add(page, importing=importing)
        counts = await ledger.counts()
        await ledger.end_import(importing, now=NOW)
        called = [(await anext(results)).key for _ in LIST]

    assert sorted(map(str, older)) == ["1", "2", "3"]
    assert counts[State.PENDING] == 30
    assert {int(str(key)) for key in called} == set(range(4, 34))


async def test_older_contacts_and_other_campaigns(address: str) -> None:
    """Contacts that were there before go on, and so do other campaigns."""
    async with (
        PostgresLedger(address) as ledger,
        PostgresLedger(address, "autumn") as other,
    ):
        importing = await begin(other)
        await other.add(LIST, importing=importing)
        await ledger.add(OLDER)
        importing = await begin(ledger)
        await ledger.add([*OLDER, *LIST], importing=importing)

        assert await dialled(address) == [1, 2, 3]


async def test_a_partial_campaign(address: str) -> None:
    """Who asks for a partial campaign gets what is there of a list."""
    async with PostgresLedger(address) as ledger:
        await ledger.add(LIST[:15], importing=await begin(ledger))

        assert await dialled(address) == []
        assert await dialled(address, partial=True) == list(range(1, 16))


async def test_a_list_that_is_put_in_again(address: str) -> None:
    """What a stopped import put in waits for the end of the one that goes on."""
    async with PostgresLedger(address) as ledger:
        await ledger.add(LIST[:15], importing=await begin(ledger))
        importing = await begin(ledger)
        await ledger.add(LIST[:10], importing=importing)
        meanwhile = await dialled(address)
        await ledger.add(LIST[10:], importing=importing)
        await ledger.end_import(importing, now=NOW)

        assert meanwhile == []
        assert await dialled(address) == list(range(1, 31))


async def test_a_list_of_a_program_that_is_put_in_again(address: str) -> None:
    """A list without a file that is given again waits for its own end too."""
    async with PostgresLedger(address) as ledger:
        await ledger.add(LIST[:15], importing=await ledger.begin_import(now=NOW))
        again = await ledger.begin_import(now=NOW)
        await ledger.add(LIST, importing=again)
        meanwhile = await dialled(address)
        await ledger.end_import(again, now=NOW)

        assert meanwhile == []
        assert await dialled(address) == list(range(1, 31))


async def test_two_lists_at_once(address: str) -> None:
    """A whole list that came in behind an unfinished one waits for that one's end."""
    async with PostgresLedger(address) as ledger:
        slow = await begin(ledger)
        await ledger.add(LIST[:10], importing=slow)
        quick = await begin(ledger, b"other")
        await ledger.add(LIST[10:], importing=quick)
        await ledger.end_import(quick, now=NOW)
        meanwhile = await dialled(address)
        await ledger.end_import(slow, now=NOW)

        assert meanwhile == []
        assert await dialled(address) == list(range(1, 31))


async def test_a_run_that_shares_no_caps(address: str) -> None:
    """A run leaves out a list that another process puts in since it began."""
    async with (
        PostgresLedger(address) as ledger,
        PostgresLedger(address) as other,
        FakePABX() as pabx,
        client_of(pabx) as client,
    ):
        await ledger.add(OLDER)
        campaign = Campaign(ledger, client, call=CALL)
        async with campaign.run() as results:
            await other.add(LIST, importing=await begin(other))
            called = [result.key async for result in results]

    assert {int(str(key)) for key in called} == {1, 2, 3}


async def test_a_slice_that_a_list_reaches_into(address: str) -> None:
    """Of a slice, the contacts are given out that a list was not added behind."""
    async with PostgresLedger(address) as ledger:
        await ledger.add(OLDER)
        await ledger.add(LIST, importing=await begin(ledger))
        last = await ledger.whole_until()
        slices = await ledger.pending_slices(2, 99, last=last)

    assert last == 3
    assert [one.numbers for one in slices] == [range(1, 3), range(3, 5)]
