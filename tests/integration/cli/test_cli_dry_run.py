"""``digitro dial --dry-run``: what a dial would do, told before it."""

from pathlib import Path
from typing import Any

import pytest
from command_line import (
    Capture,
    Ran,
    folder,
    number,
    numbers_of,
    pabx_with_config,
    run_here,
    write_config,
    write_contacts,
)

from digitro_async import PABX, RateLimit
from digitro_async.cli._estimate import estimate
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

DRY = ("dial", "c.csv", "--dry-run")


def figure(ran: Ran, name: str) -> str:
    """Return what stands behind a name."""
    (found,) = [
        line.strip().removeprefix(name).strip()
        for line in ran.out.splitlines()
        if line.strip().startswith(f"{name} ")
    ]
    return found


def test_reasons_are_counted_and_columns_named(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """The reasons of rejected rows are counted, the most frequent first."""
    rows = ["A1;", "A2;", "A3;1 ramal", f"A4;{number(4)}", f"A4;{number(4)}"]
    (folder / "c.csv").write_text("\n".join(["id;destination", *rows, ""]))
    ran = run_here(capsys, *DRY)
    lines = [line.split() for line in ran.out.splitlines()]

    assert (ran.code, pabx.posts) == (1, 0)
    assert "columns: id, destination" in ran.err
    assert figure(ran, "contacts") == "1"
    assert lines[1] == ["rejected", "rows", "4"]
    assert lines[2] == ["no_number", "2"]
    assert sorted(lines[3:5]) == [["bad_character", "1"], ["duplicate", "1"]]
    assert lines[-1] == ["dialled", "0", "(dry", "run)"]


@pytest.mark.parametrize("is_terminal", [False, True])
def test_cleaned_numbers_are_shown_before_and_after(
    *,
    folder: Path,
    pabx: FakePABX,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    is_terminal: bool,
) -> None:
    """A terminal gets samples as they are; elsewhere most digits are masked."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    (folder / "c.csv").write_text("destination\n(48) 3281-55\n0477-99-12\n")
    ran = run_here(capsys, *DRY, "--strip-punctuation")
    first, second = (
        ("'(48) 3281-55' is dialled as 48328155", "'0477-99-12' is dialled as")
        if is_terminal
        else ("'(48) xxxx-55' is dialled as 48xxxx55", "'04xx-xx-12' is dialled as")
    )

    assert ran.code == 0
    assert figure(ran, "line 2") == first
    assert figure(ran, "line 3").startswith(second)
    assert "taken away: punctuation from numbers: 2" in ran.err


class TestUnknownPABX:
    """Rows that name a PABX which nobody configured."""

    @pytest.fixture(autouse=True)
    def list_of_two(self, folder: Path) -> None:
        """Write a list of which one row can't be called."""
        rows = [f"A;{number(1)};filial", f"B;{number(2)};matriz", f"C;{number(3)};"]
        text = "\n".join(["id;destination;pabx", *rows, ""])
        (folder / "c.csv").write_text(text)

    def test_dry_run_says_it(self, pabx: FakePABX, capsys: Capture) -> None:
        """A dry run names the lines and the names that are valid."""
        ran = run_here(capsys, *DRY)

        assert ran.code == 1
        assert (
            "c.csv: 1 row names a PABX that is not in digitro.toml (line 2); nobody "
            "calls them until it is. Valid: matriz\n"
        ) in ran.err
        assert figure(ran, "to dial") == "2"

    def test_dry_run_before_a_second_dial(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Contacts that wait for a PABX are not counted, new ones or known ones."""
        with (folder / "c.csv").open("a") as file:
            file.write(f"A;{number(1)};filial\n")
        first = run_here(capsys, *DRY)
        run_here(capsys, "dial", "c.csv", "--limit", 2)
        second = run_here(capsys, *DRY)

        assert pabx.posts == 1
        assert (figure(first, "to dial"), figure(second, "to dial")) == ("2", "1")

    def test_dial_says_it_before_the_first_call(
        self, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A dial says the same, and leaves those contacts pending."""
        ran = run_here(capsys, "dial", "c.csv")
        said = ran.err.index("c.csv: 1 row names a PABX")
        began = ran.err.find("accepted")
        states = run_here(capsys, "status", "--ledger", "c.csv.ledger.db")

        assert ran.code == 1
        assert began == -1 or said < began
        assert sorted(numbers_of(pabx)) == [number(2), number(3)]
        assert states.out.split()[-4:] == ["pending", "1", "accepted", "2"]

    def test_many_are_not_all_listed(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Of a whole list the first lines are named, and the others counted."""
        rows = [f"{i};{number(i)};filial" for i in range(30)]
        text = "\n".join(["id;destination;pabx", *rows, ""])
        (folder / "c.csv").write_text(text)
        ran = run_here(capsys, *DRY)

        assert "c.csv: 30 rows name a PABX" in ran.err
        assert "(line 2, 3, 4, 5, 6 and 25 more)" in ran.err


class TestLedger:
    """A list whose ledger is there already."""

    def test_what_is_new_and_known(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """New contacts, known ones and those that wait are told apart."""
        write_contacts(folder / "c.csv", 10)
        run_here(capsys, "dial", "c.csv", "--limit", 4)
        write_contacts(folder / "c.csv", 13)
        before = (folder / "c.csv.ledger.db").read_bytes()
        ran = run_here(capsys, *DRY)
        piloted = run_here(capsys, *DRY, "--limit", 5)
        after = (folder / "c.csv.ledger.db").read_bytes()
        told = figure(ran, "to dial"), figure(piloted, "to dial")
        dialled = run_here(capsys, "dial", "c.csv")

        assert after == before
        assert (ran.code, dialled.code) == (0, 0)
        assert figure(ran, "new") == "3"
        assert figure(ran, "known") == "10 in c.csv.ledger.db"
        assert figure(ran, "pending before") == "6 in c.csv.ledger.db"
        assert told == ("9", "5")
        assert pabx.posts == 13

    def test_contacts_that_changed(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Another number of a known id is said as a dial says it, and not dialled."""
        write_contacts(folder / "c.csv", 3)
        run_here(capsys, "dial", "c.csv", "--limit", 1)
        text = (folder / "c.csv").read_text().replace(number(2), number(77))
        (folder / "c.csv").write_text(text)
        ran = run_here(capsys, *DRY)
        updated = run_here(capsys, *DRY, "--update")
        real = run_here(capsys, "dial", "c.csv")

        assert (ran.code, updated.code, real.code) == (1, 0, 1)
        assert "c.csv, line 4: the ledger has the contact" in ran.err
        assert figure(ran, "changed") == "1"
        assert (figure(ran, "to dial"), figure(updated, "to dial")) == ("1", "2")
        assert sorted(numbers_of(pabx)) == [number(0), number(1)]

    def test_ledger_that_a_dial_refuses(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """What a dial refuses, a dry run refuses, with the same words."""
        write_contacts(folder / "c.csv", 3)
        (folder / "c.csv.ledger.db").write_text("canary")
        (folder / "c.csv.ledger.db").chmod(0o600)
        dry, real = run_here(capsys, *DRY), run_here(capsys, "dial", "c.csv")

        assert (dry.code, real.code) == (2, 2)
        assert "c.csv.ledger.db" in dry.err.splitlines()[-1]


@pytest.mark.parametrize("words", [DRY, ("dial", "c.csv"), ("call", "1")])
def test_pabx_without_a_channel(
    folder: Path, pabx: FakePABX, capsys: Capture, words: tuple[str, ...]
) -> None:
    """Where no PABX has a channel, no command can call, and that is said at once."""
    write_contacts(folder / "c.csv", 1)
    config = folder / "digitro.toml"
    config.write_text(config.read_text().replace("channel_id = 1\n", ""))
    ran = run_here(capsys, *words)

    assert (ran.code, pabx.posts) == (2, 0)
    assert "digitro.toml: channel_id is missing (matriz)" in ran.err
    assert not (folder / "c.csv.ledger.db").exists()


def test_cap_is_in_the_time(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """The time of a list is told by its cap, and for slow answers too."""
    write_contacts(folder / "c.csv", 200)
    write_config(folder / "digitro.toml", pabx.base_url, rate=10)
    ran = run_here(capsys, *DRY)

    assert figure(ran, "time") == "0:20 at 10.0/s; 1:00 (3.3/s) if answers take 2 s"


@pytest.mark.parametrize(
    ("pabx", "text"),
    [
        ([{"rate": 50}], "1:12:00 at 50.0/s; 3:36:00 (16.7/s) if answers take 2 s"),
        ([{"rate": 50}] * 2, "36:00 at 100.0/s; 1:48:00 (33.3/s) if answers take 2 s"),
        (
            [{"rate": 50, "max_in_flight": 10}],
            "1:12:00 at 50.0/s; 12:00:00 (5.0/s) if answers take 2 s",
        ),
        ([{}], "1:12:00 (50.0/s) if answers take 2 s; no cap but max_in_flight"),
        (
            [{"rate": 50, "within": 0.2}],
            "1:12:00 at 50.0/s; 1:26:24 (41.7/s) if answers take 2 s",
        ),
        (
            [{"rate": 50}, {"rate": 20, "same": True}],
            "3:00:00 at 20.0/s; 9:00:00 (6.7/s) if answers take 2 s",
        ),
    ],
)
def test_estimate(pabx: list[dict[str, Any]], text: str) -> None:
    """A call holds its slot for its answer and a window; slots end where calls do."""
    several = [
        PABX(
            f"p{i}",
            f"http://127.0.0.{1 if 'same' in one else i + 1}",
            1,
            "key",
            rate=RateLimit(one["rate"], counted_within=one.get("within"))
            if "rate" in one
            else None,
            max_in_flight=one.get("max_in_flight", 100),
        )
        for i, one in enumerate(pabx)
    ]

    assert estimate(several, 216_000) == text


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_folder_for_a_list(folder: Path, capsys: Capture, name: str) -> None:
    """A folder in the place of a list is refused, and is no error of ours."""
    ran = run_here(capsys, "dial", name, "--config", folder / "digitro.toml")

    assert ran.code == 2
    assert "is a folder; name a file" in ran.err
