import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from campaigns import (
    CALL,
    contact,
    contacts,
    number_of,
    run,
    scripted,
    shelf,
)
from helpers import (
    ScriptedTransport,
)
from ledgers import (
    Shelf,
    some,
)

from digitro_async import (
    LedgerError,
)
from digitro_async.campaign import ImportSummary
from digitro_async.campaign._import import PAGE
from digitro_async.contacts import ContactRow, RejectedRow, open_contacts
from digitro_async.ledger import State

__all__ = ["shelf"]  # a fixture


class TestAdd:
    """Contacts are put in once, as they are read."""

    async def test_again(self, shelf: Shelf) -> None:
        """The same contacts put in once more add nothing."""
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            first = await campaign.add(contacts(2 * PAGE + 7))
            again = await campaign.add(contacts(2 * PAGE + 7))
            counts = await ledger.counts()

        assert first == ImportSummary(new=2 * PAGE + 7)
        assert again == ImportSummary(known=2 * PAGE + 7)
        assert some(counts) == {State.PENDING: 2 * PAGE + 7}

    async def test_on_other_lines(self, shelf: Shelf) -> None:
        """A contact that comes from another line is told of, with its first line."""
        told = []
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            await campaign.add(contacts(3))
            imported = await campaign.add(
                [
                    contact(2),
                    contact(9, id="C3", fields={"destination": number_of(3)}),
                    contact(4),
                ],
                repeated=lambda one, line: told.append((one.line, line)),
            )

        assert imported == ImportSummary(new=1, known=1, repeated=1, elsewhere=1)
        assert told == [(9, 3)]

    async def test_contacts_without_id(self, shelf: Shelf) -> None:
        """Without an id it is the number that makes a contact."""
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            imported = await campaign.add(
                [
                    contact(1, id=None),
                    contact(2, id=None, fields={"destination": number_of(1)}),
                    contact(3, id="x", fields={"destination": number_of(1)}),
                    contact(4, id=number_of(1)),
                ]
            )

        assert imported == ImportSummary(new=3, repeated=1)

    @pytest.mark.parametrize("then", [True, False])
    async def test_duplicates(self, shelf: Shelf, *, then: bool) -> None:
        """Allowed duplicates count once each, also if the file is edited meanwhile."""
        file = [contact(1), contact(2), contact(3, id="C1"), contact(4, id="C1")]
        edited = [contact(2, id="C1"), contact(5, id="C1"), contact(9, id="C2")]
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            first = await campaign.add(file, allow_duplicates=True)
            again = await campaign.add(file, allow_duplicates=then)
            later = await campaign.add(edited, allow_duplicates=then)

        assert first == ImportSummary(new=4)
        assert again.new == later.new == 0

    async def test_file(self, shelf: Shelf, tmp_path: Path) -> None:
        """A contact file is put in with its rejected rows counted and told of."""
        told: list[RejectedRow] = []
        path = tmp_path / "contacts.csv"
        path.write_text("destination;id\n0483281;a\nx;b\n0483282;c\n", encoding="utf-8")
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            with open_contacts(path, defaults=CALL) as file:
                imported = await campaign.add(file, rejected=told.append)

        assert imported == ImportSummary(new=2, rejected=1)
        assert [row.line for row in told] == [3]

    async def test_read_as_written(self, shelf: Shelf) -> None:
        """No more is read of the contacts than is put in."""
        most = 0
        put_in = 0

        def reading() -> Iterable[ContactRow]:
            nonlocal most
            for number, one in enumerate(contacts(3 * PAGE), 1):
                most = max(most, number - put_in)
                yield one

        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            add = ledger.add

            async def counted(page: Any, **more: Any) -> Any:
                nonlocal put_in
                put_in += len(page)
                return await add(page, **more)

            ledger.add = counted  # type: ignore[method-assign, assignment]
            await campaign.add(reading())

        assert most <= PAGE

    async def test_contacts_that_come_later(self, shelf: Shelf) -> None:
        """Contacts of an asynchronous source are put in as they come."""

        async def coming() -> AsyncIterator[ContactRow]:
            for one in contacts(PAGE + 3):
                await asyncio.sleep(0)
                yield one

        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            first = await campaign.add(coming())
            again = await campaign.add(contacts(PAGE + 3))
            (one, two) = await ledger.imports()

        assert first == ImportSummary(new=PAGE + 3)
        assert again == ImportSummary(known=PAGE + 3)
        assert (one.is_whole, two.is_whole) == (True, True)

    async def test_later_contacts_that_break_off(self, shelf: Shelf) -> None:
        """An asynchronous source that breaks off leaves a list without its end."""

        async def coming() -> AsyncIterator[ContactRow]:
            for one in contacts(5):
                yield one
            raise ZeroDivisionError

        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            with pytest.raises(ZeroDivisionError):
                await campaign.add(coming())
            with pytest.raises(LedgerError, match="not put in to its end"):
                await run(campaign)
            await campaign.add(contacts(5))
            results = await run(campaign)

        assert len(results) == 5
