"""The schema of a PostgreSQL ledger is made by numbered files, and by nothing else."""

import asyncio

import psycopg
import pytest
from postgres_server import database, needs_postgres

from digitro_async.errors import SchemaMismatchError
from digitro_async.ledger.postgres._postgres_migrations import latest_version, migrate

pytestmark = needs_postgres


async def migrated(address: str) -> int:
    """Bring a database up to date and return the version that it says it has."""
    opening = psycopg.AsyncConnection.connect(address, autocommit=True)
    async with await opening as connection:
        await migrate(connection)
        found = await connection.execute("SELECT version FROM digitro.schema_version")
        row = await found.fetchone()
        assert row is not None
        return int(row[0])


async def execute(address: str, statement: bytes) -> None:
    """Execute a statement."""
    opening = psycopg.AsyncConnection.connect(address, autocommit=True)
    async with await opening as connection:
        await connection.execute(statement)


async def test_an_empty_database_gets_the_newest_schema() -> None:
    """A database without a schema has the newest one after the first opening."""
    with database(migrated=False) as address:
        assert await migrated(address) == latest_version()


async def test_twice() -> None:
    """A database that is up to date stays as it is."""
    with database() as address:
        assert await migrated(address) == latest_version()


async def test_many_at_once() -> None:
    """Several that find an empty database at once make one schema together."""
    with database(migrated=False) as address:
        versions = await asyncio.gather(*(migrated(address) for _ in range(6)))

        assert versions == [latest_version()] * 6


async def test_a_newer_schema_is_refused() -> None:
    """A schema of a newer version of the library is refused and left as it is."""
    with database() as address:
        await execute(address, b"UPDATE digitro.schema_version SET version = 9999")
        with pytest.raises(SchemaMismatchError, match="schema 9999"):
            await migrated(address)


async def test_a_migration_that_fails_changes_nothing() -> None:
    """A migration that can't be finished leaves the database as it was."""
    with database(migrated=False) as address:
        await execute(address, b"CREATE SCHEMA digitro CREATE TABLE owner (a int)")
        with pytest.raises(psycopg.Error):
            await migrated(address)
        await execute(address, b"DROP TABLE digitro.owner")

        assert await migrated(address) == latest_version()


async def test_events_are_only_added() -> None:
    """Events are neither changed nor deleted, by whatever statement."""
    with database() as address:
        await execute(
            address,
            b"INSERT INTO digitro.event (contact, at, campaign, step)"
            b" VALUES (1, 1, 1, 1)",
        )
        for statement in (
            b"UPDATE digitro.event SET step = 2",
            b"DELETE FROM digitro.event",
            b"TRUNCATE digitro.event",
            b"TRUNCATE digitro.contact",
        ):
            with pytest.raises(psycopg.errors.RaiseException, match="only ever added"):
                await execute(address, statement)
