"""The contract of a ledger's reader, held against every kind of it."""

from pathlib import Path

import pytest
from ledgers import (
    NOW,
    Shelf,
    accept,
    contacts,
    lose,
    open_intents,
    release,
    settle,
    shown_by,
)

from digitro_async import ConfigurationError, open_ledger
from digitro_async.ledger import Ledger, State, Step, open_ledger_reader, postgres

ADDRESSES = ["postgresql://u:canary@h/db", "PostgreSQL://u:canary@h:5432/db?x=y"]


async def test_what_the_owner_sees(shelf: Shelf, ledger: Ledger) -> None:
    """A reader counts and lists what the open ledger itself does."""
    accepted, lost, *_ = await open_intents(ledger, 4)
    await accept(ledger, accepted, "7")
    await lose(ledger, lost)
    number = await ledger.begin_import(file="a.csv", size=3, digest=b"x", now=NOW)
    await ledger.end_import(number, now=NOW + 1)
    with shelf.reader() as reader:
        assert reader.counts() == await ledger.counts()
        assert reader.counts()[State.INTENT] == 2
        assert reader.imports() == await ledger.imports()
        assert list(reader.entries()) == [one async for one in ledger.entries()]
        assert [one.call_id for one in reader.entries()] == ["7", None, None, None]


async def test_what_changes_meanwhile(shelf: Shelf, ledger: Ledger) -> None:
    """A reader that stays open sees what the owner writes."""
    await ledger.add(contacts(1))
    with shelf.reader() as reader:
        assert reader.counts()[State.PENDING] == 1

        await ledger.add(contacts(3))

        assert reader.counts()[State.PENDING] == 3


async def test_contacts_out_of_attempts(shelf: Shelf, ledger: Ledger) -> None:
    """A reader counts the contacts that no run takes on any more."""
    (number,) = await open_intents(ledger, 1)
    await settle(ledger, number, Step.NOT_PLACED, "one", NOW, reason="connect")
    await release(ledger, [number])
    with shelf.reader() as reader:
        assert (reader.count_exhausted(1), reader.count_exhausted(2)) == (1, 0)


async def test_after_the_owner(shelf: Shelf) -> None:
    """A ledger that nobody has open can be read too."""
    async with shelf.ledger() as ledger:
        await ledger.add(contacts(2))
    with shelf.reader() as reader:
        assert [one.line for one in reader.entries()] == [1, 2]


@pytest.mark.parametrize("address", ADDRESSES)
def test_without_the_driver(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PostgreSQL's driver its addresses are refused; no password is shown."""
    monkeypatch.setattr(postgres, "find_spec", lambda _: None)
    for open_one in (open_ledger, open_ledger_reader):
        with pytest.raises(ConfigurationError, match=r"async\[postgres") as caught:
            open_one(address)

        assert caught.value.reason == "no_driver"
        assert "canary" not in shown_by(caught.value)


@pytest.mark.parametrize("address", ["sqlite:a.db", "mysql://h/db", "sqlite://"])
def test_half_an_address(address: str) -> None:
    """Half an address is no path to a reader either."""
    with pytest.raises(ConfigurationError, match="given as a Path"):
        open_ledger_reader(address)


async def test_by_address(tmp_path: Path) -> None:
    """One address leads to a ledger and to its reader."""
    address = f"sqlite:///{tmp_path}/a%20b.db"
    async with open_ledger(address) as ledger:
        await ledger.add(contacts(2))
        with open_ledger_reader(address) as reader:
            assert reader.counts()[State.PENDING] == 2
