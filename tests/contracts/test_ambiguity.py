"""An argument that may mean two things is refused, and another form means one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from helpers import make_call, make_pabx
from ledgers import (
    NOW,
    Shelf,
    claim,
    intend,
    lose,
    new_contact,
    states,
)

from digitro_async import (
    Campaign,
    ConfigurationError,
    DigitroClient,
    LedgerError,
    TLSSettings,
)
from digitro_async.campaign._import import nth_identity
from digitro_async.cli._app import run
from digitro_async.contacts import ContactRow
from digitro_async.ledger import Ledger, MemoryLedger, SQLiteLedger, State, open_ledger
from digitro_async.privacy import Personal

UNKNOWN, PENDING = State.UNKNOWN, State.PENDING
Capture = pytest.CaptureFixture[str]


@pytest.fixture
async def ledger(shelf: Shelf) -> AsyncIterator[Ledger]:
    """Open a ledger of each kind."""
    async with shelf.ledger() as opened:
        yield opened


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


async def settle(ledger: Ledger, contact: Any) -> None:
    """Say that a contact was not called, so that the next run calls it."""
    await ledger.reconcile(contact, accepted=False, evidence="log", now=NOW + 9)


class TestReconcile:
    """Which contact a text means."""

    @pytest.mark.parametrize(
        ("ids", "text"),
        [
            (("C1", "#1"), "#1"),
            (("#2", "C2"), "#2"),
            (("#2", "#1"), "#1"),
            (("#2", "#1"), "#2"),
        ],
    )
    async def test_text_that_may_be_two_contacts(
        self, ledger: Ledger, ids: tuple[str, ...], text: str
    ) -> None:
        """A text that is one contact's id and another's number settles neither."""
        await unknown_contacts(ledger, *ids)
        with pytest.raises(LedgerError, match="number alone") as caught:
            await settle(ledger, text)

        assert caught.value.reason == "ambiguous_contact"
        assert text not in str(caught.value) + repr(vars(caught.value))
        assert await states(ledger) == {1: UNKNOWN, 2: UNKNOWN}

    async def test_forms_that_can_not_be_mistaken(self, ledger: Ledger) -> None:
        """A number is the ledger's, and an id that is wrapped is the caller's."""
        await unknown_contacts(ledger, "C1", "#1", "id:C1", "3", "number:1")
        await settle(ledger, Personal("#1"))
        first = await states(ledger)
        await settle(ledger, 1)
        await settle(ledger, Personal("3"))
        await settle(ledger, "id:C1")

        assert [n for n, state in first.items() if state is PENDING] == [2]
        assert await states(ledger) == {
            **dict.fromkeys((1, 2, 3, 4), PENDING),
            5: UNKNOWN,
        }

    async def test_text_with_one_meaning(self, ledger: Ledger) -> None:
        """An id like a number that no contact has is an id; one's own number is no two.

        A number has one form: with zeros before it, it is somebody's id.
        """
        await unknown_contacts(ledger, "#1", "#9", "#003", "C4")
        for text in ("#1", "#9", "#003", "#4"):
            await settle(ledger, text)

        assert set((await states(ledger)).values()) == {PENDING}

    async def test_id_that_several_have(self, ledger: Ledger) -> None:
        """An id of two contacts settles neither; the numbers do."""
        await unknown_contacts(ledger, "S", "S", None)
        for name in ("S", Personal("S")):
            with pytest.raises(LedgerError) as caught:
                await settle(ledger, name)
            assert caught.value.reason == "ambiguous_contact"
        await settle(ledger, 2)

        assert await states(ledger) == {1: UNKNOWN, 2: PENDING, 3: UNKNOWN}

    @pytest.mark.parametrize(
        "name", [0, -1, 2, 2**63, 10**30, True, 1.0, None, "1", "", " C1", "c1", "#01"]
    )
    async def test_what_names_nobody(self, ledger: Ledger, name: object) -> None:
        """A text that is nobody's id and no number reconciles nothing."""
        await unknown_contacts(ledger, "C1")
        with pytest.raises(LedgerError) as caught:
            await settle(ledger, name)

        assert caught.value.reason == "no_such_contact"
        assert await states(ledger) == {1: UNKNOWN}


