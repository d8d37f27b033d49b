"""Contact files, byte by byte as spreadsheets and other programs write them."""

from pathlib import Path

import pytest
from contact_files import DEFAULTS, numbers, read, shown
from places import ROOT

from digitro_async.contacts import (
    CleaningCounts,
    ContactRow,
    RejectCode,
    RejectedRow,
    open_contacts,
)
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal

FOLDER = ROOT / "tests" / "support" / "exported_files"
OPTION = "with --strip-punctuation they are taken away"


def rejects_of(found: list[ContactRow | RejectedRow]) -> list[RejectedRow]:
    """Return the rejected rows."""
    return [row for row in found if isinstance(row, RejectedRow)]


def test_excel_in_brazil() -> None:
    """Numbers in cp1252 lose their punctuation, and one with 0xx is rejected."""
    found = read(FOLDER / "excel_ptbr.csv", strip_punctuation=True)

    assert [shown(row) for row in found[:4]] == [
        ("E01", "48932817001", "João Amostra"),
        ("E02", "4832817002", "Conceição da Silva"),
        ("E03", "048932817003", "Zé"),
        ("E04", "+5548932817004", "Ítalo"),
    ]
    assert numbers(found)[4:] == ["placeholder", "48932817006"]
    assert "carrier placeholder" in rejects_of(found)[0].reason


def test_excel_in_brazil_without_the_option() -> None:
    """What the option would mend names the option as it is typed."""
    found = read(FOLDER / "excel_ptbr.csv")

    assert numbers(found) == [*["punctuation"] * 4, "placeholder", "48932817006"]
    assert [OPTION in row.reason for row in rejects_of(found)] == [*[True] * 4, False]


def test_separator_line() -> None:
    """A first line sep=; is no header, and no contact."""
    with open_contacts(FOLDER / "sep_line.csv", defaults=DEFAULTS) as file:
        found = list(file)

    assert numbers(found) == ["48932817041", "48932817042"]
    assert file.reading.header_line == 2


def test_google_sheets() -> None:
    """A row of delimiters is blank, and names of columns count in any case."""
    found = read(FOLDER / "google_sheets.csv", strip_punctuation=True)

    assert [shown(row) for row in found] == [
        ("G1", "+5548932817051", "Silva, Ana"),
        ("G2", "+5548932817052", "Bia"),
        ("G3", "48932817053", "Caio"),
    ]


def test_hubspot() -> None:
    """An apostrophe is dropped and counted; extensions and second numbers are named."""
    with open_contacts(
        FOLDER / "hubspot.csv",
        defaults=DEFAULTS,
        ignore_unknown_columns=True,
        strip_punctuation=True,
    ) as file:
        found = list(file)

    assert numbers(found) == ["+5548932817081", "several_numbers", "several_numbers"]
    extension, second = (row.reason for row in rejects_of(found))
    assert "extension" in extension
    assert second.startswith("two numbers in one cell")
    assert file.cleaned == CleaningCounts(punctuation=1, text_marks=1)


def test_delimiters_at_row_ends() -> None:
    """Empty cells that are too many do no harm."""
    found = read(FOLDER / "trailing_delim_rows.csv")

    assert [shown(row) for row in found] == [
        ("M1", "48932817091", "Ana"),
        ("M2", "48932817092", "Bia"),
    ]


@pytest.mark.parametrize("strip", [False, True])
def test_several_numbers(strip: bool) -> None:
    """Two numbers in a cell never become a third, however they are written."""
    found = read(FOLDER / "several.csv", strip_punctuation=strip)

    assert len(found) == 10
    for row in rejects_of(found):
        assert row.code is RejectCode.SEVERAL_NUMBERS
        assert row.reason.startswith("two numbers in one cell")
    assert len(rejects_of(found)) == 10
    assert [row.line for row in found if "extension" in str(row)] == [8, 9]


