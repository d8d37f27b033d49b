"""``digitro contacts check``: what would become of each number of a list."""

import csv
import io
import json
from pathlib import Path

import pytest
from command_line import Capture, Ran, folder, pabx_with_config, run_here
from workbook_files import xlsx_file

from digitro_async._common.first_lines import FirstLines
from digitro_async.cli._number_checks import CheckAnswer, NumberCheck, checks_of
from digitro_async.contacts import ContactNumber, ContactRow, DayHours
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

CHECK = ("contacts", "check", "c.csv")
LIST = (
    "id;Telefone;Celular\n"
    "A1;(48) 3281-7001;48 99123-4567\n"
    "A2;0800 123 4567;\n"
    "A3;3281-7003;(48) 99123-4568\n"
    "A1;(48) 3281-7001;\n"
)
MAPPED = (
    *("--map", "destination=Telefone", "--map", "destination2=Celular"),
    *("--number-form", "0ddd"),
)


@pytest.fixture(autouse=True)
def contacts(folder: Path) -> Path:
    """Write the list."""
    path = folder / "c.csv"
    path.write_text(LIST, encoding="utf-8")
    return path


def answers(ran: Ran) -> list[tuple[str, str, str, str]]:
    """Return line, field, answer and code of each row of CSV."""
    return [
        (row["line"], row["field"], row["answer"], row["code"])
        for row in csv.DictReader(io.StringIO(ran.out))
    ]


def test_table(capsys: Capture) -> None:
    """The counts and reasons are printed, with the first lines of each."""
    ran = run_here(capsys, *CHECK, *MAPPED)
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]

    assert ran.code == 1
    assert lines[:2] == ["contacts 3", "numbers to dial 2"]
    assert "further numbers 1" in lines
    assert "rejected 2" in lines
    assert (
        "freephone 1: is a company's number (0800), and no person's (line 3)" in lines
    )
    assert "duplicates 1" in lines
    assert lines[-1] == "dialled 0 (a check)"
    assert "digitro.toml is not there: fields that a call needs" in ran.err
    assert "Telefone as destination, Celular as destination2" in ran.err


def test_csv(capsys: Capture) -> None:
    """A row for each number says what becomes of it, and shows no number."""
    ran = run_here(capsys, *CHECK, *MAPPED, "--format", "csv")

    assert ran.code == 1
    assert answers(ran) == [
        ("2", "destination", "dial", ""),
        ("2", "destination2", "further", "further_number"),
        ("3", "destination", "rejected", "freephone"),
        ("4", "destination2", "dial", ""),
        ("4", "destination", "rejected", "no_area_code"),
        ("5", "destination", "duplicate", "duplicate"),
    ]
    assert "04xxxxxxx01" in ran.out


def test_duplicates_name_the_first_line(capsys: Capture) -> None:
    """A row whose contact came before is told with the line of that one."""
    table = run_here(capsys, *CHECK, *MAPPED)
    ran = run_here(capsys, *CHECK, *MAPPED, "--format", "csv")

    assert "1: an earlier row is the same contact (line 5 as line 2)" in table.out
    assert ",duplicate,duplicate,is the contact of line 2," in ran.out


def test_json(capsys: Capture) -> None:
    """One document holds a member for each number, and the counts."""
    ran = run_here(capsys, *CHECK, *MAPPED, "--format", "json")
    found = json.loads(ran.out)

    assert found["file"] == "c.csv"
    assert [one["answer"] for one in found["numbers"]][:2] == ["dial", "further"]
    assert (found["contacts"], found["answers"]["rejected"]) == (3, 2)
    assert sum(one["count"] for one in found["reasons"]) == 4


