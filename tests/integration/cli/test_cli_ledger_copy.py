"""``digitro ledger``: a run that begins in one ledger and ends in another."""

import shutil
from collections import Counter
from pathlib import Path

from command_line import (
    Capture,
    folder,
    number,
    numbers_of,
    pabx_with_config,
    results_in,
    run_here,
    write_contacts,
)

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

EVERYBODY = Counter(number(i) for i in range(20))


def dial(capsys: Capture, ledger: str, *words: object) -> int:
    """Dial the list through a ledger, and return the exit code."""
    return run_here(capsys, "dial", "c.csv", "--ledger", ledger, *words).code


class TestMoves:
    """``digitro ledger copy``."""

    def test_a_run_that_ends_elsewhere(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Half a list in one ledger and half in its copy is everybody once."""
        write_contacts(folder / "c.csv", 20)
        dial(capsys, "a.db", "--limit", 10)
        moved = run_here(capsys, "ledger", "copy", "a.db", "b.db")
        refused = run_here(capsys, "dial", "c.csv", "--ledger", "a.db")
        code = dial(capsys, "b.db")

        assert (moved.code, refused.code, code) == (0, 2, 0)
        assert "contact                 20  " in moved.out
        assert "a.db was moved to sqlite:///" in refused.err
        assert Counter(numbers_of(pabx)) == EVERYBODY

    def test_the_status_of_copies(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Status says of a backup and of a moved ledger what it is, and where to go."""
        write_contacts(folder / "c.csv", 2)
        dial(capsys, "a.db")
        run_here(capsys, "ledger", "copy", "a.db", "back.db", "--keep-source")
        whole = run_here(capsys, "status", "--ledger", "a.db").out
        run_here(capsys, "ledger", "copy", "a.db", "b.db")
        backup = run_here(capsys, "status", "--ledger", "back.db").out
        moved = run_here(capsys, "status", "--ledger", "a.db").out

        assert whole.startswith("in the ledger: 2 contacts\n")
        assert backup.startswith("back.db is a backup of sqlite:///")
        assert moved.startswith("a.db was moved to sqlite:///")
        assert "in the ledger: 2 contacts\n" in moved

    def test_wrong_use(self, folder: Path, capsys: Capture) -> None:
        """Options of the other action are refused, and a choice is asked for."""
        for words, said in (
            (("copy", "a.db"), "TARGET is missing"),
            (("copy", "a.db", "b.db", "--all-unknown"), "are about"),
            (("restored", "a.db"), "--all-unknown, --results FILE"),
            (("restored", "a.db", "b.db", "--all-unknown"), "are about"),
            (("restored", "a.db", "--all-unknown"), "there is no a.db"),
        ):
            ran = run_here(capsys, "ledger", *words)
            assert ran.code == 2
            assert said in ran.err


class TestRestored:
    """``digitro ledger restored``."""

    def back_up(self, folder: Path, capsys: Capture) -> None:
        """Call 5 of 20, back the ledger up, and call 5 more."""
        write_contacts(folder / "c.csv", 20)
        dial(capsys, "a.db", "--limit", 5)
        run_here(capsys, "ledger", "copy", "a.db", "back.db", "--keep-source")
        dial(capsys, "a.db", "--limit", 5)

    def lose(self, folder: Path) -> None:
        """Lose the ledger and all that stands beside it; put its backup there."""
        for file in folder.glob("a.db*"):
            file.unlink()
        shutil.copy(folder / "back.db", folder / "a.db")

    def test_a_restored_backup_is_not_dialled(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Before it is settled nobody is called; after that, who may have been."""
        self.back_up(folder, capsys)
        self.lose(folder)
        refused = run_here(capsys, "dial", "c.csv", "--ledger", "a.db")
        settled = run_here(capsys, "ledger", "restored", "a.db", "--all-unknown")
        dial(capsys, "a.db")

        assert refused.code == 2
        assert "is a backup of sqlite:///" in refused.err
        assert settled.code == 0
        assert "became unknown    15\n" in settled.out
        assert max(Counter(numbers_of(pabx)).values()) == 1
        states = Counter(row["state"] for row in results_in(folder / "a.db"))
        assert states == {"accepted": 5, "unknown": 15}

    def test_with_the_last_results(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Results of after the last call tell who is left: everybody is called once."""
        self.back_up(folder, capsys)
        run_here(capsys, "results", "--ledger", "a.db", "--out", "last.csv")
        before = results_in(folder / "a.db")
        self.lose(folder)
        settled = run_here(
            capsys, "ledger", "restored", "a.db", "--results", "last.csv"
        )
        after = results_in(folder / "a.db")
        dial(capsys, "a.db")

        assert settled.code == 0
        assert "became unknown    0\nbecame accepted   5\n" in settled.out
        assert [row["call_id"] for row in after] == [row["call_id"] for row in before]
        assert Counter(numbers_of(pabx)) == EVERYBODY

    def test_results_that_lack_contacts(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Of whom the results say nothing, nobody knows whether he was called."""
        self.back_up(folder, capsys)
        run_here(capsys, "results", "--ledger", "a.db", "--out", "last.csv")
        rows = (folder / "last.csv").read_text().splitlines(keepends=True)
        (folder / "last.csv").write_text("".join(rows[:13]))
        self.lose(folder)
        settled = run_here(
            capsys, "ledger", "restored", "a.db", "--results", "last.csv"
        )
        dial(capsys, "a.db")

        assert "became unknown    8\nbecame accepted   5\n" in settled.out
        assert max(Counter(numbers_of(pabx)).values()) == 1
        assert len(numbers_of(pabx)) == 12

    def test_results_of_other_contacts(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A number that is another contact's here settles nobody."""
        self.back_up(folder, capsys)
        run_here(capsys, "results", "--ledger", "a.db", "--out", "last.csv")
        text = (folder / "last.csv").read_text()
        (folder / "last.csv").write_text(text.replace(",C7,", ",X7,"))
        self.lose(folder)
        settled = run_here(
            capsys, "ledger", "restored", "a.db", "--results", "last.csv"
        )

        assert settled.code == 1
        assert "#8 is no contact of this ledger" in settled.err
        assert "became unknown    1\nbecame accepted   4\n" in settled.out

    def test_an_older_copy_of_the_file(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A file that was copied by hand is noticed by the lock's file beside it."""
        write_contacts(folder / "c.csv", 20)
        dial(capsys, "a.db", "--limit", 5)
        shutil.copy(folder / "a.db", folder / "old.db")
        dial(capsys, "a.db", "--limit", 5)
        shutil.copy(folder / "old.db", folder / "a.db")
        refused = run_here(capsys, "dial", "c.csv", "--ledger", "a.db")
        settled = run_here(capsys, "ledger", "restored", "a.db", "--all-unknown")
        dial(capsys, "a.db")

        assert refused.code == 2
        assert "an older copy was put in its place" in refused.err
        assert '"digitro ledger restored"' in refused.err
        assert settled.code == 0
        assert len(numbers_of(pabx)) == 10
        assert max(Counter(numbers_of(pabx)).values()) == 1

    def test_nobody_was_dialled(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A backup of after the last call is gone on with as it is."""
        write_contacts(folder / "c.csv", 20)
        dial(capsys, "a.db", "--limit", 5)
        run_here(capsys, "ledger", "copy", "a.db", "back.db", "--keep-source")
        self.lose(folder)
        settled = run_here(
            capsys, "ledger", "restored", "a.db", "--nobody-dialled-since"
        )
        code = dial(capsys, "a.db")

        assert (settled.code, code) == (0, 0)
        assert Counter(numbers_of(pabx)) == EVERYBODY
