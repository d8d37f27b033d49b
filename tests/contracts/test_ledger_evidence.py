"""Evidence by which unknown contacts are settled: one, many, and read back."""

import contextlib
import csv
import io
import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import (
    NOW,
    Shelf,
    SQLiteShelf,
    claim,
    entry_of,
    intend,
    lose,
    new_contact,
    states,
)

from digitro_async import ConfigurationError, LedgerError
from digitro_async._common.csv_cells import csv_line, text_of_cell
from digitro_async._common.text import printable
from digitro_async.campaign import (
    EvidenceProblem,
    EvidenceSummary,
    read_evidence,
    reconcile_rows,
)
from digitro_async.ledger import Ledger, State
from digitro_async.ledger._written_ids import ids_written_as
from digitro_async.privacy import Personal

IDS = [
    "+5548",
    "-1",
    "=A1",
    "@x",
    "a;+b",
    'say "x"',
    "caf\u00e9",
    "\U0001f600",
    "a\u200bb",
]


async def unknown_contacts(ledger: Ledger, *ids: str | None) -> None:
    """Put contacts with those ids in, and have nobody know what became of them."""
    await ledger.add(
        [
            new_contact(line, id=one, identity=Personal(f"{line}"))
            for line, one in enumerate(ids, 1)
        ]
    )
    for contact in await claim(ledger, len(ids)):
        await intend(ledger, contact.number, "one", 1.0)
        await lose(ledger, contact.number)


async def reconcile(
    ledger: Ledger, path: Path, text: str, **given: object
) -> tuple[EvidenceSummary, list[EvidenceProblem]]:
    """Settle by a file with that text."""
    path.write_text(text, encoding="utf-8")  # noqa: ASYNC240 - it is small
    told: list[EvidenceProblem] = []
    rows = read_evidence(path)
    summary = await reconcile_rows(ledger, rows, problem=told.append, **given)  # type: ignore[arg-type]
    return summary, told


def cell_of(text: str) -> str:
    """Return the cell that is written for a text, as a reader of CSV sees it."""
    lines = io.StringIO(csv_line([text, "end"]).decode("utf-8"), newline="")
    return next(csv.reader(lines, strict=True))[0]


class TestCells:
    """Texts that outputs of this library write in another form."""

    @given(st.text(st.characters(exclude_categories=[]), max_size=12))
    def test_cell_and_back(self, text: str) -> None:
        """A cell that was written is read as the text that it was."""
        assert text_of_cell(cell_of(text)) == text

    @given(st.text(max_size=12))
    def test_every_form(self, text: str) -> None:
        """The forms of CSV, JSON and a terminal all lead to the text."""
        for form in (text, cell_of(text), json.dumps(text)[1:-1], printable(text)):
            assert text in ids_written_as(form)


class TestOne:
    """One contact, named as an output has it."""

    @pytest.mark.parametrize("own_id", IDS)
    async def test_forms_of_an_id(self, ledger: Ledger, own_id: str) -> None:
        """An id is found as CSV, JSON lines and a terminal write it."""
        forms = [
            cell_of(own_id),
            json.dumps(own_id)[1:-1],
            printable(own_id),
        ]
        for form in forms:
            await unknown_contacts(ledger, own_id)
            done = await ledger.reconcile(form, accepted=False, evidence="x", now=NOW)

            assert done.state is State.PENDING
            (again,) = await claim(ledger, 1)
            await intend(ledger, again.number, "one", 1.0)
            await lose(ledger, again.number)

    async def test_two_that_are_written_alike(self, ledger: Ledger) -> None:
        """An id that looks like another one's cell settles neither."""
        await unknown_contacts(ledger, "+1", "'+1")
        with pytest.raises(LedgerError) as caught:
            await ledger.reconcile("'+1", accepted=True, evidence="x", now=NOW)
        done = await ledger.reconcile(
            Personal("'+1"), accepted=True, evidence="x", now=NOW
        )

        assert caught.value.reason == "ambiguous_contact"
        assert done.number == 2

    async def test_it_is_read_back(self, shelf: Shelf) -> None:
        """The last evidence stays with its contact, also once it was called again."""
        async with shelf.ledger() as ledger:
            await unknown_contacts(ledger, "A", "B", "C")
            await ledger.reconcile("A", accepted=True, evidence="call log", now=NOW)
            await ledger.reconcile("B", accepted=False, evidence="first", now=NOW)
            (again,) = await claim(ledger, 1)
            await intend(ledger, again.number, "one", 1.0)
            await lose(ledger, again.number)
            between = await entry_of(ledger, again.number)
            await ledger.reconcile("B", accepted=True, evidence="second", now=NOW)
        with shelf.reader() as reader:
            found = [entry.evidence for entry in reader.entries()]

        assert found == ["call log", "second", None]
        assert (between.state, between.evidence) == (State.UNKNOWN, "first")
        assert "first" not in repr(between)

    async def test_it_is_found_at_once(self, tmp_path: Path) -> None:
        """An index leads to it: a ledger has a million events."""
        shelf = SQLiteShelf(tmp_path)
        async with shelf.ledger() as ledger:
            await unknown_contacts(ledger, "A")
        with contextlib.closing(sqlite3.connect(shelf.path)) as connection:
            plan = connection.execute(
                "EXPLAIN QUERY PLAN SELECT reason FROM event"
                " WHERE contact = 1 AND step IN (11, 12) ORDER BY sequence DESC LIMIT 1"
            ).fetchall()

        assert "event_evidence" in str(plan)


