"""``digitro results``."""

import csv
import resource
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    Capture,
    Running,
    SimulatorHere,
    folder,
    number,
    pabx_with_config,
    read_rows,
    rows_of,
    run_here,
    start,
    wait_for,
    write_config,
    write_contacts,
)

from digitro_async.testing import FakePABX, Fault, FaultPlan

__all__ = ["folder", "pabx_with_config"]  # fixtures

CAMPAIGN = ("dial", "c.csv", "--ledger", "c.db")


class TestResults:
    """The output of ``digitro results``."""

    @pytest.fixture(autouse=True)
    def dialled(self, folder: Path, pabx: FakePABX, capsys: Capture) -> None:
        """Dial a list with a refused call in it."""
        pabx.set_faults(FaultPlan([Fault("status", status=409, at=2)]))
        write_contacts(folder / "c.csv", 5)
        assert run_here(capsys, *CAMPAIGN).code == 1

    def test_csv(self, folder: Path, pabx: FakePABX, capsys: Capture) -> None:
        """A row for each contact, with ids and no numbers."""
        ran = run_here(capsys, "results", "--ledger", "c.db")
        (folder / "out.csv").write_text(ran.out)
        rows = read_rows(folder / "out.csv")

        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines()[0] == (
            "contact,id,line,state,call_id,pabx,attempts,reason,sent_at,settled_at,evidence,"
            "disposition,word,end_evidence,rang_at,answered_at,ended_at,ring_seconds,"
            "talk_seconds,wait,due,priority"
        )
        assert [row["contact"] for row in rows] == ["#1", "#2", "#3", "#4", "#5"]
        assert [row["id"] for row in rows] == [f"C{i}" for i in range(5)]
        assert Counter(r["state"] for r in rows) == {"accepted": 4, "rejected": 1}
        known = {call.call_id for call in pabx.calls}
        assert {r["call_id"] for r in rows if r["state"] == "accepted"} <= known

    def test_lines_of_json_and_states(self, capsys: Capture) -> None:
        """Only the states asked for are printed; several may be."""
        [rejected] = rows_of(capsys, "--state", "rejected")
        both = rows_of(capsys, "--state", "rejected", "--state", "accepted")

        assert rejected["reason"] == "status_409"
        assert rejected["call_id"] is None
        assert rejected["attempts"] == 1
        assert len(both) == 5
        assert rows_of(capsys, "--state", "unknown") == []

    def test_cell_that_a_spreadsheet_would_run_is_quoted(
        self, folder: Path, capsys: Capture
    ) -> None:
        """An id that looks like a formula is harmless in CSV, and whole in JSON."""
        (folder / "f.csv").write_text(f"id;destination\n=1+1;{number(50)}\n")
        run_here(capsys, "dial", "f.csv", "--ledger", "c.db")
        out = run_here(capsys, "results", "--ledger", "c.db").out

        assert out.splitlines()[-1].startswith("#6,'=1+1,2,accepted,")
        assert rows_of(capsys)[-1]["id"] == "=1+1"


class TestOut:
    """``--out``: rows in a new file."""

    @pytest.fixture(autouse=True)
    def dialled(self, folder: Path, pabx: FakePABX, capsys: Capture) -> None:
        """Dial a list."""
        write_contacts(folder / "c.csv", 5)
        assert run_here(capsys, *CAMPAIGN).code == 0

    @pytest.mark.parametrize("form", ["csv", "jsonl"])
    def test_file_has_the_printed_rows(
        self, folder: Path, capsys: Capture, form: str
    ) -> None:
        """The file has the bytes that would be printed, and is its owner's alone."""
        words = ("results", "--ledger", "c.db", "--format", form)
        printed = run_here(capsys, *words)
        ran = run_here(capsys, *words, "--out", "r.txt")

        assert ran == (0, "results in r.txt\n", "")
        assert (folder / "r.txt").read_text() == printed.out
        assert (folder / "r.txt").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize(
        ("out", "problem"),
        [
            ("c.csv", "c.csv is there already and is not overwritten: name a new"),
            ("none/r.csv", "r.csv can't be made: No such file or directory"),
            ("x" * 300, f"{'x' * 300} can't be made: File name too long"),
            ("a\0b", "a\\x00b can't be made: its name is no file name"),
        ],
    )
    def test_places_where_no_file_can_be(
        self, folder: Path, capsys: Capture, out: str, problem: str
    ) -> None:
        """A file that is there is left alone; what can't be made is said."""
        before = (folder / "c.csv").read_bytes()
        ran = run_here(capsys, "results", "--ledger", "c.db", "--out", out)

        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(f"digitro: --out: {problem}")
        assert (folder / "c.csv").read_bytes() == before

    def test_ledger_that_can_not_be_read_leaves_no_file(
        self, folder: Path, capsys: Capture
    ) -> None:
        """The file is made once it is known that there are rows for it."""
        ran = run_here(capsys, "results", "--ledger", "none.db", "--out", "r.csv")

        assert ran.code == 2
        assert not (folder / "r.csv").exists()

    def test_full_disk(self, folder: Path, capsys: Capture) -> None:
        """Rows that could not be written are told by the exit code, too."""
        write_contacts(folder / "c.csv", 3000)
        run_here(capsys, *CAMPAIGN, "--max-calls", 1)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (33_000, before[1]))
        try:
            ran = run_here(capsys, "results", "--ledger", "c.db", "--out", "r.csv")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        assert (ran.code, ran.out) == (3, "")
        assert ran.err == (
            "the results could not all be written to r.csv: File too large\n"
        )


