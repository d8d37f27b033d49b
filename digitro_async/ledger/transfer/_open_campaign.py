"""Opens a campaign in PostgreSQL, or the place for one, to be copied or settled."""

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import attrs
import psycopg

from digitro_async.errors import LedgerError
from digitro_async.ledger._ledger_address import DEFAULT_CAMPAIGN, LedgerAddress
from digitro_async.ledger.postgres._postgres_errors import no_server, problem_of
from digitro_async.ledger.postgres._postgres_migrations import migrate
from digitro_async.ledger.postgres._postgres_session import STANDING, backend_of
from digitro_async.ledger.postgres._server_address import ServerAddress, server_address
from digitro_async.ledger.transfer._postgres_copy import (
    FIND_CAMPAIGN,
    PostgresEnd,
    Server,
)

__all__ = ["opened_campaign"]


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
