"""A ledger of before files lost their marks knows its contacts wherever it moves."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from campaigns import contact, run, scripted
from helpers import ScriptedTransport
from ledgers import new_contact
from postgres_server import database, needs_postgres
from test_ledger_marked_ids import MARKED, make_old

from digitro_async.contacts import open_contacts
from digitro_async.ledger import Ledger, PostgresLedger, SQLiteLedger
from digitro_async.ledger.transfer import copy_ledger

pytestmark = needs_postgres


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of an empty database."""
    with database() as one:
        yield one


def list_without_marks(folder: Path, *, twice: bool) -> Path:
    """Write the list of the marked ids, whose reader takes the marks away."""
    lines = [
        f"{one};{contact(line).destination.reveal()}"
        for line, one in enumerate(MARKED[:4], 2)
        for _ in range(1 + twice)
    ]
    path = folder / "c.csv"
    path.write_text("\n".join(["id;destination", *lines]) + "\n")
    return path


async def dial_again(ledger: Ledger, path: Path, *, twice: bool) -> tuple[int, int]:
    """Add a list to a ledger and dial it; return who is new, and how many calls."""
    transport = ScriptedTransport()
    async with ledger:
        campaign, _ = scripted(ledger, transport)
        with open_contacts(path, defaults={"device": "1", "device_password": "2"}) as f:
            added = await campaign.add(f, allow_duplicates=twice)
        await run(campaign)
    return added.new, len(transport.attempts)


@pytest.mark.parametrize("twice", [False, True])
async def test_list_that_is_read_again(
    tmp_path: Path, address: str, twice: bool
) -> None:
    """Nobody is called twice of the same list, in the database and back in a file."""
    await make_old(tmp_path / "l.db", MARKED[:4], twice=twice)
    path = list_without_marks(tmp_path, twice=twice)
    copy_ledger(tmp_path / "l.db", address)
    in_database = PostgresLedger(address)
    assert await dial_again(in_database, path, twice=twice) == (0, 4 * (1 + twice))

    copy_ledger(address, tmp_path / "back.db")
    assert await dial_again(SQLiteLedger(tmp_path / "back.db"), path, twice=twice) == (
        0,
        0,
    )


async def test_other_contacts(tmp_path: Path, address: str) -> None:
    """A contact that was there by itself, and those that came later, are their own."""
    await make_old(tmp_path / "l.db", ("'11", "11", "'abc"))
    copy_ledger(tmp_path / "l.db", address)
    async with PostgresLedger(address) as ledger:
        campaign, _ = scripted(ledger, ScriptedTransport())
        again = await campaign.add([contact(3, id="11"), contact(9, id="abc")])
        later = await campaign.add([contact(5, id="'22"), contact(6, id="22")])

    assert (again.known, again.new, again.changed) == (1, 1, 0)
    assert later.new == 2


async def test_contacts_of_no_import(tmp_path: Path, address: str) -> None:
    """One contact that a program puts in by itself is known again as well."""
    await make_old(tmp_path / "l.db", ("'11122233344",))
    copy_ledger(tmp_path / "l.db", address)
    async with PostgresLedger(address) as ledger:
        (added,) = await ledger.add([new_contact(2, id="11122233344")])
    copy_ledger(address, tmp_path / "back.db")
    async with SQLiteLedger(tmp_path / "back.db") as ledger:
        (again,) = await ledger.add([new_contact(2, id="11122233344")])

    assert (added.new, again.new) == (False, False)
