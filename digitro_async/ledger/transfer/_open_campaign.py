"""Opens a campaign in PostgreSQL, or the place for one, to be copied or settled."""

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import attrs
import psycopg

from digitro_async.errors import LedgerError
from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN, LedgerAddress
from digitro_async.ledger.postgres._postgres_errors import no_server, problem_of
from digitro_async.ledger.postgres._postgres_migrations import (
    check_version,
    latest_version,
    migrate,
)
from digitro_async.ledger.postgres._postgres_session import STANDING, backend_of
from digitro_async.ledger.postgres._server_address import ServerAddress, server_address
from digitro_async.ledger.transfer._postgres_copy import (
    FIND_CAMPAIGN,
    PostgresEnd,
    Server,
)

__all__ = ["opened_campaign", "opened_to_read"]


_IS_THERE: Final = "SELECT to_regclass('digitro.schema_version') IS NOT NULL"
_VERSION: Final = "SELECT version FROM digitro.schema_version"
_ANY_CAMPAIGN: Final = """
SELECT name, number FROM digitro.campaign ORDER BY name <> %(name)s, number LIMIT 1
"""


@contextlib.contextmanager
def opened_campaign(
    address: LedgerAddress, *, is_there: bool = False
) -> Iterator[PostgresEnd]:
    """Open a campaign in PostgreSQL, or the place for one, while the block runs.

    Args:
        address: Where it is.
        is_there: Whether it must be there already.

    Raises:
        LedgerError: If it can't be used.
    """
    assert address.server is not None  # noqa: S101 - for the type checker
    campaign = address.campaign or DEFAULT_CAMPAIGN
    place = server_address(address.server, campaign)
    with contextlib.closing(_connected(place)) as connection:
        number = _campaign_number(connection, place, is_there=is_there)
        shown = attrs.evolve(address, campaign=campaign).shown
        yield PostgresEnd(shown, lambda: _connected(place), connection, number, place)


@contextlib.contextmanager
def opened_to_read(address: LedgerAddress) -> Iterator[tuple[PostgresEnd, str | None]]:
    """Show one moment of a campaign, also while it is dialled, and change nothing.

    A role that may only read suffices.

    Args:
        address: The campaign; it need not be there.

    Yields:
        The campaign, and its name; that of another one of the database where it is not
        there, None where there is none.

    Raises:
        LedgerError: If the database can't be read.
    """
    assert address.server is not None  # noqa: S101 - for the type checker
    place = server_address(address.server, address.campaign or DEFAULT_CAMPAIGN)
    with contextlib.closing(_connected(place)) as connection:
        name, number = _campaign_to_read(connection, place)
        own = number if name == place.campaign else None
        end = PostgresEnd(
            address.shown, lambda: _connected(place), connection, own, place
        )
        if name is not None:
            end.snapshot()
        yield end, name


def _campaign_to_read(
    connection: Server, place: ServerAddress
) -> tuple[str | None, int | None]:
    """Return name and number of the campaign, else of any one; None without one.

    Raises:
        LedgerError: If the database can't be read as it is.
    """
    try:
        connection.execute("SET default_transaction_read_only = on")
        standing = connection.execute(STANDING).fetchone()
        backend_of(standing or (), place.name, writes=False)
        is_there = connection.execute(_IS_THERE).fetchone()
        if is_there is None or not is_there[0]:
            return None, None
        (version,) = connection.execute(_VERSION).fetchone() or (0,)
        check_version(version)
        if version < latest_version():
            raise LedgerError(
                f"{place.name} is of an earlier version: whoever dials it, or puts a "
                "list in, brings it up to date first",
                reason="other_schema",
            )
        row = connection.execute(_ANY_CAMPAIGN, {"name": place.campaign}).fetchone()
    except psycopg.Error as error:
        problem = problem_of(error)
    else:
        return (None, None) if row is None else (str(row[0]), int(row[1]))
    raise no_server(place.name, problem)


def _connected(place: ServerAddress) -> Server:
    """Return a connection in autocommit mode.

    Raises:
        LedgerError: If there is none to be had.
    """
    try:
        connection = psycopg.connect(place.conninfo.reveal(), autocommit=True)
        # One end rests while the other one is compared, however long that takes.
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.execute("SET statement_timeout = 0")
    except psycopg.Error as error:
        problem = problem_of(error)
    else:
        return connection
    raise no_server(place.name, problem)


def _campaign_number(
    connection: Server, place: ServerAddress, *, is_there: bool
) -> int | None:
    """Return the number of a campaign in a database of the latest schema.

    Raises:
        LedgerError: If the server can't keep a ledger as it is set, or there is no such
            campaign and must be one.
    """
    try:
        standing = connection.execute(STANDING).fetchone()
        # Before anything is changed there.
        backend_of(standing or (), place.name, writes=True)
        _bring_up_to_date(place)
        connection.execute("SELECT digitro.check_home()")
        found = connection.execute(FIND_CAMPAIGN, {"name": place.campaign})
        row = found.fetchone()
    except psycopg.Error as error:
        problem = problem_of(error)
    else:
        if row is None and is_there:
            raise LedgerError(
                f"there is no {place.name}: name a campaign that was dialled",
                reason="no_ledger",
            )
        return None if row is None else int(row[0])
    raise no_server(place.name, problem)


def _bring_up_to_date(place: ServerAddress) -> None:
    async def bring() -> None:
        opening = psycopg.AsyncConnection.connect(
            place.conninfo.reveal(), autocommit=True
        )
        async with await opening as connection:
            await migrate(connection)

    # Also where a loop runs in this thread already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(bring())).result()