class TestFollow:
    """``--follow``: rows as contacts get their outcomes."""

    @pytest.mark.parametrize("out", [False, True])
    def test_each_outcome_is_told_once(self, folder: Path, *, out: bool) -> None:
        """A list that is dialled elsewhere is followed to its end, row by row."""
        with SimulatorHere(folder / "record", latency=0.05) as simulator:
            write_config(folder / "digitro.toml", simulator.base_url, rate=50)
            write_contacts(folder / "c.csv", 150)
            dialling = Running(*CAMPAIGN, cwd=folder)
            wait_for(lambda: len(simulator.calls()) >= 5)
            words = ("results", "--ledger", "c.db", "--follow")
            more = ("--out", "r.csv") if out else ()
            following = Running(*words, *more, cwd=folder)
            if out:
                made = folder / "r.csv"
                wait_for(lambda: made.exists() and b"accepted" in made.read_bytes())
                early = made.read_bytes().count(b"\n")
            ran = following.end()
            assert dialling.end().code == 0
        text = (folder / "r.csv").read_text() if out else ran.out
        rows = list(csv.DictReader(text.splitlines()))

        assert (ran.code, ran.err) == (0, "")
        assert sorted(int(row["line"]) for row in rows) == list(range(2, 152))
        assert {row["state"] for row in rows} == {"accepted"}
        if out:
            assert early < 151

    def test_contacts_out_of_attempts_are_not_waited_for(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Contacts out of attempts have their rows, though no outcome is to come."""
        pabx.set_faults(FaultPlan([Fault("status", status=404, at=1)]))
        write_contacts(folder / "c.csv", 3)
        run_here(capsys, *CAMPAIGN, "--max-calls", 2)
        with sqlite3.connect(folder / "c.db") as connection:
            connection.execute("UPDATE contact SET failures = 2 WHERE state = 1")
        connection.close()
        words = ("results", "--ledger", "c.db", "--follow", "--max-attempts", 2)
        ran = run_here(capsys, *words)
        states = [row["state"] for row in csv.DictReader(ran.out.splitlines())]

        assert Counter(states) == {"accepted": 1, "pending": 2}

    def test_contact_that_becomes_unknown_is_told_again(
        self, folder: Path, pabx: FakePABX, capsys: Capture, monkeypatch: Any
    ) -> None:
        """An outcome that is doubted later has a row of its own."""
        write_contacts(folder / "c.csv", 2)
        run_here(capsys, *CAMPAIGN, "--max-calls", 1)

        def doubt(_: float) -> None:
            with sqlite3.connect(folder / "c.db") as connection:
                connection.execute("UPDATE contact SET state = 6 WHERE state = 4")
                connection.execute("UPDATE contact SET state = 7 WHERE state = 1")
            connection.close()

        monkeypatch.setattr(time, "sleep", doubt)
        ran = run_here(capsys, "results", "--ledger", "c.db", "--follow")
        rows = list(csv.DictReader(ran.out.splitlines()))

        assert [(row["contact"], row["state"]) for row in rows] == [
            *(("#1", "accepted"), ("#1", "unknown"), ("#2", "invalid"))
        ]

    def test_interrupt_ends_it(self, folder: Path, pabx: FakePABX) -> None:
        """Ctrl-C ends following with exit code 130, and the rows so far are written."""
        write_contacts(folder / "c.csv", 2)
        with start(*CAMPAIGN, "--max-calls", 1, cwd=folder) as running:
            running.end()
        words = ("results", "--ledger", "c.db", "--follow", "--out", "r.csv")
        with start(*words, cwd=folder) as running:
            made = folder / "r.csv"
            wait_for(lambda: made.exists() and b"accepted" in made.read_bytes())
            running.process.send_signal(signal.SIGINT)
            ran = running.end()

        assert (ran.code, ran.out) == (130, "")
        assert ran.err == "interrupted: not all results were written\n"
        assert made.read_bytes().count(b"\n") == 2