class TestMany:
    """A file of evidence."""

    async def test_rows(self, ledger: Ledger, tmp_path: Path) -> None:
        """Every good row is settled, and every bad one is told with its line."""
        await unknown_contacts(ledger, *"ABCDE", None, "+7", "G1", "G1")
        text = (
            "id;outcome;evidence\n"
            "A;accepted;call log\n"
            "B;not-placed;call log\n"
            "\n"
            "C;NOT PLACED;\n"
            "D;;\n"
            "E;perhaps;x\n"
            "nobody;accepted;x\n"
            "A;not-placed;x\n"
            ";accepted;x\n"
            "'+7;not_placed;'=x\n"
            "G1;accepted;x\n"
            "D;accepted;x;;\n"
            "D;accepted;x;more\n"
        )
        summary, told = await reconcile(ledger, tmp_path / "e.csv", text)
        found = await states(ledger)
        evidence = [entry.evidence async for entry in ledger.entries()]

        assert summary == EvidenceSummary(accepted=2, not_placed=2, problems=7)
        assert [one.line for one in told] == [5, 7, 8, 9, 10, 12, 14]
        assert list(found.values()) == [
            *(State.ACCEPTED, State.PENDING, State.UNKNOWN, State.ACCEPTED),
            *(State.UNKNOWN, State.UNKNOWN, State.PENDING),
            *(State.UNKNOWN, State.UNKNOWN),
        ]
        assert [*evidence[:2], evidence[6]] == ["call log", "call log", "=x"]
        reasons = "\n".join(one.reason for one in told)
        assert "no evidence" in reasons
        assert "is the contact of line 2" in reasons
        assert "several contacts can be meant" in reasons
        assert "nobody" not in reasons

    async def test_again(self, ledger: Ledger, tmp_path: Path) -> None:
        """The same file again settles nobody, and no row of it is a problem."""
        await unknown_contacts(ledger, "A", "B", "C")
        text = "id,outcome,evidence\nA,accepted,x\nB,not placed,x\nC,accepted,x\n"
        await reconcile(ledger, tmp_path / "e.csv", text)
        summary, told = await reconcile(ledger, tmp_path / "e.csv", text)

        assert (summary, told) == (EvidenceSummary(known=3), [])

    async def test_contradiction(self, ledger: Ledger, tmp_path: Path) -> None:
        """A contact that was settled otherwise is told, and stays as it is."""
        await unknown_contacts(ledger, "A")
        await ledger.reconcile("A", accepted=True, evidence="x", now=NOW)
        text = "id,outcome,evidence\nA,not placed,x\n"
        summary, told = await reconcile(ledger, tmp_path / "e.csv", text)

        assert summary.problems == 1
        assert told == [
            EvidenceProblem(
                2, "the contact is accepted; only an unknown one is settled"
            )
        ]

    @pytest.mark.parametrize("dry_run", [True, False])
    async def test_too_early(
        self, ledger: Ledger, tmp_path: Path, dry_run: bool
    ) -> None:
        """A call that may be delivered yet is told, by a dry run as well."""
        await unknown_contacts(ledger, "A", "B")
        await ledger.set_setting("quarantine_seconds", "1e18")
        text = "id,outcome,evidence\nA,accepted,x\n"
        summary, told = await reconcile(
            ledger, tmp_path / "e.csv", text, dry_run=dry_run
        )

        assert summary.problems == 1
        assert told[0].reason.startswith("too early: its call may still be delivered")

    async def test_dry_run(self, ledger: Ledger, tmp_path: Path) -> None:
        """A dry run counts what would be settled, and changes nothing."""
        await unknown_contacts(ledger, "A", "B", "C")
        text = "contact,outcome\n#1,accepted\n2,not placed\n#9,accepted\nx,accepted\n"
        summary, told = await reconcile(
            ledger, tmp_path / "e.csv", text, dry_run=True, evidence="log"
        )

        assert summary == EvidenceSummary(accepted=1, not_placed=1, problems=2)
        assert [one.line for one in told] == [4, 5]
        assert set((await states(ledger)).values()) == {State.UNKNOWN}

    async def test_contact_and_id(self, ledger: Ledger, tmp_path: Path) -> None:
        """A row that names a contact twice must mean one."""
        await unknown_contacts(ledger, "A", "B", None)
        text = (
            "contact,id,verdict,evidence\n"
            "#1,A,accepted,x\n#2,A,accepted,x\n#3,,accepted,x\n"
        )
        summary, told = await reconcile(ledger, tmp_path / "e.csv", text)

        assert (summary.accepted, summary.problems) == (2, 1)
        assert told == [
            EvidenceProblem(3, "its contact and its id are not one contact")
        ]

    async def test_number_for_an_id(self, ledger: Ledger, tmp_path: Path) -> None:
        """A contact's number is taken where ids stand, unless it is another's id."""
        await unknown_contacts(ledger, "#2", "B", None)
        text = "id,outcome,evidence\n#3,accepted,x\n#2,accepted,x\n#9,accepted,x\n"
        _, told = await reconcile(ledger, tmp_path / "e.csv", text)

        assert told == [EvidenceProblem(4, "there is no such contact")]
        assert [*(await states(ledger)).values()] == [
            *(State.ACCEPTED, State.UNKNOWN, State.ACCEPTED)
        ]

    async def test_stopped(self, ledger: Ledger, tmp_path: Path) -> None:
        """It can be stopped between two rows; what was settled stays so."""
        await unknown_contacts(ledger, "A", "B")
        asked = iter([False, True])
        text = "id,outcome,evidence\nA,accepted,x\nB,accepted,x\n"
        summary, _ = await reconcile(
            ledger, tmp_path / "e.csv", text, stop=lambda: next(asked)
        )

        assert summary == EvidenceSummary(accepted=1)
        assert [*(await states(ledger)).values()] == [State.ACCEPTED, State.UNKNOWN]

    async def test_ledger_that_fails(self, shelf: Shelf, tmp_path: Path) -> None:
        """A ledger that can't be written ends it: no row is blamed for that."""
        async with shelf.ledger() as ledger:
            await unknown_contacts(ledger, "A")
        with pytest.raises(LedgerError) as caught:
            await reconcile(ledger, tmp_path / "e.csv", "id,outcome\nA,accepted\n")
        assert caught.value.reason == "closed"


