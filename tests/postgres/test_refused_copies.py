"""A copy that must not be made leaves nothing of it in a database."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from filled_ledgers import fill
from ledgers import NOW, OWNER, claim, contacts, intend, some
from postgres_server import database, needs_postgres

from digitro_async import LedgerError
from digitro_async.ledger import (
    PostgresLedger,
    PostgresLedgerReader,
    SQLiteLedger,
    State,
    open_ledger_reader,
)
from digitro_async.ledger.transfer import copy_ledger, settle_ledger

pytestmark = needs_postgres


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of an empty database."""
    with database() as one:
        yield one


def campaigns(address: str) -> list[str]:
    """Return the names of the campaigns of a database."""
    with contextlib.closing(psycopg.connect(address)) as connection:
        rows = connection.execute("SELECT name FROM digitro.campaign").fetchall()
    return [name for (name,) in rows]


async def test_a_server_that_loses_commits(tmp_path: Path, address: str) -> None:
    """A server that can't keep a ledger is judged before anything is made there."""
    await fill(tmp_path / "a.db")
    unsafe = f"{address}?options=-csynchronous_commit%3Doff"
    with pytest.raises(LedgerError) as caught:
        copy_ledger(tmp_path / "a.db", unsafe)

    assert caught.value.reason == "unsafe_server"
    assert campaigns(address) == []
    async with SQLiteLedger(tmp_path / "a.db") as ledger:
        assert sum((await ledger.counts()).values()) == 8


async def test_a_server_that_can_only_be_read(tmp_path: Path, address: str) -> None:
    """Where nothing can be written, the source may be dialled on."""
    await fill(tmp_path / "a.db")
    read_only = f"{address}?options=-cdefault_transaction_read_only%3Don"
    with pytest.raises(LedgerError):
        copy_ledger(tmp_path / "a.db", read_only)

    assert campaigns(address) == []
    async with SQLiteLedger(tmp_path / "a.db") as ledger:
        assert sum((await ledger.counts()).values()) == 8


async def test_a_source_that_was_moved(tmp_path: Path, address: str) -> None:
    """A campaign is not made for a ledger that went elsewhere."""
    await fill(tmp_path / "a.db")
    copy_ledger(tmp_path / "a.db", tmp_path / "b.db")
    for keep_source in (False, True):
        with pytest.raises(LedgerError, match="was moved to"):
            copy_ledger(tmp_path / "a.db", address, keep_source=keep_source)

    assert campaigns(address) == []


async def test_a_backup_of_open_work(tmp_path: Path, address: str) -> None:
    """In a backup of a ledger that is dialled nobody has a claim, nor an intent."""
    async with SQLiteLedger(tmp_path / "a.db") as ledger:
        await ledger.add(contacts(5))
        await claim(ledger, 3)
        await intend(ledger, 1, "one", NOW)
        copy_ledger(tmp_path / "a.db", address, keep_source=True)
    with PostgresLedgerReader(address) as reader:
        assert some(reader.counts()) == {State.UNKNOWN: 1, State.PENDING: 4}
        (first, *_) = reader.entries()
    assert first.reason == "owner_gone"

    assert settle_ledger(address, nobody_dialled=True).unknown == 0
    async with PostgresLedger(address) as copied:
        assert len(await claim(copied, 9)) == 4


async def test_a_backup_of_a_campaign_with_open_work(
    tmp_path: Path, address: str
) -> None:
    """The open work of a campaign is closed in its backup, and goes on where it is."""
    async with PostgresLedger(address) as ledger:
        await ledger.add(contacts(5))
        await claim(ledger, 3)
        await intend(ledger, 1, "one", NOW, OWNER)
        copy_ledger(address, tmp_path / "b.db", keep_source=True)
        there = some(await ledger.counts())
    with open_ledger_reader(tmp_path / "b.db") as reader:
        here = some(reader.counts())

    assert there == {State.INTENT: 1, State.CLAIMED: 2, State.PENDING: 2}
    assert here == {State.UNKNOWN: 1, State.PENDING: 4}
