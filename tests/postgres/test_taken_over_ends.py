"""Calls of owners that are gone get their ends by others, and one end each."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from call_event_scenes import END_TIMEOUT, listening, open_channel, tell
from campaigns import CALL, ScriptedClient, contacts, scripted
from helpers import ScriptedTransport
from ledgers import (
    LEASE,
    NOW,
    accept,
    an_end,
    end_call,
    intend,
    new_contact,
    open_intents,
)
from postgres_server import database, needs_postgres, shared_server

from digitro_async import CallPhase, Campaign, Disposition
from digitro_async.ledger import AwaitedEnd, ClaimOwner, Ledger, PostgresLedger
from digitro_async.workers import InProcessEngine, SlicingSettings, Worker

pytestmark = needs_postgres

IDS = ["one 1", "one 2", "one 3"]
GONE, TAKER, THIRD = ClaimOwner("gone"), ClaimOwner("taker"), ClaimOwner("third")


@pytest.fixture
def address() -> Iterator[str]:
    """Make a database."""
    with database() as made:
        yield made


def execute(address: str, statement: str, values: Sequence[object] = ()) -> None:
    """Execute a statement as the superuser."""
    name = address.rpartition("/")[2]
    with shared_server().connect(name, "postgres") as connection:
        connection.execute(statement.encode(), values)


def end_leases(address: str, *owners: ClaimOwner, ago: float = 1.0) -> None:
    """Let the leases of owners be over for some seconds; of all for none."""
    execute(
        address,
        "UPDATE digitro.owner SET lease_until = clock_timestamp()"
        "  - %s * interval '1 second' WHERE %s OR id = ANY (%s)",
        (ago, not owners, [owner.id for owner in owners]),
    )


async def left_behind(ledger: Ledger, count: int = 3) -> None:
    """Leave calls behind that were accepted, and whose ends are waited for."""
    await ledger.ends.expect(GONE, {"one": END_TIMEOUT})
    for number in await open_intents(ledger, count, GONE):
        await accept(ledger, number, str(number), owner=GONE)


async def taken(
    ledger: PostgresLedger, owner: ClaimOwner = TAKER, *pabx: str
) -> list[int]:
    """Take calls over that "one", or others, have; return their numbers."""
    return numbers(await ledger.ends.take_over(owner, LEASE, pabx or ("one",)))


def numbers(awaited: Sequence[AwaitedEnd]) -> list[int]:
    """Return the numbers of the contacts of calls."""
    return [one.number for one in awaited]


class TestTaking:
    """Each call without an end is followed by one owner that lives."""

    async def test_an_owner_that_lives(self, address: str) -> None:
        """Calls of an owner whose lease goes on are left to it."""
        async with PostgresLedger(address) as ledger:
            await left_behind(ledger)

            assert await taken(ledger) == []

    async def test_an_owner_that_is_gone(self, address: str) -> None:
        """One gets the calls of an owner that is gone, as they were, and once."""
        async with PostgresLedger(address) as ledger:
            await left_behind(ledger, 2)
            end_leases(address, GONE)
            awaited = await ledger.ends.take_over(TAKER, LEASE, ["one"])

            assert awaited == await ledger.ends.awaited()
            assert awaited[0] == AwaitedEnd(
                number=1, pabx="one", call_id="1", since=NOW + 1, timeout=END_TIMEOUT
            )
            assert await taken(ledger) == []
            assert await taken(ledger, THIRD) == []

    async def test_many_at_once(self, address: str) -> None:
        """Of many that take at once, one gets each call."""
        async with PostgresLedger(address) as one, PostgresLedger(address) as other:
            await left_behind(one, 20)
            end_leases(address, GONE)
            found = await asyncio.gather(
                *(taken(one, ClaimOwner(f"one {n}")) for n in range(4)),
                *(taken(other, ClaimOwner(f"other {n}")) for n in range(4)),
            )

            assert sorted(n for numbers in found for n in numbers) == list(range(1, 21))

    async def test_a_taker_that_is_gone(self, address: str) -> None:
        """What one took that is gone too goes to the next."""
        async with PostgresLedger(address) as ledger:
            await left_behind(ledger)
            end_leases(address, GONE)
            await taken(ledger)
            await end_call(ledger, 2, an_end(Disposition.ANSWERED, "2"))
            end_leases(address, TAKER)

            assert await taken(ledger, THIRD) == [1, 3]

    async def test_ends_that_are_known(self, address: str) -> None:
        """Calls that have their ends are nobody's, and unknown ones get one."""
        async with PostgresLedger(address) as ledger:
            await ledger.ends.expect(GONE, {"one": END_TIMEOUT})
            await open_intents(ledger, 3, GONE)
            await accept(ledger, 1, "1", owner=GONE)
            await end_call(ledger, 1, an_end(Disposition.BUSY, "1"))
            end_leases(address, GONE)
            await ledger.recover()

            assert await taken(ledger) == [2, 3]

    async def test_a_pabx_of_others(self, address: str) -> None:
        """Calls to a PABX that the taker doesn't hear are its own once out of time."""
        async with PostgresLedger(address) as ledger:
            await left_behind(ledger)
            end_leases(address, GONE)
            early = await taken(ledger, TAKER, "two")
            end_leases(address, GONE, ago=END_TIMEOUT + 1)

            assert early == []
            assert await taken(ledger, TAKER, "two") == [1, 2, 3]

    async def test_an_owner_that_goes_on(self, address: str) -> None:
        """Later calls of an owner that was frozen are taken once it is gone again."""
        async with PostgresLedger(address) as ledger:
            await left_behind(ledger)
            end_leases(address, GONE)
            await taken(ledger)
            await ledger.renew(GONE, LEASE)
            await ledger.add([new_contact(99)])
            (claimed,) = await ledger.claim(1, GONE, LEASE)
            await intend(ledger, claimed.number, "one", NOW, GONE)
            await accept(ledger, claimed.number, "99", owner=GONE)
            end_leases(address, GONE, ago=0.0)

            assert await taken(ledger, THIRD) == [claimed.number]

    async def test_other_campaigns(self, address: str) -> None:
        """Who dials one campaign takes no call of another."""
        async with PostgresLedger(address) as one, PostgresLedger(address, "b") as b:
            await left_behind(one)
            end_leases(address, GONE)

            assert await taken(b) == []
            assert await taken(one) == [1, 2, 3]


