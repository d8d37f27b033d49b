"""A connection that is lost: what is durable is found out; nobody is called twice."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
from ledgers import (
    NOW,
    OWNER,
    accept,
    claim,
    contacts,
    entry_of,
    intend,
    open_intents,
    release,
    settle,
    some,
    states,
)
from lossy_proxy import LossyProxy
from mute_proxy import MuteProxy
from postgres_server import (
    PostgresServer,
    database,
    needs_postgres,
    shared_server,
)

from digitro_async import ClaimLostError, LedgerError
from digitro_async.ledger import PostgresLedger, State, Step

pytestmark = needs_postgres

SELECTED, COMMITTED = b"SELECT 1\x00", b"COMMIT\x00"


@pytest.fixture
def address() -> Iterator[str]:
    """Make a database."""
    with database() as made:
        yield made


@pytest.fixture
async def proxy() -> AsyncIterator[LossyProxy]:
    """Start a way to the server that can lose replies."""
    async with LossyProxy(shared_server().port) as one:
        yield one


def behind(proxy: LossyProxy, address: str) -> PostgresLedger:
    """Return the ledger, by way of the proxy."""
    port = str(shared_server().port)
    return PostgresLedger(address.replace(port, str(proxy.port)))


def steps_of(address: str, contact: int) -> list[int]:
    """Return the steps of a contact, in order."""
    name = address.rpartition("/")[2]
    with shared_server().connect(name) as connection:
        rows = connection.execute(
            "SELECT step FROM digitro.event WHERE contact = %s ORDER BY sequence",
            (contact,),
        )
        return [int(str(step)) for (step,) in rows]


def end_connections(address: str) -> None:
    """End every connection to a database, as an administrator does."""
    name = address.rpartition("/")[2]
    with shared_server().connect("postgres", "postgres") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (name,),
        )


async def test_an_intent_whose_reply_is_lost(address: str, proxy: LossyProxy) -> None:
    """An intent of which nobody heard that it is durable is taken back."""
    async with behind(proxy, address) as ledger:
        await ledger.add(contacts(2))
        await claim(ledger, 2)
        proxy.lose(SELECTED)
        with pytest.raises(ClaimLostError) as caught:
            await intend(ledger, 1, "one", NOW)

        assert caught.value.reason == "claim_lost"
        assert await states(ledger) == {1: State.PENDING, 2: State.CLAIMED}
        assert steps_of(address, 1) == [3, 7]  # it was durable, and not placed
        assert [one.attempts for one in await claim(ledger, 9)] == [1]
        await intend(ledger, 1, "one", NOW + 1)
    assert proxy.lost == 1


async def test_an_outcome_whose_reply_is_lost(address: str, proxy: LossyProxy) -> None:
    """An outcome that is durable is told so, and is written once."""
    async with behind(proxy, address) as ledger:
        await open_intents(ledger, 3)
        proxy.lose(SELECTED)
        told = await asyncio.gather(
            accept(ledger, 1, "7"),
            settle(ledger, 2, Step.NOT_PLACED, "one", NOW, reason="throttled"),
            accept(ledger, 3, "7"),
        )

        assert list(told) == [State.ACCEPTED, State.CLAIMED, State.UNKNOWN]
        assert [steps_of(address, one) for one in (1, 2, 3)] == [[3, 4], [3, 7], [3, 6]]
    assert proxy.lost == 1


@pytest.mark.parametrize("reply", [b"BEGIN\x00", COMMITTED])
async def test_a_page_whose_reply_is_lost(
    address: str, proxy: LossyProxy, reply: bytes
) -> None:
    """Contacts are put in once, whether or not their commit had come through."""
    async with behind(proxy, address) as ledger:
        number = await ledger.begin_import(now=NOW)
        proxy.lose(reply)
        added = await ledger.add(contacts(5), importing=number)
        (read,) = await ledger.imports()

        assert [one.new for one in added] == [True] * 5
        assert (read.new, read.known) == (5, 0)
        assert some(await ledger.counts()) == {State.PENDING: 5}
    assert proxy.lost == 1


async def test_calls_while_connections_end(address: str) -> None:
    """Through many lost connections each intent that counts is there, once."""
    async with PostgresLedger(address) as ledger:
        await ledger.add(contacts(60))
        for one in await claim(ledger, 60):
            if one.number % 20 == 0:
                end_connections(address)
            try:
                await intend(ledger, one.number, "one", NOW)
            except ClaimLostError:
                continue
            await accept(ledger, one.number, str(one.number))
        found = await states(ledger)

        assert set(found.values()) <= {State.ACCEPTED, State.PENDING}
        for number, state in found.items():
            steps = steps_of(address, number)
            assert steps.count(4) == (state is State.ACCEPTED)


async def test_a_server_that_crashes() -> None:
    """A server that crashes and comes back has all that was told to be durable."""
    server = PostgresServer()
    try:
        address = server.address(server.create_database())
        async with PostgresLedger(address, patience=60) as ledger:
            await ledger.add(contacts(40))
            numbers = [one.number for one in await claim(ledger, 40)]
            await asyncio.gather(*(intend(ledger, n, "one", NOW) for n in numbers))
            await asyncio.gather(*(accept(ledger, n, str(n)) for n in numbers[:20]))
            await asyncio.to_thread(server.stop, signal.SIGQUIT)
            late = asyncio.gather(*(accept(ledger, n, str(n)) for n in numbers[20:]))
            await asyncio.to_thread(server.start)

            assert await late == [State.ACCEPTED] * 20
            assert some(await ledger.counts()) == {State.ACCEPTED: 40}
    finally:
        server.remove()


async def test_reading_through_a_crash() -> None:
    """Who reads waits for a server that comes back, too."""
    server = PostgresServer()
    try:
        address = server.address(server.create_database())
        async with PostgresLedger(address, patience=60) as ledger:
            await ledger.add(contacts(3))
            await ledger.set_setting("a", "b")
            assert await ledger.get_setting("a") == "b"
            await asyncio.to_thread(server.stop, signal.SIGQUIT)
            late = asyncio.ensure_future(ledger.get_setting("a"))
            await asyncio.to_thread(server.start)

            assert await late == "b"
            assert some(await ledger.counts()) == {State.PENDING: 3}
    finally:
        server.remove()


async def test_a_server_that_stays_away() -> None:
    """Where the server stays away nothing more is written, and that is told once."""
    server = PostgresServer()
    told: list[LedgerError] = []
    try:
        address = server.address(server.create_database())
        ledger = await PostgresLedger(address, patience=0.5).__aenter__()
        ledger.on_loss(told.append)
        await ledger.add(contacts(2))
        await claim(ledger, 2)
        await asyncio.to_thread(server.stop, signal.SIGQUIT)
        for number in (1, 2):
            with pytest.raises(LedgerError, match="was lost") as caught:
                await intend(ledger, number, "one", NOW)
            assert caught.value.reason == "ledger_gone"
        await ledger.__aexit__(None, None, None)
    finally:
        server.remove()

    assert [error.reason for error in told] == ["ledger_gone"]


async def test_synchronous_commit_that_was_set_off(address: str) -> None:
    """A server that stops to sync is noticed with the next connection, and refused."""
    name = address.rpartition("/")[2]
    async with PostgresLedger(address) as ledger:
        await ledger.add(contacts(2))
        await claim(ledger, 2)
        with shared_server().connect(name) as connection:
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        end_connections(address)
        with pytest.raises(LedgerError, match="synchronous_commit is off") as caught:
            await intend(ledger, 1, "one", NOW)

        assert caught.value.reason == "unsafe_server"


async def test_another_ledger_in_its_place(address: str) -> None:
    """A database that became another one meanwhile is not written to."""
    name = address.rpartition("/")[2]
    async with PostgresLedger(address) as ledger:
        await ledger.add(contacts(1))
        with shared_server().connect(name) as connection:
            connection.execute("UPDATE digitro.campaign SET identity_key = '\\x00'")
        end_connections(address)
        with pytest.raises(LedgerError, match="another ledger now") as caught:
            await release(ledger, [1])

        assert caught.value.reason == "ledger_gone"


async def test_a_cancelled_intent(address: str) -> None:
    """An intent whose task is cancelled is written all the same."""
    async with PostgresLedger(address) as ledger:
        await ledger.add(contacts(1))
        await claim(ledger, 1)
        task = asyncio.ensure_future(ledger.intend(1, OWNER, "one", NOW))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ledger.set_setting("a", "b")

        assert (await entry_of(ledger, 1)).state is State.INTENT


async def test_a_server_that_is_mute(address: str) -> None:
    """A connection that stays open and says nothing is cut off, and made again."""
    port = shared_server().port
    async with MuteProxy(port) as way:
        url = address.replace(str(port), str(way.port))
        async with PostgresLedger(url, timeout=2.0, patience=300) as ledger:
            await ledger.add(contacts(2))
            await claim(ledger, 2)
            way.mute()
            begun = asyncio.ensure_future(ledger.intend(1, OWNER, "one", NOW))
            await asyncio.sleep(0.5)  # it is on its way then
            waiting = asyncio.ensure_future(ledger.intend(2, OWNER, "one", NOW))
            with pytest.raises(TimeoutError):  # longer than a statement may take
                await asyncio.wait_for(asyncio.shield(begun), 3)
            way.speak()
            for intent in (begun, waiting):
                with pytest.raises(ClaimLostError):
                    await intent
            await claim(ledger, 2)
            await intend(ledger, 2, "one", NOW)

            assert await states(ledger) == {1: State.CLAIMED, 2: State.INTENT}
