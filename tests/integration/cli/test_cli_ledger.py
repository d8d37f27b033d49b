"""``digitro dial --ledger``, and wrong use of the commands that read a ledger."""

import signal
from pathlib import Path
from typing import Self

import pytest
from command_line import (
    Capture,
    Ran,
    Running,
    SimulatorHere,
    folder,
    number,
    numbers_of,
    pabx_with_config,
    read_rows,
    rows_of,
    run_here,
    states_of,
    wait_for,
    write_config,
    write_contacts,
)

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

CAMPAIGN = ("dial", "c.csv", "--ledger", "c.db")
IN_FLIGHT = 100  # the default of a PABX


class Campaigning:
    """A campaign in one process through a simulator in this one."""

    def __init__(self, folder: Path, contacts: int, latency: float) -> None:
        self.folder = folder
        self.simulator = SimulatorHere(folder / "record", latency=latency)
        write_contacts(folder / "c.csv", contacts, bad=1)

    def __enter__(self) -> Self:
        self.simulator.__enter__()
        write_config(self.folder / "digitro.toml", self.simulator.base_url, rate=200)
        self.running = Running(*CAMPAIGN, cwd=self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self.running.process.poll() is None:
            self.running.process.kill()
        self.running.process.communicate()
        self.simulator.__exit__()

    def lift_cap(self) -> None:
        """Let the runs that follow dial the rest as fast as they can."""
        write_config(self.folder / "digitro.toml", self.simulator.base_url)

    def send(self, posts: int, number_of_signal: signal.Signals) -> Ran:
        """Send a signal once ``posts`` calls were received, and wait for the end."""
        wait_for(lambda: len(self.simulator.calls()) >= posts)
        self.running.process.send_signal(number_of_signal)
        return self.running.end()


class TestTwoRuns:
    """A list that takes more than one run."""

    def test_new_ledger_and_continued_one_are_told_apart(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A run says whether its ledger is new; the same file again adds nothing."""
        write_contacts(folder / "c.csv", 20)
        first = run_here(capsys, *CAMPAIGN)
        again = run_here(capsys, *CAMPAIGN)
        alone = run_here(capsys, "dial", "--ledger", "c.db")

        assert (first.code, again.code, alone.code) == (0, 0, 0)
        assert "new ledger: c.db\n" in first.err
        assert "c.csv: 20 new contacts, 0 known before, 0 rejected rows" in first.err
        assert "continuing: c.db\n" in again.err
        assert "c.csv: 0 new contacts, 20 known before, 0 rejected rows" in again.err
        assert alone.err == "continuing: c.db\n"
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(20)]
        assert "in the ledger: 20 contacts\n  accepted      20\n" in alone.out

    def test_more_contacts_are_called_and_none_again(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A file that has grown adds what is new in it."""
        write_contacts(folder / "c.csv", 10)
        run_here(capsys, *CAMPAIGN)
        write_contacts(folder / "c.csv", 15)
        ran = run_here(capsys, *CAMPAIGN)

        assert "c.csv: 5 new contacts, 10 known before" in ran.err
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(15)]

    def test_killed_run_is_continued_and_calls_nobody_twice(
        self, folder: Path, capsys: Capture
    ) -> None:
        """After kill -9 everybody is called once, or unknown if on the wire then."""
        with Campaigning(folder, 600, 0.1) as campaign:
            killed = campaign.send(60, signal.SIGKILL)
            early = states_of(capsys)
            campaign.lift_cap()
            continued = run_here(capsys, "dial", "--ledger", "c.db")
            received = campaign.simulator.numbers()
        states = states_of(capsys)

        assert killed.code == -signal.SIGKILL
        assert early["accepted"] < 600
        assert continued.code == 1
        assert "calls were on the wire when the last run died" in continued.err
        assert len(received) == len(set(received))
        assert set(states) == {"accepted", "unknown"}
        assert states.total() == 600
        assert 1 <= states["unknown"] <= IN_FLIGHT
        unknown = {
            number(int(str(row["line"])) - 2)
            for row in rows_of(capsys, "--state", "unknown")
        }
        assert {number(i) for i in range(600)} - unknown <= set(received)

    def test_sigterm_leaves_nothing_unknown_and_can_be_continued(
        self, folder: Path, capsys: Capture
    ) -> None:
        """A run that is told to end finishes its wire, and another does the rest."""
        with Campaigning(folder, 500, 0.1) as campaign:
            ended = campaign.send(60, signal.SIGTERM)
            states = states_of(capsys)
            received = len(campaign.simulator.calls())
            campaign.lift_cap()
            continued = run_here(capsys, "dial", "--ledger", "c.db")
            numbers = campaign.simulator.numbers()

        assert ended.code == 130
        assert "interrupted: the rest was not dialled" in ended.err
        assert states == {"accepted": received, "pending": 500 - received}
        assert continued.code == 0
        assert sorted(numbers) == [number(i) for i in range(500)]
        assert states_of(capsys) == {"accepted": 500}

    def test_second_process_and_status_while_it_runs(
        self, folder: Path, capsys: Capture
    ) -> None:
        """A ledger has one runner; others may look on."""
        with Campaigning(folder, 600, 0.1) as campaign:
            wait_for(lambda: len(campaign.simulator.calls()) >= 20)
            words = ("status", "--ledger", "c.db", "--watch", 0.2)
            watching = Running(*words, cwd=folder)
            second = run_here(capsys, *CAMPAIGN)
            mend = ("reconcile", "C1", "accepted", "--evidence", "it rang")
            mending = run_here(capsys, *mend, "--ledger", "c.db")
            during = run_here(capsys, "status", "--ledger", "c.db")
            watched = watching.end()
            code = campaign.running.end().code
            received = campaign.simulator.numbers()
        after = run_here(capsys, "status", "--ledger", "c.db")

        assert (second.code, second.out) == (2, "")
        assert second.err == (
            "digitro: c.db is open already, here or in another process: wait until "
            "that ends, or end it with Ctrl-C (digitro status --ledger c.db shows how "
            "far it is) [reason=in_use]\n"
        )
        assert (mending.code, mending.out) == (2, "")
        assert mending.err == second.err
        assert during.code == 1
        assert "in the ledger: 600 contacts\n" in during.out
        assert "  pending" in during.out
        assert watched.code == 0
        assert watched.out.count("in the ledger: 600 contacts") > 1
        assert (code, after.code) == (1, 0)  # one row of the file is rejected
        assert after.out == "in the ledger: 600 contacts\n  accepted      600\n"
        assert sorted(received) == [number(i) for i in range(600)]

    def test_wrong_key_leaves_contacts_pending(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A PABX that refuses everything costs no contact; a mended run calls them."""
        config = folder / "digitro.toml"
        write_config(config, pabx.base_url, api_key="canary-other-key")
        write_contacts(folder / "c.csv", 20)
        refused = run_here(capsys, *CAMPAIGN)
        states = states_of(capsys)
        write_config(config, pabx.base_url)
        mended = run_here(capsys, "dial", "--ledger", "c.db")

        assert refused.code == 3
        assert "paused: matriz (status_401)" in refused.err
        assert states == {"pending": 20}
        assert pabx.accepted == 20
        assert mended.code == 0
        assert states_of(capsys) == {"accepted": 20}


class TestFiles:
    """The files that are written beside a ledger, and those that are not."""

    def test_duplicate_is_in_the_rejects_file(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A row that repeats a contact is rejected with the line it repeats."""
        contacts = write_contacts(folder / "c.csv", 3, bad=1)
        with contacts.open("a") as file:
            file.write(f"C1;{number(77)};x\n")
        ran = run_here(capsys, *CAMPAIGN)
        rejected = read_rows(folder / "c.rejects.csv")

        assert ran.code == 1
        assert "3 new contacts, 0 known before, 2 rejected rows" in ran.err
        assert {row["line"]: row["code"] for row in rejected}["6"] == "duplicate"
        assert "line 3" in next(r["reason"] for r in rejected if r["line"] == "6")
        assert len(rejected) == 2
        assert pabx.posts == 3

    def test_duplicates_are_called_where_that_is_asked_for(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A contact that stands twice is called twice, and no more by a further run."""
        contacts = write_contacts(folder / "c.csv", 2)
        with contacts.open("a") as file:
            file.write(f"C1;{number(1)};x\n")
        codes = [
            run_here(capsys, *CAMPAIGN, "--allow-duplicates").code for _ in range(2)
        ]

        assert codes == [0, 0]
        assert sorted(numbers_of(pabx)) == [number(0), number(1), number(1)]

    def test_dry_run_makes_no_ledger(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A dry run counts, duplicates too, and leaves no file."""
        contacts = write_contacts(folder / "c.csv", 3)
        with contacts.open("a") as file:
            file.write(f"C1;{number(1)};x\n")
        ran = run_here(capsys, *CAMPAIGN, "--dry-run")

        assert ran.code == 1
        assert ran.out.splitlines()[:2] == ["contacts        3", "rejected rows   1"]
        assert sorted(p.name for p in folder.iterdir()) == ["c.csv", "digitro.toml"]
        assert pabx.posts == 0

    def test_dry_run_never_dials_a_ledger(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A dry run without a file is refused, and pending contacts stay so."""
        write_config(folder / "wrong.toml", pabx.base_url, api_key="canary-other-key")
        write_contacts(folder / "c.csv", 3)
        run_here(capsys, *CAMPAIGN, "--config", "wrong.toml")
        ran = run_here(capsys, "dial", "--ledger", "c.db", "--dry-run")

        assert (ran.code, ran.out) == (2, "")
        assert "--dry-run reads a contact file" in ran.err
        assert states_of(capsys) == {"pending": 3}
        assert pabx.accepted == 0

    def test_files_are_their_owners_alone(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A ledger holds numbers: nobody else may read it or what belongs to it."""
        write_contacts(folder / "c.csv", 3)
        run_here(capsys, *CAMPAIGN)
        modes = {path.stat().st_mode & 0o777 for path in folder.glob("c.db*")}

        assert pabx.posts == 3
        assert modes == {0o600}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("dial c.csv --ledger c.db --results r.csv", "there is no option --results"),
        ("dial --ledger c.db", "--ledger: c.db is not there; name a contact file too"),
        ("status --ledger c.db", "there is no c.db"),
        ("results --ledger c.db", "there is no c.db"),
        (
            "reconcile C1 accepted --ledger c.db --evidence x",
            "there is no c.db",
        ),
        ("status", "--ledger is missing or has no value"),
        ("results --ledger c.db --format xml", "--format must be one of csv, jsonl"),
        ("results --ledger c.db --state lost", "--state must be one of pending, "),
        ("status --ledger c.db --watch 0", "--watch: must be > 0"),
    ],
)
def test_wrong_use_makes_no_ledger(
    folder: Path, pabx: FakePABX, capsys: Capture, words: str, problem: str
) -> None:
    """A command that can't be done prints one line, exits with 2 and makes no file."""
    write_contacts(folder / "c.csv", 3)
    ran = run_here(capsys, *words.split())

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"digitro: {problem}")
    assert ran.err.count("\n") == 1
    assert not list(folder.glob("c.db*"))
    assert pabx.posts == 0


def test_file_that_is_no_ledger_is_left_alone(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A ledger option that names the contacts changes nothing in them."""
    contacts = write_contacts(folder / "c.csv", 3)
    before = contacts.read_bytes()
    codes = [
        run_here(capsys, *words.split()).code
        for words in (
            "dial c.csv --ledger c.csv",
            "status --ledger c.csv",
            "results --ledger c.csv",
        )
    ]

    assert codes == [2, 2, 2]
    assert contacts.read_bytes() == before
    assert pabx.posts == 0
