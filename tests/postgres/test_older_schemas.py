# A schema is looked at as it stands in the server, and is made as it was in steps.
"""Databases of earlier versions are brought up to date whole, whatever ends that."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from ledgers import NOW, accept, claim, contacts, intend, states
from postgres_server import database, needs_postgres

from digitro_async.ledger import PostgresLedger, State
from digitro_async.ledger._stored_contacts import hashes_of
from digitro_async.ledger.postgres import _postgres_migrations
from digitro_async.ledger.postgres._postgres_migrations import latest_version, migrate

pytestmark = needs_postgres

KEY = bytes(range(32))
OLDER = range(1, latest_version())

_SCHEMA = """
SELECT 'column', table_name || '.' || column_name,
       data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
  FROM information_schema.columns WHERE table_schema = 'digitro'
UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes
 WHERE schemaname = 'digitro'
UNION ALL SELECT 'function', oid::regprocedure::text, md5(prosrc) FROM pg_proc
 WHERE pronamespace = 'digitro'::regnamespace
UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) FROM pg_trigger
 WHERE NOT tgisinternal
"""
_PEOPLE = """
INSERT INTO digitro.person (campaign, number, hash, id, destination)
VALUES (1, %s, %s, %s, %s)
"""
_CONTACTS = """
INSERT INTO digitro.contact (campaign, number, line, state, owner, sent_at, pabx,
                             call_id, settled_at, attempts)
VALUES (1, 1, 1, 1, NULL, NULL, NULL, NULL, NULL, 0),
       (1, 2, 2, 2, 1, NULL, NULL, NULL, NULL, 0),
       (1, 3, 3, 3, 1, 1.5e9, 'one', NULL, NULL, 1),
       (1, 4, 4, 4, 1, 1.5e9, 'one', 'an id', 1.6e9, 1)
"""
_WAITING = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database()
   AND wait_event_type = 'Lock'
"""


@contextlib.asynccontextmanager
async def connected(
    address: str,
) -> AsyncIterator[psycopg.AsyncConnection[tuple[Any, ...]]]:
    """Connect in autocommit mode."""
    opening = psycopg.AsyncConnection.connect(address, autocommit=True)
    async with await opening as connection:
        yield connection


async def rows(address: str, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    async with connected(address) as connection:
        return await (await connection.execute(statement.encode())).fetchall()


async def make_old(address: str, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """Make a ledger as an earlier version left it, whose owner is gone.

    Its first contact is pending, the second one claimed, the third one was being called
    and the fourth one accepted.
    """
    every = _postgres_migrations._migrations()
    async with connected(address) as connection:
        with monkeypatch.context() as patch:
            patch.setattr(_postgres_migrations, "_migrations", lambda: every[:version])
            await migrate(connection)
        await connection.execute(
            "INSERT INTO digitro.campaign (name, identity_key, contacts)"
            " VALUES ('default', %s, 4)",
            (KEY,),
        )
        await connection.execute(
            "INSERT INTO digitro.owner (id, label, began_at, lease_until)"
            " VALUES ('gone', '', now(), now() - interval '1 hour')"
        )
        for number, digest in enumerate(hashes_of(contacts(4), KEY), 1):
            destination = f"0483281{number:04d}"
            values = (number, digest, f"C{number}", destination)
            await connection.execute(_PEOPLE, values)
        await connection.execute(_CONTACTS)


@pytest.fixture
def address() -> Iterator[str]:
    """Make a database without a schema."""
    with database(migrated=False) as made:
        yield made


@pytest.mark.parametrize("version", OLDER)
async def test_from_each_version(
    address: str, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    """A campaign of each older version is opened, with all that is in it."""
    await make_old(address, monkeypatch, version)
    async with PostgresLedger(address) as ledger:
        added = await ledger.add(contacts(4))
        recovered = ledger.recovered
        found = await states(ledger)
        claimed = await claim(ledger, 9)
        for one in claimed:
            await intend(ledger, one.number, "one", NOW)
        state = await accept(ledger, 1, "an id")

    assert [one.new for one in added] == [False] * 4
    assert recovered == 1
    assert found[1] is found[2] is State.PENDING
    assert (found[3], found[4]) == (State.UNKNOWN, State.ACCEPTED)
    assert [one.number for one in claimed] == [1, 2]
    assert state is State.UNKNOWN  # the PABX gave that call id before


async def test_each_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever version a database had, its schema is that of a new one."""
    with database() as fresh:
        wanted = sorted(await rows(fresh, _SCHEMA))
    for version in OLDER:
        with database(migrated=False) as address:
            await make_old(address, monkeypatch, version)
            async with connected(address) as connection:
                await migrate(connection)

            assert sorted(await rows(address, _SCHEMA)) == wanted


@pytest.mark.parametrize("table", ["listening", "contact", "call_end", "event"])
async def test_cut_off_half_way(
    address: str, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """A migration whose process ends half way leaves all as it was, and is repeated."""
    await make_old(address, monkeypatch, 1)
    before = sorted(await rows(address, _SCHEMA))
    async with connected(address) as reading, connected(address) as changing:
        # Where somebody reads a table, whoever changes it waits.
        async with reading.transaction():
            await reading.execute(f"LOCK TABLE digitro.{table} IN ACCESS SHARE MODE")
            migrating = asyncio.ensure_future(migrate(changing))
            until = time.monotonic() + 60
            while not (found := await rows(address, _WAITING)):
                assert time.monotonic() < until
                assert not migrating.done()
            await rows(address, f"SELECT pg_terminate_backend({found[0][0]})")
            with pytest.raises(psycopg.OperationalError):
                await migrating
        after = sorted(await rows(address, _SCHEMA))
    async with PostgresLedger(address) as ledger:
        counts = await ledger.counts()

    assert after == before
    assert sum(counts.values()) == 4
    assert await rows(address, "SELECT version FROM digitro.schema_version") == [
        (latest_version(),)
    ]
