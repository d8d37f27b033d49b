"""Lists that say something else of a contact than the ledger; of every ledger."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from campaigns import contact, outcomes, run, scripted
from helpers import NOT_SENT, ScriptedTransport, make_pabx
from ledgers import (
    NOW,
    Shelf,
    SQLiteShelf,
    claim,
    intend,
    release,
    settle,
    some,
    states,
)

from digitro_async import Outcome
from digitro_async.campaign import Campaign, ImportSummary
from digitro_async.contacts import ContactRow
from digitro_async.ledger import AddResult, Change, Ledger, State, Step

OLD, NEW = "04830000001", "04830000003"

Told = list[tuple[int, int, tuple[str, ...], Change, State]]


def row(line: int, number: str = OLD, **given: Any) -> ContactRow:
    """Return the row of the contact A."""
    given.setdefault("id", "A")
    fields = {"destination": number, **given.pop("fields", {})}
    return contact(line, fields=fields, **given)


def campaign_of(ledger: Ledger, transport: ScriptedTransport) -> Campaign:
    """Return a campaign over two PABX."""
    pabx = [make_pabx("one"), make_pabx("two", "http://127.0.0.2:9")]
    return scripted(ledger, transport, pabx=pabx)[0]


async def add(
    ledger: Ledger, rows: Iterable[ContactRow], **given: Any
) -> tuple[ImportSummary, Told]:
    """Put a list in; return what was counted and what was told of it."""
    told: Told = []

    def changed(row: ContactRow, added: AddResult) -> None:
        assert added.difference is not None
        one = added.difference
        told.append((row.line, added.line, one.fields, one.change, one.state))

    campaign = campaign_of(ledger, ScriptedTransport())
    return await campaign.add(rows, changed=changed, **given), told


async def dial(ledger: Ledger) -> list[str]:
    """Dial, and return whom the calls went to."""
    transport = ScriptedTransport()
    await run(campaign_of(ledger, transport))
    return transport.destinations


OTHERS = [
    (row(2, NEW), ("destination",)),
    (row(2, pabx="two"), ("pabx",)),
    (row(2, fields={"user_data": "other"}), ("user_data",)),
    (row(2, fields={"route": "9"}), ("route", "user_data")),
    (row(2), ("user_data",)),
    (row(2, NEW, pabx="one"), ("destination", "pabx")),
]


class TestPending:
    """A contact that may be called still."""

    @pytest.mark.parametrize(("other", "fields"), OTHERS)
    async def test_withheld(
        self, ledger: Ledger, other: ContactRow, fields: tuple[str, ...]
    ) -> None:
        """It is told, and rung by neither what was said nor what is said now."""
        first = row(2, fields={"user_data": "x"} if "user_data" in fields else {})
        await add(ledger, [first, contact(3)])
        summary, told = await add(ledger, [other, contact(3)])
        called = await dial(ledger)

        assert summary == ImportSummary(known=1, changed=1)
        assert told == [(2, 2, fields, Change.WITHHELD, State.PENDING)]
        assert called == [contact(3).destination.reveal()]
        assert (await states(ledger))[1] is State.WITHHELD
        assert await ledger.count_exhausted(1) == 0

    @pytest.mark.parametrize(("other", "fields"), OTHERS)
    @pytest.mark.parametrize("withheld", [False, True])
    async def test_updated(
        self,
        ledger: Ledger,
        other: ContactRow,
        fields: tuple[str, ...],
        withheld: bool,
    ) -> None:
        """With ``update`` it has what the row says, and is called by that once."""
        first = row(7, fields={"user_data": "x"} if "user_data" in fields else {})
        await add(ledger, [first])
        if withheld:
            await add(ledger, [other])
        summary, told = await add(ledger, [other], update=True)
        again = await add(ledger, [other])
        entries = [one async for one in ledger.entries()]
        (claimed,) = await claim(ledger, 9)
        await release(ledger)
        called = [*await dial(ledger), *await dial(ledger)]

        assert (summary, told) == (ImportSummary(updated=1), [])
        assert again == (ImportSummary(known=1), [])
        assert [(one.line, one.reason) for one in entries] == [(2, None)]
        assert claimed.destination == other.destination
        assert claimed.pabx == other.pabx
        assert claimed.fields == {
            name: value if isinstance(value, str) else value.reveal()
            for name, value in other.fields.items()
        }
        assert called == [other.destination.reveal()]

    async def test_confirmed(self, ledger: Ledger) -> None:
        """The list as it was keeps the old number, and it is called by that."""
        await add(ledger, [row(2)])
        await add(ledger, [row(2, NEW)])
        twice = await add(ledger, [row(2, NEW)])
        summary, told = await add(ledger, [row(2)])

        assert twice[1] == [(2, 2, ("destination",), Change.WITHHELD, State.WITHHELD)]
        assert (summary, told) == (ImportSummary(known=1), [])
        assert await dial(ledger) == [OLD]

    async def test_it_lasts(self, shelf: Shelf) -> None:
        """It stays withheld in every later run, also without a list."""
        async with shelf.ledger() as ledger:
            await add(ledger, [row(2)])
            await add(ledger, [row(2, NEW)])
        async with shelf.ledger() as ledger:
            called = await dial(ledger)
            counts = some(await ledger.counts())
        with shelf.reader() as reader:
            read = [(one.state, one.reason) for one in reader.entries()]

        assert (called, counts) == ([], {State.WITHHELD: 1})
        assert read == [(State.WITHHELD, "other_data")]

    async def test_after_attempts(self, ledger: Ledger) -> None:
        """A corrected number has its attempts anew; what was not sent never rang."""
        down = ScriptedTransport(decide=lambda _: NOT_SENT)
        await add(ledger, [row(2)])
        await run(campaign_of(ledger, down))
        (one,) = await claim(ledger, 1)
        await intend(ledger, one.number, "one", NOW)
        await settle(ledger, one.number, Step.NOT_PLACED, "one", NOW, reason="own")
        await release(ledger)
        before = await ledger.count_exhausted(1)
        await add(ledger, [row(2, NEW)], update=True)

        assert (before, await ledger.count_exhausted(1)) == (1, 0)
        assert await dial(ledger) == [NEW]

    async def test_doubted(self, ledger: Ledger) -> None:
        """A withheld contact whose last answer is doubted is unknown."""
        await add(ledger, [row(2)])
        (one,) = await claim(ledger, 1)
        await intend(ledger, one.number, "one", NOW)
        await settle(ledger, 1, Step.NOT_PLACED, "one", NOW, reason="throttled")
        await release(ledger)
        await add(ledger, [row(2, NEW)])

        assert await ledger.doubt([1], "one", NOW) == 1
        assert (await states(ledger))[1] is State.UNKNOWN


class TestCalled:
    """A contact that was called is called by no list again."""

    @pytest.mark.parametrize("update", [False, True])
    @pytest.mark.parametrize(
        ("step", "state"),
        [
            (Step.ACCEPT, State.ACCEPTED),
            (Step.REJECT, State.REJECTED),
            (Step.MARK_UNKNOWN, State.UNKNOWN),
        ],
    )
    async def test_kept(
        self, ledger: Ledger, step: Step, state: State, update: bool
    ) -> None:
        """Another number is told, nothing is changed, and nobody is called."""
        await add(ledger, [row(2)])
        await claim(ledger, 1)
        await intend(ledger, 1, "one", NOW)
        await settle(ledger, 1, step, "one", NOW, call_id="7")
        fields = await add(ledger, [row(2, pabx="two")], update=update)
        summary, told = await add(ledger, [row(5, NEW)], update=update)

        assert fields == (ImportSummary(known=1), [])
        assert summary == ImportSummary(changed=1)
        assert told == [(5, 2, ("destination",), Change.KEPT, state)]
        assert await dial(ledger) == []
        assert (await states(ledger))[1] is state

    async def test_being_called(self, ledger: Ledger) -> None:
        """Nothing of a contact that somebody has claimed is changed."""
        await add(ledger, [row(2)])
        (claimed,) = await claim(ledger, 1)
        _, told = await add(ledger, [row(2, NEW)], update=True)

        assert told == [(2, 2, ("destination",), Change.KEPT, State.CLAIMED)]
        assert claimed.destination.reveal() == OLD


class TestRepeated:
    """Rows of one list that are the same contact."""

    @pytest.mark.parametrize("update", [False, True])
    @pytest.mark.parametrize("times", [1, 2])
    async def test_first_row_counts(
        self, ledger: Ledger, update: bool, times: int
    ) -> None:
        """However often a list is read, its first row of a contact counts."""
        repeated: list[tuple[int, int]] = []
        for _ in range(times):
            repeated.clear()
            summary, told = await add(
                ledger,
                [row(2), row(5, NEW), contact(6)],
                update=update,
                repeated=lambda row, line: repeated.append((row.line, line)),
            )

        assert (summary.repeated, repeated, told) == (1, [(5, 2)], [])
        assert await dial(ledger) == [OLD, contact(6).destination.reveal()]

    @pytest.mark.parametrize("update", [False, True])
    async def test_far_apart(self, ledger: Ledger, update: bool) -> None:
        """It counts also where a later row of another page says what was."""
        many = [contact(line) for line in range(10, 2_500)]
        await add(ledger, [row(2), *many])
        summary, _ = await add(ledger, [row(2, NEW), *many, row(9_000)], update=update)
        called = await dial(ledger)

        assert summary.repeated == 1
        assert (summary.changed, summary.updated) == (not update, update)
        assert (NEW in called, OLD in called) == (update, False)

    async def test_allowed(self, ledger: Ledger) -> None:
        """Rows that are allowed as often as they come are compared one by one."""
        await add(ledger, [row(2), row(3)], allow_duplicates=True)
        _, told = await add(ledger, [row(2), row(3, NEW)], allow_duplicates=True)

        assert [one[:2] for one in told] == [(3, 3)]
        assert await dial(ledger) == [OLD]

    async def test_other_contacts(self, ledger: Ledger) -> None:
        """Ids are compared as they are, and two ids with one number are two."""
        await add(ledger, [row(2, id="A1")])
        summary, told = await add(ledger, [row(2, NEW, id="a1"), row(3, id="B")])

        assert (summary.new, told) == (2, [])

    async def test_number_without_an_id(self, ledger: Ledger) -> None:
        """A contact that its number identifies may have other fields as well."""
        await add(ledger, [row(2, id=None)])
        _, told = await add(ledger, [row(2, id=None, fields={"route": "9"})])

        assert [one[2] for one in told] == [("route",)]


class TestElsewhere:
    """Pending contacts that a list does not name."""

    async def test_counted(self, ledger: Ledger) -> None:
        """They are counted, and called all the same; those of no list are, too."""
        await add(ledger, [row(2, id=None), contact(3), contact(4)])
        first, _ = await add(ledger, [row(2, NEW, id=None), contact(4)])
        same, _ = await add(ledger, [row(2, NEW, id=None), contact(4), contact(9)])
        empty, _ = await add(ledger, [])
        called = await dial(ledger)
        later, _ = await add(ledger, [contact(4)])

        assert (first.elsewhere, same.elsewhere, empty.elsewhere) == (2, 2, 5)
        assert {OLD, NEW} < set(called)
        assert later.elsewhere == 0

    async def test_first_list(self, ledger: Ledger) -> None:
        """There are none where the ledger was empty before."""
        summary, _ = await add(ledger, [row(2), row(5), contact(6)])

        assert (summary.new, summary.elsewhere) == (2, 0)


async def test_two_lists_at_once(ledger: Ledger) -> None:
    """Two lists that are put in together are told apart, too."""
    await add(ledger, [row(2)])
    (_, one), (_, other) = await asyncio.gather(
        add(ledger, [row(2)]), add(ledger, [row(2, NEW)])
    )

    assert (one, len(other)) == ([], 1)


async def test_history(tmp_path: Path) -> None:
    """The history says what was done, and of the data only which fields differed."""
    shelf = SQLiteShelf(tmp_path)
    async with shelf.ledger() as ledger:
        await add(ledger, [row(2)])
        await add(ledger, [row(2, NEW, pabx="two")])
        await add(ledger, [row(2)])
        await add(ledger, [row(2, NEW)], update=True)
    with contextlib.closing(sqlite3.connect(shelf.path)) as connection:
        found = connection.execute("SELECT step, reason FROM event").fetchall()

    assert found == [(14, "destination pabx"), (16, None), (15, "destination")]


async def test_pabx_nobody_knows(ledger: Ledger) -> None:
    """A contact whose PABX is not there is corrected, number and PABX."""
    await add(ledger, [row(2, pabx="nowhere")])
    transport = ScriptedTransport()
    results = await run(campaign_of(ledger, transport))
    await add(ledger, [row(2, NEW, pabx="two")])
    silent = await dial(ledger)
    await add(ledger, [row(2, NEW, pabx="two")], update=True)

    assert outcomes(results) == {Outcome.INVALID: 1}
    assert (transport.attempts, silent) == ([], [])
    assert await dial(ledger) == [NEW]
