"""``digitro dial`` with contact files as other programs write them, or still write."""

from pathlib import Path

import pytest
from command_line import (
    Capture,
    folder,
    number,
    numbers_of,
    pabx_with_config,
    read_rows,
    run_here,
)

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

HEAD = "id;destination\n"


def write(folder: Path, text: str) -> None:
    """Write the contact file."""
    (folder / "c.csv").write_text(text, encoding="utf-8")


def test_file_that_is_still_written(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """Half a last row is not dialled but said, and the whole file adds the rest."""
    write(folder, f"{HEAD}A1;{number(1)}\nA3;0483000")
    first = run_here(capsys, "dial", "c.csv")
    early = numbers_of(pabx)
    write(folder, f"{HEAD}A1;{number(1)}\nA3;{number(3)}\nA4;{number(4)}\n")
    second = run_here(capsys, "dial", "c.csv")

    assert (first.code, early) == (1, [number(1)])
    assert "c.csv, line 3: the last line has no end, and is not dialled; " in first.err
    assert "--allow-open-end" in first.err
    [reject] = read_rows(folder / "c.rejects.csv")
    assert (reject["line"], reject["code"]) == ("3", "open_end")
    assert second.code == 0
    assert sorted(numbers_of(pabx)) == [number(1), number(3), number(4)]
    assert "c.csv: 2 new contacts, 1 known before, 0 rejected rows" in second.err


def test_open_end_that_is_allowed(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """With the option the last row is dialled although its line has no end."""
    write(folder, f"{HEAD}A1;{number(1)}\nA3;{number(3)}")
    ran = run_here(capsys, "dial", "c.csv", "--allow-open-end")

    assert ran.code == 0
    assert sorted(numbers_of(pabx)) == [number(1), number(3)]
    assert "no end" not in ran.err


@pytest.mark.usefixtures("pabx")
def test_dry_run_says_what_a_run_would(folder: Path, capsys: Capture) -> None:
    """The dry run tells the cleaned numbers and the open end, and dials nobody."""
    write(folder, f"{HEAD}A1;'{number(1)}\nA2;048 99000-0002\nA3;{number(3)}")
    ran = run_here(capsys, "dial", "c.csv", "--dry-run", "--strip-punctuation")

    assert ran.code == 1
    assert "c.csv, line 4: the last line has no end" in ran.err
    assert (
        "c.csv: taken away: punctuation from numbers: 1, "
        "the apostrophe before a text: 1\n"
    ) in ran.err


def test_columns_that_are_mapped(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Columns may have any name, and the first line says what they are taken for."""
    write(folder, f"Relatório;;\nCódigo;Fone;Account\nA1;{number(1)};Ana\n")
    words = ("--map", "destination=Fone", "--map", "id=código")
    refused = run_here(capsys, "dial", *words, "c.csv")
    ran = run_here(capsys, "dial", *words, "--map", "user_data=Account", "c.csv")

    assert refused.code == 2
    assert "column 3 'Account' is a general word" in refused.err
    assert ran.code == 0
    assert numbers_of(pabx) == [number(1)]
    assert (
        "c.csv: read as utf-8, split at semicolons, header taken from line 2; columns: "
        "Código as id, Fone as destination, Account as user_data\n"
    ) in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--map", "Fone"), "--map must be FIELD=COLUMN, as in --map destination="),
        (("--map", "fone=Fone"), "--map: 'fone' is no field"),
        (("--map", "id=a", "--map", "id=b"), "--map: id is given twice"),
        (("--header-line", "7"), "line 7 is blank or not there"),
        (("--header-line", "0"), "--header-line"),
        (("--encoding", "latin-99"), "encoding must be one of utf-8, utf-8-sig, "),
    ],
)
@pytest.mark.usefixtures("pabx")
def test_options_that_can_not_be_used(
    folder: Path, capsys: Capture, words: tuple[str, ...], said: str
) -> None:
    """An option that fits nothing is refused before anybody is called."""
    write(folder, f"{HEAD}A1;{number(1)}\n")
    ran = run_here(capsys, "dial", "c.csv", *words)

    assert ran.code == 2
    assert said in ran.err


def test_doubts_are_printed(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """What speaks against the encoding stands below the line that names it."""
    rows = [f"A{i};{number(i)};João".encode() for i in range(3)]
    rows.append(f"A9;{number(9)};João".encode("cp1252"))
    (folder / "c.csv").write_bytes(
        b"\n".join([b"id;destination;user_data", *rows, b""])
    )
    ran = run_here(capsys, "dial", "c.csv")

    assert ran.code == 1
    assert sorted(numbers_of(pabx)) == [number(i) for i in range(3)]
    assert (
        "c.csv: not all of it is UTF-8: rows with wrong bytes are rejected "
        "(wrong bytes: 1)"
    ) in ran.err


def test_rows_of_delimiters_are_exit_code_0(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """Rows in which no cell is filled are no rejects."""
    write(folder, f'{HEAD};\nA1;{number(1)}\n;;;\n"";""\n \t;\u00a0\n')
    ran = run_here(capsys, "dial", "c.csv")

    assert (ran.code, numbers_of(pabx)) == (0, [number(1)])
