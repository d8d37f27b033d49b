"""What is committed late in a database is handed on all the same, and in order."""

import asyncio
import random
import threading
import time
from pathlib import Path

import psycopg
import pytest
from ledgers import NOW, PostgresShelf, accept, an_end, end_call, open_intents
from postgres_server import needs_postgres
from result_feeds import feed_of, read_all

from digitro_async import Disposition

pytestmark = needs_postgres

ACCEPT = 4

_ADD = (
    "INSERT INTO digitro.event (campaign, contact, step, at) VALUES (1, %s, %s, %s)"
    " RETURNING sequence"
)


def add(connection: psycopg.Connection, contact: int) -> None:
    """Add an event, in the transaction that goes on."""
    connection.execute(_ADD, (contact, ACCEPT, NOW + contact))


async def test_lower_number_committed_later(tmp_path: Path) -> None:
    """Nothing is handed on while a lower number may come to be seen."""
    shelf = PostgresShelf(tmp_path)
    async with shelf.ledger():
        pass
    with (
        shelf.server.connect(shelf.name) as first,
        shelf.server.connect(shelf.name) as second,
    ):
        first.autocommit = second.autocommit = False
        add(first, 1)
        add(second, 2)
        second.commit()
        async with feed_of(shelf) as feed:
            before = await read_all(feed)
            first.commit()
            after = await read_all(feed)

    assert before == []
    assert [one.contact for one in after] == [1, 2]


async def test_end_committed_later(tmp_path: Path) -> None:
    """An end with a lower number is not passed over either."""
    shelf = PostgresShelf(tmp_path)
    async with shelf.ledger() as ledger:
        await open_intents(ledger, 2)
        await accept(ledger, 1, "1")
        await accept(ledger, 2, "2")
        with shelf.server.connect(shelf.name) as connection:
            connection.autocommit = False
            connection.execute(
                "INSERT INTO digitro.call_end (intent, contact, campaign, disposition,"
                " evidence) SELECT intent, number, campaign, 2, 'call_id'"
                " FROM digitro.contact WHERE number = 1"
            )
            await end_call(ledger, 2, an_end(Disposition.FAX, "2"))
            async with feed_of(shelf) as feed:
                before = await read_all(feed)
                connection.commit()
                after = await read_all(feed)

    assert [one.contact for one in before if one.end] == []
    assert [one.contact for one in (*before, *after) if one.end] == [1, 2]


def _write(shelf: PostgresShelf, seed: int, rounds: int) -> None:
    """Commit events in transactions of different lengths, some of which fail."""
    lots = random.Random(seed)
    with shelf.server.connect(shelf.name) as connection:
        connection.autocommit = False
        for number in range(rounds):
            for place in range(lots.randint(1, 3)):
                add(connection, seed * 1_000_000 + number * 10 + place)
                time.sleep(lots.choice((0, 0, 0.002)))
            if lots.random() < 0.1:
                connection.rollback()
            else:
                connection.commit()


async def _none_left_out(shelf: PostgresShelf, rounds: int) -> None:
    async with shelf.ledger():
        pass
    threads = [
        threading.Thread(target=_write, args=(shelf, seed, rounds))
        for seed in (1, 2, 3)
    ]
    for one in threads:
        one.start()
    found: list[int] = []
    async with feed_of(shelf) as feed:
        while any(one.is_alive() for one in threads):
            found += [one.contact for one in await read_all(feed, 7)]
            await asyncio.sleep(0.005)
        found += [one.contact for one in await read_all(feed)]
    with shelf.server.connect(shelf.name) as connection:
        rows = connection.execute(
            "SELECT contact FROM digitro.event ORDER BY sequence"
        ).fetchall()

    assert found == [contact for (contact,) in rows]


async def test_none_left_out(tmp_path: Path) -> None:
    """Of what several write at once nothing is left out, and nothing comes twice."""
    await _none_left_out(PostgresShelf(tmp_path), 40)


@pytest.mark.long
async def test_none_left_out_for_long(tmp_path: Path) -> None:
    """The same holds of some ten thousand events."""
    await _none_left_out(PostgresShelf(tmp_path), 2_000)
