"""``digitro dial`` with a list that says something else than the ledger."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from command_line import (
    Capture,
    Ran,
    folder,
    numbers_of,
    pabx_with_config,
    read_rows,
    rows_of,
    run_here,
)

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

OLD = {"1": "04830001", "2": "04830002"}
NEW = {"1": "04830003", "2": "04830004"}


def write(name: str, numbers: Mapping[str, str], pabx: str = "matriz") -> None:
    """Write a contact file."""
    rows = [f"{own};{number};{pabx}" for own, number in numbers.items()]
    Path(name).write_text("\n".join(["id;destination;pabx", *rows]) + "\n")


def dial(capsys: Capture, name: str, *words: str) -> Ran:
    """Dial a list on the one ledger."""
    return run_here(capsys, "dial", name, "--ledger", "c.db", *words)


@pytest.mark.parametrize("words", [(), ("--update",)])
def test_same_ids_other_people(
    folder: Path, pabx: FakePABX, capsys: Capture, words: tuple[str, ...]
) -> None:
    """A second list with the ids of people who were called is told, row by row."""
    write("one.csv", OLD)
    write("two.csv", NEW)
    first = dial(capsys, "one.csv")
    second = dial(capsys, "two.csv", *words)
    rejects = read_rows(folder / "two.rejects.csv")

    assert (first.code, second.code) == (0, 1)
    assert sorted(numbers_of(pabx)) == [*OLD.values()]
    assert [(row["file"], row["line"], row["code"]) for row in rejects] == [
        ("two.csv", "2", "changed"),
        ("two.csv", "3", "changed"),
    ]
    for line in (2, 3):
        assert (
            f"two.csv, line {line}: the ledger has the contact, from line {line}, with "
            "another number; it is accepted and nothing is changed" in second.err
        )
    assert "two.csv: 2 of its contacts are in the ledger with another" in second.err


def test_corrected_number(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """A number that was corrected while its contact is pending is not rung before."""
    write("c.csv", OLD, pabx="nowhere")
    first = dial(capsys, "c.csv")
    write("c.csv", {**OLD, "1": NEW["1"]})
    second = dial(capsys, "c.csv")
    alone = run_here(capsys, "dial", "--ledger", "c.db")
    status = run_here(capsys, "status", "--ledger", "c.db", "--watch", "0.1")
    rows = rows_of(capsys, "--state", "withheld")
    silent = numbers_of(pabx)
    third = dial(capsys, "c.csv", "--update")

    assert [ran.code for ran in (first, second, alone, status)] == [1] * 4
    assert "with another number and another PABX; nobody calls it until" in second.err
    assert "with another PABX; nobody calls it until" in second.err
    assert "name it again with --update" in alone.out
    shown = "digitro results --ledger c.db --state withheld"
    assert f"list the 2 withheld: {shown}" in alone.out
    assert "withheld      2" in status.out
    assert [(row["id"], row["reason"]) for row in rows] == [
        ("1", "other_data"),
        ("2", "other_data"),
    ]
    assert silent == []
    assert third.code == 0
    assert "0 new contacts, 0 known before, 2 updated, 0 rejected rows" in third.err
    assert sorted(numbers_of(pabx)) == [OLD["2"], NEW["1"]]


def test_the_list_as_it_was(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Who names the list as it was decides for the old numbers."""
    write("one.csv", OLD, pabx="nowhere")
    write("two.csv", NEW)
    write("three.csv", OLD)
    dial(capsys, "one.csv")
    dial(capsys, "two.csv")
    dial(capsys, "one.csv")
    ran = dial(capsys, "three.csv", "--update")

    assert ran.code == 0
    assert sorted(numbers_of(pabx)) == [*OLD.values()]


def test_numbers_without_ids(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Without ids a corrected number is another contact; the old one is told."""
    (folder / "c.csv").write_text("destination;pabx\n04830001;nowhere\n")
    dial(capsys, "c.csv")
    (folder / "c.csv").write_text("destination;pabx\n04830002;matriz\n")
    ran = dial(capsys, "c.csv")

    assert ran.code == 1
    assert "c.csv: 1 pending contacts of the ledger are not in it" in ran.err


def test_many(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Of many such rows some are printed, and all are written and counted."""
    write("one.csv", {str(i): f"0483{i:04}" for i in range(40)})
    write("two.csv", {str(i): f"0484{i:04}" for i in range(40)})
    dial(capsys, "one.csv")
    ran = dial(capsys, "two.csv")

    assert ran.err.count("the ledger has the contact") == 10
    assert "two.csv: 30 more rows like these" in ran.err
    assert len(read_rows(folder / "two.rejects.csv")) == 40


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("dial", "c.csv", "--no-ledger", "--update"), "--update is about a ledger"),
        (("dial", "--ledger", "c.db", "--update"), "--update is about a contact file"),
    ],
)
def test_where_it_means_nothing(
    folder: Path,
    pabx: FakePABX,
    capsys: Capture,
    words: tuple[str, ...],
    problem: str,
) -> None:
    """``--update`` needs a file and a ledger."""
    write("c.csv", OLD)
    ran = run_here(capsys, *words)

    assert ran.code == 2
    assert problem in ran.err
    assert pabx.posts == 0