async def dialled_and_gone(address: str, end_timeout: float = END_TIMEOUT) -> None:
    """Dial three contacts by a run that is gone before any end was told.

    Of a short time for their ends, all is left, however slow this is: they are
    answered in the future.
    """
    async with PostgresLedger(address, shares_caps=True) as ledger:
        pabx = listening(end_timeout)
        campaign, client = scripted(ledger, ScriptedTransport(), pabx=pabx)
        async with client:
            await campaign.add(contacts(3))
            async with campaign.run(wait_for_ends=False) as results:
                assert [result.call_id async for result in results] == IDS
    end_leases(address)
    if end_timeout < END_TIMEOUT:
        execute(address, "UPDATE digitro.contact SET settled_at = settled_at + 3600")


def client_of(end_timeout: float = END_TIMEOUT) -> ScriptedClient:
    """Return a client that hears the events that a test tells."""
    return ScriptedClient(ScriptedTransport(), listening(end_timeout))


async def ends_are(
    ledger: PostgresLedger, expected: Sequence[Disposition | None]
) -> None:
    """Wait until what became of each call is in the ledger, and is this."""
    async with asyncio.timeout(60):
        while True:
            found = [entry.end async for entry in ledger.entries()]
            if [one and one.disposition for one in found] == expected:
                return
            await asyncio.sleep(0.05)


class TestFollowing:
    """A run that goes on follows the calls that it took over."""

    async def test_what_events_tell(self, address: str) -> None:
        """The events of the taker tell the ends, and its own end waits for them."""
        await dialled_and_gone(address)
        async with PostgresLedger(address, shares_caps=True) as ledger:
            async with (
                client_of() as client,
                Campaign(ledger, client, call=CALL).run() as run,
            ):
                open_channel(client)
                await run.take_over_ends(LEASE)
                counted = client.statistics().pabx["one"].in_progress
                for call_id in IDS:
                    tell(client, call_id, CallPhase.ENDED, Disposition.ANSWERED)
                results = [result async for result in run]

            assert (counted, results) == (3, [])
            await ends_are(ledger, [Disposition.ANSWERED] * 3)

    async def test_what_events_told_before(self, address: str) -> None:
        """An end that the taker heard before it took the call counts."""
        await dialled_and_gone(address)
        async with PostgresLedger(address, shares_caps=True) as ledger:
            async with (
                client_of() as client,
                Campaign(ledger, client, call=CALL).run() as run,
            ):
                open_channel(client)
                tell(client, IDS[0], CallPhase.ENDED, Disposition.BUSY)
                await run.take_over_ends(LEASE)
                for call_id in IDS[1:]:
                    tell(client, call_id, CallPhase.ENDED, Disposition.ANSWERED)
                async for _ in run:
                    pass

            await ends_are(ledger, [Disposition.BUSY, *[Disposition.ANSWERED] * 2])

    async def test_what_no_event_tells(self, address: str) -> None:
        """What nothing tells is none seen by the deadline of the gone run."""
        await dialled_and_gone(address, end_timeout=1.0)
        async with (
            PostgresLedger(address, shares_caps=True) as ledger,
            client_of() as client,
            Campaign(ledger, client, call=CALL).run() as run,
        ):
            open_channel(client)
            await run.take_over_ends(LEASE)
            await ends_are(ledger, [Disposition.NONE_SEEN] * 3)

    async def test_an_end_after_the_deadline(self, address: str) -> None:
        """An end that is told after the deadline takes the place of none seen."""
        await dialled_and_gone(address, end_timeout=1.0)
        async with PostgresLedger(address, shares_caps=True) as ledger:
            async with (
                client_of() as client,
                Campaign(ledger, client, call=CALL).run() as run,
            ):
                open_channel(client)
                await run.take_over_ends(LEASE)
                await ends_are(ledger, [Disposition.NONE_SEEN] * 3)
                for call_id in IDS:
                    tell(client, call_id, CallPhase.ENDED, Disposition.ANSWERED)
                async for _ in run:
                    pass

            await ends_are(ledger, [Disposition.ANSWERED] * 3)

    @pytest.mark.parametrize("is_told", [True, False])
    async def test_a_worker(self, address: str, *, is_told: bool) -> None:
        """A worker takes them over by itself, while it has nothing else to do."""
        await dialled_and_gone(address, END_TIMEOUT if is_told else 1.0)
        settings = SlicingSettings(look=0.02, clean_up=0.05)
        async with (
            PostgresLedger(address) as ledger,
            client_of() as client,
            Worker(
                InProcessEngine(),
                client,
                lambda name: PostgresLedger(address, name, shares_caps=True),
                ["default"],
                call=CALL,
                settings=settings,
                wait_for_ends=False,
            ),
        ):
            open_channel(client)
            for call_id in IDS if is_told else ():
                tell(client, call_id, CallPhase.ENDED, Disposition.ANSWERED)
            told = Disposition.ANSWERED if is_told else Disposition.NONE_SEEN
            await ends_are(ledger, [told] * 3)