class TestReconcileCommand:
    """Which contact the words of a command mean."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Return a ledger in which the second contact's id is the first's number."""
        path = tmp_path / "c.db"

        async def make() -> None:
            async with SQLiteLedger(path, synchronous="OFF") as ledger:
                await unknown_contacts(ledger, "C1", "#1", "-3")

        asyncio.run(make())
        return path

    def ran(self, path: Path, *words: str) -> tuple[int, list[int]]:
        """Run a command; return its code and the contacts that were settled."""
        code = run(["reconcile", *words, "--ledger", f"{path}", "--evidence", "log"])

        async def look() -> dict[int, State]:
            async with SQLiteLedger(path, synchronous="OFF") as ledger:
                return await states(ledger)

        settled = asyncio.run(look()).items()
        return code, [number for number, state in settled if state is not UNKNOWN]

    def test_text_that_may_be_two(self, path: Path, capsys: Capture) -> None:
        """A text that may be two contacts settles none, and a way out is told."""
        assert self.ran(path, "#1", "not-placed") == (2, [])
        assert "several contacts can be meant" in (err := capsys.readouterr().err)
        assert "--number" in err

    @pytest.mark.parametrize(
        ("words", "settled"),
        [
            (["not-placed", "--number", "1"], [1]),
            (["accepted", "--id", "#1"], [2]),
            (["--id=-3", "accepted"], [3]),
            (["C1", "accepted"], [1]),
            (["#2", "accepted"], [2]),
        ],
    )
    def test_what_means_one(
        self, path: Path, words: list[str], settled: list[int]
    ) -> None:
        """A contact is named by a text that means one, by its number or by its id."""
        assert self.ran(path, *words) == (0, settled)

    @pytest.mark.parametrize(
        "words",
        [
            ["C1", "accepted", "--number", "1"],
            ["accepted", "--number", "1", "--id", "C1"],
            ["accepted"],
            ["C1"],
            ["C1", "--number", "1"],
            ["--number", "1"],
            *(
                ["accepted", f"--number={text}"]
                for text in ("0", "01", "1.0", "0x1", "1_0", "+1", "-1", "", "¹", "##1")
            ),
        ],
    )
    def test_what_is_said_twice_or_not_at_all(
        self, path: Path, words: list[str]
    ) -> None:
        """Nothing is settled where contact or verdict are missing, twice or unclear."""
        assert self.ran(path, *words) == (2, [])


class TestLedgerAddresses:
    """Half an address is no path."""

    @pytest.mark.parametrize(
        "address",
        [
            *("sqlite:a.db", "sqlite:/a.db", "SQLite:a.db", "sqlite3:a.db"),
            *("file:a.db", "file:///a.db", " sqlite:a.db", "postgres:a", "mysql:a"),
            *("sqlite:///a\n.db", "sqlite:///a\t.db", " sqlite:///a.db", "x://a.db"),
        ],
    )
    def test_half_an_address(self, address: str) -> None:
        """It is refused, where a new ledger would call everybody again."""
        with pytest.raises(ConfigurationError) as caught:
            open_ledger(address)

        assert caught.value.reason == "ledger_address"

    @pytest.mark.parametrize(
        ("given", "name"),
        [
            (Path("sqlite:a.db"), "sqlite:a.db"),
            ("a:b.db", "a:b.db"),
            ("a b%20.db", "a b%20.db"),
            ("SQLITE:///b%20c.db", "b c.db"),
        ],
    )
    def test_paths(self, given: str | Path, name: str) -> None:
        """A path means a file of that very name, and an address its own."""
        assert open_ledger(given)._file.path.name == name  # type: ignore[attr-defined]


def test_trust_in_two_ways() -> None:
    """An authority that a fingerprint would overrule in silence is refused."""
    with pytest.raises(ConfigurationError, match="give only one"):
        TLSSettings(ca_file="ca.pem", fingerprint="ab" * 32)


async def test_empty_ids_are_not_one_contact() -> None:
    """Contacts with an empty id are refused, where all but one would be forgotten."""
    rows = [ContactRow.from_call(make_call(n), line=n, id="") for n in (2, 3)]
    async with MemoryLedger() as ledger, DigitroClient(make_pabx()) as client:
        campaign = Campaign(
            ledger, client, call={"device": "1", "device_password": "2"}
        )
        with pytest.raises(ConfigurationError, match="id of a contact is empty"):
            await campaign.add(rows)

        assert sum((await ledger.counts()).values()) == 0


async def test_ids_like_the_identities_of_others() -> None:
    """No id is taken for another contact's number, id or second coming."""
    ids = ["7", "number 4", "id 7", "2 x id 7", "number 4", "7", "2 x id 7", None, None]
    rows = [
        ContactRow(line=n, id=one, destination="4" if one is None else str(n))
        for n, one in enumerate(ids, 2)
    ]
    async with MemoryLedger() as ledger, DigitroClient(make_pabx()) as client:
        campaign = Campaign(
            ledger, client, call={"device": "1", "device_password": "2"}
        )
        imported = await campaign.add(rows, allow_duplicates=True)

    assert (imported.new, imported.repeated) == (len(ids), 0)
    assert nth_identity("id 7", None) == "id 7"
