"""``digitro reconcile``: ids as the results have them, and many contacts at once."""

import csv
import time
from pathlib import Path

import pytest
from command_line import (
    Capture,
    Ran,
    folder,
    pabx_with_config,
    rows_of,
    run_here,
    states_of,
)

from digitro_async.testing import FakePABX, Fault, FaultPlan

__all__ = ["folder", "pabx_with_config"]  # fixtures

IDS = ("+55-A", "=B", 'say "C"', "D")


@pytest.fixture(autouse=True)
def unknown(
    folder: Path, pabx: FakePABX, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dial a list of which no call is answered, an hour ago."""
    pabx.set_faults(FaultPlan([Fault("lose_answer", at=(1, 2, 3, 4))]))
    with (folder / "c.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [(own_id, f"04830{line}") for line, own_id in enumerate(IDS)]
        csv.writer(file, delimiter=";").writerows([("id", "destination"), *rows])
    run_here(capsys, "dial", "c.csv", "--ledger", "c.db")
    assert states_of(capsys) == {"unknown": 4}
    later, since_start = time.time() + 3600, time.clock_gettime
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setattr(time, "clock_gettime", lambda of: since_start(of) + 3600)


def reconcile(capsys: Capture, *words: object) -> Ran:
    """Reconcile contacts."""
    return run_here(capsys, "reconcile", "--ledger", "c.db", *words)


def write_results(capsys: Capture) -> list[dict[str, str]]:
    """Write the unknown contacts into a file, and return its rows."""
    words = ("results", "--ledger", "c.db", "--state", "unknown", "--out", "r.csv")
    assert run_here(capsys, *words).code == 0
    with Path("r.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("option", [True, False])
def test_ids_of_the_results(capsys: Capture, *, option: bool) -> None:
    """Every id that is copied out of the results names its contact."""
    cells = [row["id"] for row in write_results(capsys)]
    for cell in cells:
        words = ("accepted", "--id", cell) if option else (cell, "accepted")
        assert reconcile(capsys, *words, "--evidence", "log").code == 0

    assert cells[:2] == ["'+55-A", "'=B"]
    assert states_of(capsys) == {"accepted": 4}


def test_number_of_the_results(capsys: Capture) -> None:
    """So does the ledger's number as the results have it."""
    [row, *_] = write_results(capsys)
    words = ("accepted", "--number", row["contact"], "--evidence", "log")

    assert reconcile(capsys, *words).out == "#1 is accepted now\n"


def test_results_given_back(folder: Path, capsys: Capture) -> None:
    """The results with outcomes written into them settle all; evidence is shown."""
    rows = write_results(capsys)
    outcomes = ("accepted", "not placed", "", "accepted")
    with (folder / "e.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "outcome"], delimiter=";")
        writer.writeheader()
        for row, outcome in zip(rows, outcomes, strict=True):
            writer.writerow({**row, "outcome": outcome, "evidence": "PABX log"})
    dry = reconcile(capsys, "--file", "e.csv", "--dry-run")
    before = states_of(capsys)
    ran = reconcile(capsys, "--file", "e.csv")
    again = reconcile(capsys, "--file", "e.csv")
    shown = [row["evidence"] for row in rows_of(capsys)]

    assert (dry.code, ran.code, again.code) == (0, 0, 0)
    assert dry.out.splitlines() == [
        "accepted        2",
        "not placed      1",
        "known before    0",
        "rejected rows   0",
        "changed         0 (dry run)",
    ]
    assert before == {"unknown": 4}
    assert ran.out.splitlines() == dry.out.splitlines()[:-1]
    assert "known before    3" in again.out
    assert shown == ["PABX log", "PABX log", None, "PABX log"]
    assert states_of(capsys) == {"accepted": 2, "pending": 1, "unknown": 1}


def test_bad_rows(folder: Path, capsys: Capture) -> None:
    """A bad row is told with file and line, and the others are settled."""
    (folder / "e.csv").write_text(
        "id;outcome;evidence\n'+55-A;accepted;log\nnobody;accepted;log\nD;maybe;log\n"
        "=B;not-placed;\n"
    )
    ran = reconcile(capsys, "--file", "e.csv", "--evidence", "call log of today")

    assert ran.code == 1
    assert ran.err.splitlines() == [
        "e.csv, line 3: there is no such contact",
        "e.csv, line 4: its outcome is not accepted or not placed",
    ]
    assert "rejected rows   2" in ran.out
    assert states_of(capsys) == {"accepted": 1, "pending": 1, "unknown": 2}
    assert rows_of(capsys, "--state", "pending")[0]["evidence"] == "call log of today"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--file", "none.csv"), "none.csv can't be read: No such file"),
        (("--file", "e.csv", "D", "accepted"), "--file names the contacts"),
        (("--file", "e.csv", "--number", "1"), "--file names the contacts"),
        (("D", "accepted", "--dry-run", "--evidence", "x"), "--dry-run is about a --f"),
        (("--file", "c.csv"), "c.csv has no column outcome: its first line must name"),
    ],
)
def test_wrong_use(
    folder: Path, capsys: Capture, words: tuple[str, ...], problem: str
) -> None:
    """Nothing is settled where it can't be meant."""
    (folder / "e.csv").write_text("id;outcome;evidence\nD;accepted;x\n")
    ran = reconcile(capsys, *words)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"digitro: {problem}")
    assert states_of(capsys) == {"unknown": 4}
