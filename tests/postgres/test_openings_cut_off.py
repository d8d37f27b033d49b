"""Who opens a ledger in a database, or its results, may be cut off at any moment."""

import asyncio
from collections.abc import Iterator

import pytest
from helpers import until
from ledgers import accept, open_intents
from postgres_server import database, needs_postgres, shared_server

from digitro_async import LedgerError
from digitro_async.ledger import PostgresLedger, open_result_feed

pytestmark = needs_postgres


@pytest.fixture
def address() -> Iterator[str]:
    """Make a database."""
    with database() as made:
        yield made


def connections(address: str) -> int:
    """Return how many connections a database has."""
    name = address.rpartition("/")[2]
    with shared_server().connect("postgres", "postgres") as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        return int(str((found.fetchone() or (0,))[0]))


def end_connections(address: str) -> None:
    """End every connection to a database, as an administrator does."""
    name = address.rpartition("/")[2]
    with shared_server().connect("postgres", "postgres") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (name,),
        )


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8])
async def test_an_opening_that_is_cancelled(address: str, turns: int) -> None:
    """Whenever an opening is cancelled, no connection stays open."""
    opening = asyncio.ensure_future(PostgresLedger(address).__aenter__())
    for _ in range(turns):
        await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    others = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
    if others:
        await asyncio.wait(others, timeout=30)

    await until(lambda: not connections(address))


async def test_a_confirmation_over_a_lost_connection(address: str) -> None:
    """Results that can't be confirmed say so each time, and come again."""
    async with PostgresLedger(address) as ledger:
        await open_intents(ledger, 1)
        await accept(ledger, 1, "1")
    async with open_result_feed(address) as feed:
        page = None
        while page is None:
            page = await feed.read(9)
        end_connections(address)
        for _ in range(2):
            with pytest.raises(LedgerError, match="lost"):
                await feed.confirm(page)
        again = None
        while again is None:
            again = await feed.read(9)
        await feed.confirm(again)

        assert again.results == page.results
        assert await feed.read(9) is None
