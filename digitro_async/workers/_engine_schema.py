"""The tables of procrastinate in a schema of their own, made where they are missing."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import conninfo, sql

from digitro_async._common.waiting import within
from digitro_async.errors import EngineError, SchemaMismatchError

__all__ = ["SCHEMA", "install_schema"]

SCHEMA: Final = "digitro_jobs"
"""The schema of the engine's tables."""

_LOCK: Final = 0x44474A31
"""The advisory lock of those who make the schema: "DGJ1"."""

_COMMENT: Final = """\
SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"""


async def install_schema(url: str, seconds: float) -> tuple[str, Mapping[str, Any]]:
    """Make the schema where it is missing; return how to connect to it.

    Args:
        url: Where the database is.
        seconds: Longest time of it all; a statement has that time too.

    Raises:
        EngineError: If the database can't be reached.
        SchemaMismatchError: If the schema is that of another release of procrastinate.
    """
    kwargs = _connection_of(url, seconds)
    mark = _mark()
    problem, known = "", None
    try:
        known = await within(2 * seconds, _install(url, kwargs, mark))
    except (psycopg.Error, TimeoutError) as error:
        problem = type(error).__name__
    if problem:
        raise EngineError(
            f"the database that moves slices can't be reached, or forbids the schema "
            f"{SCHEMA} ({problem})",
            reason="unreachable",
        )
    if known != mark:
        raise SchemaMismatchError(
            f"the schema {SCHEMA} was made by another release of procrastinate: stop "
            f"every worker, then DROP SCHEMA {SCHEMA} CASCADE; it is made anew, and "
            "holds nothing that the ledger doesn't",
            reason="engine_schema",
        )
    return url, kwargs


def _connection_of(url: str, seconds: float) -> Mapping[str, Any]:
    """Return the parameters by which the engine connects, beside the URL."""
    options = conninfo.conninfo_to_dict(url).get("options", "")
    own = f"-c search_path={SCHEMA} -c statement_timeout={int(seconds * 1000)}"
    return {
        "options": f"{options} {own}".strip(),
        "connect_timeout": max(2, int(seconds)),
        "application_name": "digitro engine",
    }


def _mark() -> str:
    """Return the text by which a release of the schema is known again."""
    schema = SchemaManager.get_schema().encode()
    return f"procrastinate {hashlib.blake2b(schema, digest_size=8).hexdigest()}"


async def _install(url: str, kwargs: Mapping[str, Any], mark: str) -> str:
    connecting = psycopg.AsyncConnection.connect(url, autocommit=True, **kwargs)
    async with await connecting as connection:
        known = await _comment(connection)
        if known is not None:
            return known
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            known = await _comment(connection)
            if known is not None:  # somebody else made it meanwhile
                return known
            name = sql.Identifier(SCHEMA)
            await connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
            await connection.execute(SchemaManager.get_schema().encode())
            text = sql.SQL("COMMENT ON SCHEMA {} IS {}").format(name, mark)
            await connection.execute(text)
            return mark


async def _comment(connection: psycopg.AsyncConnection[Any]) -> str | None:
    """Return the comment of the schema, empty for none; None without a schema."""
    cursor = await connection.execute(_COMMENT, (SCHEMA,))
    row = await cursor.fetchone()
    return None if row is None else row[0] or ""