def test_numbers_are_shown_when_asked_for(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the option numbers and ids stand in full."""
    monkeypatch.setattr("command_line.check_private", lambda *_: None)
    ran = run_here(capsys, *CHECK, *MAPPED, "--format", "csv", "--show-numbers")

    assert "2,A1,destination,04832817001,dial,,," in ran.out


def test_all_good_is_exit_code_0(
    folder: Path, pabx: FakePABX, contacts: Path, capsys: Capture
) -> None:
    """A list of which every number would be dialled ends with 0, and no call."""
    contacts.write_text("id;destination\nA1;04832817001\nA2;04832817002\n")
    ran = run_here(capsys, *CHECK)

    assert (ran.code, pabx.posts) == (0, 0)
    assert "is not there" not in ran.err


def test_settings_of_the_configuration(
    folder: Path, pabx: FakePABX, contacts: Path, capsys: Capture
) -> None:
    """What the configuration says of columns and forms counts, options before it."""
    with (folder / "digitro.toml").open("a") as file:
        file.write('[contacts]\nnumber_form = "ddd"\nmap = {destination = "Celular"}\n')
    contacts.write_text("id;Celular;Telefone\nA1;048 99123-4567;(48) 3281-7001\n")
    unknown = "--ignore-unknown-columns"
    first = run_here(capsys, *CHECK, unknown, "--format", "csv")
    other = ("--map", "destination=Telefone", "--number-form", "e164")
    second = run_here(capsys, *CHECK, unknown, "--format", "csv", *other)

    assert "2,A1,destination,48xxxxxxx67,dial" in first.out
    assert "2,A1,destination,'+55xxxxxxxx01,dial" in second.out


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('number_form = "0"', "contacts.number_form: must be as-written, 0ddd"),
        ('area_code = "20"', "contacts.area_code: must be a text of two digits"),
        ("area_code = 48", "contacts.area_code: must be a text of two digits"),
        ("map = 3", "contacts.map: must be names of fields"),
        ("number_form = 3", "contacts.number_form: must be a text"),
        ('maps = "x"', "contacts"),
    ],
)
def test_settings_that_can_not_be_used(
    folder: Path, pabx: FakePABX, capsys: Capture, table: str, problem: str
) -> None:
    """A setting that is none is told with its file, line and field."""
    with (folder / "digitro.toml").open("a") as file:
        file.write(f"[contacts]\n{table}\n")
    ran = run_here(capsys, *CHECK)

    assert ran.code == 2
    assert problem in ran.err
    assert "digitro.toml:" in ran.err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--area-code", "48"), "area_code is of use only beside number_form"),
        (("--number-form", "ddd", "--area-code", "20"), "area_code must be an area"),
        (("--number-form", "local:48", "--area-code", "11"), "that of the local form"),
        (("--number-form", "dddd"), "number_form must be as-written"),
        (("--map", "area_code=Celular"), "of use only beside --number-form"),
        (("--sheet", "1"), "--sheet is about workbooks"),
    ],
)
def test_options_that_do_not_go_together(
    capsys: Capture, words: tuple[str, ...], problem: str
) -> None:
    """An option that can't be followed is refused before a row is read."""
    ran = run_here(
        capsys,
        *CHECK,
        "--map",
        "destination=Telefone",
        "--ignore-unknown-columns",
        *words,
    )

    assert ran.code == 2
    assert problem in ran.err


def test_workbook(folder: Path, capsys: Capture) -> None:
    """A workbook is checked as a text is."""
    rows: list[list[object]] = [["destination"], [4832817001], ["0800 123 4567"]]
    (folder / "a.xlsx").write_bytes(xlsx_file({"Plan1": rows, "Plan2": [["x"]]}))
    words = ("--number-form", "ddd", "--format", "csv", "--sheet", "1")
    ran = run_here(capsys, "contacts", "check", "a.xlsx", *words)

    assert answers(ran) == [
        ("2", "destination", "dial", ""),
        ("3", "destination", "rejected", "freephone"),
    ]


def test_dial_says_what_it_does_not_call(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A dial calls the first good number of each contact and counts the others."""
    ran = run_here(capsys, "dial", "c.csv", *MAPPED)
    rejects = (folder / "c.rejects.csv").read_text()

    assert (ran.code, pabx.posts) == (1, 2)
    assert sorted(str(call.fields["IDENTIDADE_DESTINO"]) for call in pabx.calls) == [
        *("048" + "32817001", "048" + "991234568"),
    ]
    assert "c.csv: 1 further numbers are kept beside the first ones" in ran.err
    assert "c.csv: 1 numbers are rejected of contacts that have another one" in ran.err
    assert "4,destination,no_area_code" in rejects


def test_rules_answer_for_numbers_that_would_be_dialled() -> None:
    """A gate is asked about each number; the first that it allows is the one."""
    number = ContactNumber(
        destination="04832817002", field="destination2", hours=((540, 720),)
    )
    row = ContactRow(line=2, destination="04832817001", further=(number,))
    asked = []

    def gate(check: NumberCheck, hours: DayHours) -> None:
        asked.append((check.field, hours))
        if check.field == "destination":
            check.answer = CheckAnswer.BLOCKED

    found = checks_of(row, FirstLines(), gate)

    assert asked == [("destination", ()), ("destination2", ((540, 720),))]
    assert [one.answer for one in found] == [CheckAnswer.BLOCKED, CheckAnswer.DIAL]
