"""Numbered SQL files, each applied in one transaction with the record that it was."""

import sqlite3

from digitro_async.errors import SchemaMismatchError
from digitro_async.ledger._sql_files import numbered_scripts

__all__ = ["latest_version", "migrate", "version_of"]


def _migrations() -> tuple[tuple[int, str], ...]:
    return numbered_scripts("digitro_async.ledger.sqlite")


def latest_version() -> int:
    """Return the version of the schema that this library works with."""
    return _migrations()[-1][0]


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of a ledger's schema; 0 where there is none yet."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a ledger's schema up to date.

    SQLite keeps the version inside the file's head, so it changes in the same
    transaction as the tables.

    Args:
        connection: In autocommit mode.

    Raises:
        SchemaMismatchError: If a newer version of the library made it.
    """
    before = version_of(connection)
    if before > latest_version():
        raise SchemaMismatchError(
            f"the ledger has schema {before}, this library knows up to "
            f"{latest_version()}: use the version that made it",
            reason="newer_schema",
        )
    for version, script in _migrations():
        if version > before:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {version};\nCOMMIT;"
            )