class TestFile:
    """Files of evidence as programs write them."""

    @pytest.mark.parametrize(
        "text",
        [
            "id;outcome;evidence\nA;accepted;caf\u00e9\n".encode("cp1252"),
            "id;outcome;evidence\nA;accepted;caf\u00e9\n".encode("utf-8-sig"),
            "sep=;\r\nID;Outcome;Evidence\r\nA;accepted;caf\u00e9\r\n".encode(),
            "id\toutcome\tevidence\nA\taccepted\tcaf\u00e9".encode(),
            ";;\nid;outcome;evidence\n;;\nA;accepted;caf\u00e9\n;;\n".encode(),
            'id,note,outcome,evidence\nA,"1\n2",accepted,"caf\u00e9"\n'.encode(),
            "id;outcome;evidence;;\n'A;accepted;caf\u00e9;;\n".replace(
                "'", ""
            ).encode(),
        ],
    )
    def test_forms(self, tmp_path: Path, text: bytes) -> None:
        """Encoding, delimiter and order of the columns are found."""
        (tmp_path / "e.csv").write_bytes(text)
        [row] = read_evidence(tmp_path / "e.csv")

        assert not isinstance(row, EvidenceProblem)
        assert (row.id, row.accepted) == (Personal("A"), True)
        assert row.evidence == "caf\u00e9"
        assert "caf" not in repr(row)

    def test_one_wrong_byte(self, tmp_path: Path) -> None:
        """It spoils its own row in a file that is UTF-8."""
        text = "id;outcome;evidence\nA;accepted;caf\u00e9\n".encode()
        (tmp_path / "e.csv").write_bytes(text + b"B;accepted;caf\xe9\n")
        good, bad = read_evidence(tmp_path / "e.csv")

        assert (good.line, bad.line) == (2, 3)
        assert isinstance(bad, EvidenceProblem)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            (b"", "has no column id or contact"),
            (b"outcome;evidence\n", "has no column id or contact"),
            (b"id;evidence\n", "has no column outcome"),
            (b"id;outcome;verdict\n", "has outcome twice"),
            (b"id;id;outcome\n", "has id twice"),
        ],
    )
    def test_header(self, tmp_path: Path, text: bytes, problem: str) -> None:
        """A file without the columns is refused, and says which it wants."""
        (tmp_path / "e.csv").write_bytes(text)
        with pytest.raises(ConfigurationError, match=problem):
            read_evidence(tmp_path / "e.csv")

    def test_open_quote(self, tmp_path: Path) -> None:
        """A quote that is not closed is no row: nothing of the file is settled."""
        (tmp_path / "e.csv").write_text('id;outcome\nA;accepted\nB;"accepted\nC;x\n')
        with pytest.raises(ConfigurationError, match=r"e\.csv, line 3: a quote"):
            list(read_evidence(tmp_path / "e.csv"))

    @pytest.mark.parametrize("name", ["none.csv", ".", "\0"])
    def test_no_file(self, tmp_path: Path, name: str) -> None:
        """A file that can't be read is named."""
        with pytest.raises(ConfigurationError, match="can't be read"):
            read_evidence(tmp_path / name)
