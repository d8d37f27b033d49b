import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import attrs
import pytest
from campaigns import (
    CALL,
    ScriptedClient,
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
    entry_of,
    new_contact,
    some,
    states,
)

from digitro_async import (
    Campaign,
    ConfigurationError,
    Outcome,
    PredictiveCall,
)
from digitro_async.contacts import ContactRow, open_contacts
from digitro_async.ledger import SQLiteLedger, State

__all__ = ["shelf"]  # a fixture


class TestFields:
    """The fields of a row, and the defaults for all rows."""

    async def test_own_fields(self, shelf: Shelf) -> None:
        """An own field of a row overrides the default, also in a later run."""
        rows = [
            contact(1),
            contact(2, fields={"route": "7", "user_data": "Açaí\nFulano"}),
            contact(3, fields={"device": "9", "device_password": "own"}),
        ]
        async with shelf.ledger() as ledger:
            await scripted(ledger, ScriptedTransport())[0].add(rows)
            client = ScriptedClient(ScriptedTransport())
            later = {"device": "55", "device_password": "new", "route": "3"}
            results = await run(Campaign(ledger, client, call=later))
        calls = {result.key: result.call for result in results}
        expected = [
            PredictiveCall(destination=number_of(1), **later),
            PredictiveCall(
                destination=number_of(2),
                **{**later, "route": "7", "user_data": "Açaí\nFulano"},
            ),
            PredictiveCall(
                destination=number_of(3),
                **{**later, "device": "9", "device_password": "own"},
            ),
        ]

        assert [calls[number] for number in (1, 2, 3)] == expected

    @pytest.mark.parametrize(
        ("call", "said"),
        [
            ({"destination": "1"}, "destination can't have a default"),
            ({"devise": "1"}, "'devise' is no field of a call; did you mean device?"),
            ({"device": ""}, "call default device is empty"),
            (
                {"device": "canary\x1b"},
                "call default device holds a control character",
            ),
            ({"user_data": 7}, "call default user_data must be text"),
        ],
    )
    def test_defaults_that_can_not_be_used(self, call: Any, said: str) -> None:
        """A default that would make every contact invalid is refused beforehand."""
        client = ScriptedClient(ScriptedTransport())
        with pytest.raises(ConfigurationError) as caught:
            Campaign(SQLiteLedger(Path("unused")), client, call={**CALL, **call})

        assert str(caught.value).partition(" (valid: ")[0] == said

    async def test_default_that_changes_between_runs(self, shelf: Shelf) -> None:
        """A field that a row gives stays, also where a default said the same once."""
        rows = [contact(1, fields={"route": "0"}), contact(2)]
        async with shelf.ledger() as ledger:
            client = ScriptedClient(ScriptedTransport())
            before = Campaign(ledger, client, call={**CALL, "route": "0"})
            await before.add(rows)
            after = Campaign(ledger, client, call={**CALL, "route": "9"})
            results = await run(after)

        assert {result.key: result.call.route for result in results} == {1: "0", 2: "9"}

    async def test_file_read_under_another_default(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        """A cell of a file stays over a default that is changed after its import."""
        path = tmp_path / "contacts.csv"
        path.write_text("destination;route\n0483281;0\n0483282;\n", encoding="utf-8")
        async with shelf.ledger() as ledger:
            client = ScriptedClient(ScriptedTransport())
            defaults = {**CALL, "route": "0"}
            with open_contacts(path, defaults=defaults) as file:
                await Campaign(ledger, client, call=defaults).add(file)
            after = Campaign(ledger, client, call={**CALL, "route": "9"})
            results = await run(after)

        assert {result.key: result.call.route for result in results} == {1: "0", 2: "9"}

    async def test_calls_as_contacts(self, shelf: Shelf) -> None:
        """A call that is made a row keeps all of its fields, whatever is default."""
        call = PredictiveCall(
            device="7", device_password="own", destination=number_of(1)
        )
        row = ContactRow.from_call(call, line=1, id="C1", pabx="one")
        async with shelf.ledger() as ledger:
            client = ScriptedClient(ScriptedTransport())
            later = {"device": "55", "device_password": "new", "route": "3"}
            campaign = Campaign(ledger, client, call={**later, "account": "1"})
            await campaign.add([row])
            (result,) = await run(campaign)

        assert result.call == attrs.evolve(call, account="1")
        assert (result.pabx, row.id) == ("one", "C1")

    async def test_calls_that_are_no_rows(self, shelf: Shelf) -> None:
        """A call among the contacts is refused, and the text says the way out."""
        call = PredictiveCall(destination="1", **CALL)
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            with pytest.raises(ConfigurationError, match="from_call makes one"):
                await campaign.add([call])  # type: ignore[list-item]  # on purpose
            counts = await ledger.counts()

        assert some(counts) == {}

    @pytest.mark.parametrize("most", [0, -1, True, 1.5, None])
    def test_max_attempts(self, most: Any) -> None:
        """Attempts are limited by a whole number above 0."""
        client = ScriptedClient(ScriptedTransport())
        with pytest.raises(ConfigurationError):
            Campaign(SQLiteLedger(Path("unused")), client, call=CALL, max_attempts=most)

    async def test_what_is_missing(self, shelf: Shelf) -> None:
        """Where a field is said neither by a row nor for all, nobody is invalid."""
        async with shelf.ledger() as ledger:
            await scripted(ledger, ScriptedTransport())[0].add(contacts(3))
            transport = ScriptedTransport()
            campaign = Campaign(
                ledger, ScriptedClient(transport), call={"device": "1125000"}
            )
            with pytest.raises(ConfigurationError, match="device_password is missing"):
                await run(campaign)
            counts = await ledger.counts()

        assert some(counts) == {State.PENDING: 3}
        assert transport.attempts == []

    async def test_fields_that_no_call_has(self, shelf: Shelf) -> None:
        """A field of an unknown name makes one contact invalid; the number is kept."""
        transport = ScriptedTransport()
        async with shelf.ledger() as ledger:
            await ledger.add(
                [
                    new_contact(1, fields={"canary": "1"}),
                    new_contact(2, fields={"route": "7", "destination": "canary"}),
                ]
            )
            campaign, _ = scripted(ledger, transport)
            results = await run(campaign)
            found = [entry async for entry in ledger.entries()]

        assert [entry.state for entry in found] == [State.INVALID, State.ACCEPTED]
        assert [entry.reason for entry in found] == ["damaged_fields", None]
        assert [result.call.route for result in results] == ["7"]
        assert transport.destinations == ["04832810002"]

    async def test_a_contact_that_can_not_be_called(self, shelf: Shelf) -> None:
        """A contact whose own fields make no call is invalid; the rest is called."""
        async with shelf.ledger() as ledger:
            await ledger.add(
                [
                    new_contact(1),
                    new_contact(2, fields={"route": "\x07"}),
                    new_contact(3),
                ]
            )
            campaign, _ = scripted(ledger, ScriptedTransport())
            results = await run(campaign)
            entry = await entry_of(ledger, 2)
            counts = await ledger.counts()

        assert sorted(str(result.key) for result in results) == ["1", "3"]
        assert (entry.state, entry.reason) == (State.INVALID, "invalid_field")
        assert some(counts) == {State.ACCEPTED: 2, State.INVALID: 1}


class TestDamagedFields:
    """Fields of contacts that somebody has changed in the file."""

    @pytest.mark.parametrize("fields", ["[7]", '{"horn": "1"}', '"x"'])
    async def test_only_that_contact_is_lost(self, tmp_path: Path, fields: str) -> None:
        """A contact with fields of no call becomes invalid, and the rest is called."""
        path = tmp_path / "ledger.db"
        async with SQLiteLedger(path) as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            await campaign.add(contacts(3))
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "UPDATE person SET fields = ? WHERE number = 2", (fields,)
            )
        async with SQLiteLedger(path) as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            async with campaign.run() as results:
                taken = [result async for result in results]
            found = await states(ledger)

        assert [result.outcome for result in taken] == [Outcome.ACCEPTED] * 2
        assert found[2] is State.INVALID