def test_invisible_characters() -> None:
    """What nobody sees is dropped with the option, and named without it."""
    path = FOLDER / "invisible.csv"

    assert numbers(read(path, strip_punctuation=True)) == [
        "+5548932817131",
        *(f"4893281713{i}" for i in range(2, 9)),
    ]
    reasons = [row.reason for row in rejects_of(read(path))]
    assert len(reasons) == 8
    assert all(reason.endswith(OPTION) for reason in reasons)
    named = ["U+202A, U+202C", "U+200B", "", "U+200B", "U+200E", "U+FEFF"]
    for point, reason in zip([*named, "U+FE0F", "U+00AD"], reasons, strict=True):
        assert point in reason


def test_short_rows() -> None:
    """Cells that are missing at the end of a row are empty."""
    found = read(FOLDER / "short_rows.csv")

    assert numbers(found) == [f"4893281717{i}" for i in range(1, 7)]
    assert [shown(row)[2] for row in found] == [*["Ana"] * 4, "", ""]


def test_notes() -> None:
    """Notes come as written, and an open quote swallows nothing."""
    found = read(FOLDER / "notes.csv")

    assert [shown(row)[2] for row in found[:4]] == [
        "linha um\nlinha dois; com ponto e vírgula",
        'disse "ligue"',
        'ele disse "ligue" ontem',
        '5" de tela',
    ]
    assert numbers(found)[4:] == ["open_quote"]


def test_open_quote_takes_no_row_below_it(tmp_path: Path) -> None:
    """Rows below an open quote are contacts, also where they are short or long."""
    path = FOLDER / "notes.csv"
    more = b'N6;48932817186\nN7;48932817187;Bia;;\nN8;48932817188;"x; y"\n'
    copy = tmp_path / "notes.csv"
    copy.write_bytes(path.read_bytes() + more)

    assert numbers(read(copy))[4:] == [
        "open_quote",
        *("48932817186", "48932817187", "48932817188"),
    ]


def test_titles() -> None:
    """The header is found below rows of titles."""
    with open_contacts(FOLDER / "title.csv", defaults=DEFAULTS) as file:
        found = list(file)

    assert [shown(row) for row in found] == [("R1", "48932817201", "Ana")]
    assert "header taken from line 3" in str(file.reading)


def test_one_bad_byte() -> None:
    """One wrong byte rejects its row, is said, and spoils no other."""
    with open_contacts(FOLDER / "one_bad_byte.csv", defaults=DEFAULTS) as file:
        found = list(file)

    assert file.encoding == "utf-8"
    assert numbers(found) == [*(f"4893281723{i}" for i in range(5)), "unreadable_bytes"]
    assert {shown(row)[2] for row in found[:5]} == {"João Conceição"}
    [doubt] = file.reading.doubts
    assert "rows with wrong bytes are rejected (wrong bytes: 1)" in doubt


def test_crm_columns() -> None:
    """General words are no fields of a call unless they are mapped."""
    path = FOLDER / "crm_columns.csv"
    with pytest.raises(ConfigurationError, match="--map account=Account") as caught:
        read(path)
    passed = open_contacts(path, defaults=DEFAULTS, ignore_unknown_columns=True)
    with passed:
        [plain] = passed
    mapped = open_contacts(
        path,
        defaults=DEFAULTS,
        columns={"user_data": "Account", "route": "route"},
        ignore_unknown_columns=True,
    )
    with mapped:
        [row] = mapped

    assert "--ignore-unknown-columns passes over it" in str(caught.value)
    assert isinstance(plain, ContactRow)
    assert plain.fields == {}
    assert str(passed.reading).endswith("passed over: Account, Device, Route")
    assert isinstance(row, ContactRow)
    assert row.fields == {
        "user_data": Personal("Empresa Exemplo Ltda"),
        "route": "BR-101",
    }
    assert "Account as user_data, route; passed over: Device" in str(mapped.reading)
