"""Numbered SQL files that make the schema ``digitro``, each applied once.

Whoever opens a ledger brings its database up to date. Two that do so at once wait for
each other, and all files that are missing are applied in one transaction.
"""

from typing import Any, Final

import psycopg

from digitro_async.errors import SchemaMismatchError
from digitro_async.ledger._sql_files import numbered_scripts

__all__ = ["check_version", "latest_version", "migrate"]

_LOCK: Final = 0x44474C31
"""The advisory lock of those who change the schema: "DGL1"."""

_BEGIN: Final = """
CREATE SCHEMA IF NOT EXISTS digitro;
CREATE TABLE IF NOT EXISTS digitro.schema_version (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    version integer NOT NULL
);
INSERT INTO digitro.schema_version (version) VALUES (0) ON CONFLICT DO NOTHING;
"""

_Connection = psycopg.AsyncConnection[tuple[Any, ...]]


def _migrations() -> tuple[tuple[int, str], ...]:
    return numbered_scripts("digitro_async.ledger.postgres")


def latest_version() -> int:
    """Return the version of the schema that this library works with."""
    return _migrations()[-1][0]


def check_version(version: int) -> None:
    """Refuse the schema of a newer version of the library.

    Raises:
        SchemaMismatchError: If it is newer.
    """
    if version > latest_version():
        raise SchemaMismatchError(
            f"the database has schema {version} of a ledger, this library knows up to "
            f"{latest_version()}: use the version that made it",
            reason="newer_schema",
        )


async def migrate(connection: _Connection) -> None:
    """Bring the schema of a database up to date.

    Args:
        connection: In autocommit mode.

    Raises:
        SchemaMismatchError: If a newer version of the library made it.
        psycopg.Error: If PostgreSQL says so.
    """
    # Looked at first: nobody who only dials needs to be allowed to change the schema.
    version = await _version_of(connection)
    check_version(version)
    if version == latest_version():
        return
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        await connection.execute(_BEGIN)
        version = await _version_of(connection)
        check_version(version)
        for number, script in _migrations():
            if number > version:
                await connection.execute(script.encode())
                await connection.execute(
                    "UPDATE digitro.schema_version SET version = %s",
                    (number,),
                )


async def _version_of(connection: _Connection) -> int:
    """Return the version of a database's schema; 0 where there is none yet."""
    found = await connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL", ("digitro.schema_version",)
    )
    is_there = (await found.fetchone() or (False,))[0]
    if not is_there:
        return 0
    found = await connection.execute("SELECT version FROM digitro.schema_version")
    row = await found.fetchone()
    return 0 if row is None else int(row[0])
