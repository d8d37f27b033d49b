"""What is dialled, rejected and said of workbooks."""

import io
import sys
import zipfile
from pathlib import Path

import pytest
from contact_files import DEFAULTS, numbers, read, rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_exports import Export
from workbook_exports import WORKBOOKS
from workbook_files import HEADER, ods_file, raw_xlsx, xls_file, xlsx_file

from digitro_async.contacts import ContactRow, RejectedRow, open_contacts
from digitro_async.errors import ConfigurationError

TWO_ROWS: dict[str, list[list[object]]] = {
    "Plan1": [HEADER, [1, 48932817001, "Ana"], [2, "x", ""]]
}


@pytest.mark.parametrize("export", WORKBOOKS, ids=lambda one: one.writer)
def test_workbooks(tmp_path: Path, export: Export) -> None:
    """Of each workbook the right numbers are dialled, and all else is said."""
    path = tmp_path / "export.bin"  # what a file is, its content says
    path.write_bytes(export.content)
    said, found = "", list[ContactRow | RejectedRow]()
    if export.refused:
        with pytest.raises(ConfigurationError) as caught:
            open_contacts(path, defaults=DEFAULTS, **export.options)
        said = str(caught.value)
    else:
        with open_contacts(path, defaults=DEFAULTS, **export.options) as file:
            found = list(file)
            assert (file.read, file.bytes_read) == (len(found), file.total_bytes)
        said = " ".join((str(file.reading), *file.reading.doubts))

    contacts = [row for row in found if isinstance(row, ContactRow)]
    rejects = [row for row in found if isinstance(row, RejectedRow)]
    assert [row.destination.reveal() for row in contacts] == export.dialled
    assert [(row.line, row.code.value) for row in rejects] == export.rejected
    assert [text for text in export.said if text not in said] == []


def test_there_are_enough_workbooks() -> None:
    """Twenty workbooks, each with a habit of its own."""
    assert len({one.habit for one in WORKBOOKS}) == len(WORKBOOKS) >= 20


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    place=st.floats(0, 1, exclude_max=True),
    spoilt=st.binary(max_size=8),
    cut=st.booleans(),
    kind=st.sampled_from(["xlsx", "xls", "ods", "raw"]),
)
def test_any_bytes_of_a_workbook(
    tmp_path: Path, place: float, spoilt: bytes, cut: bool, kind: str
) -> None:
    """A workbook that is spoilt anywhere is read to its end, or refused."""
    content = MADE[kind]
    at = int(place * len(content))
    content = content[:at] + spoilt + (b"" if cut else content[at + len(spoilt) :])
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    try:
        found = read(path)
    except ConfigurationError:
        return

    lines = [row.line for row in found]
    assert lines == sorted(set(lines))


MADE = {
    "xlsx": xlsx_file(TWO_ROWS),
    "xls": xls_file(TWO_ROWS["Plan1"]),
    "ods": ods_file({"P": "*id;destination\n*L1;48932817001\n*L2;x"}),
    "raw": raw_xlsx(
        '<row r="1" hidden="1"><c r="A1" t="str"><v>destination</v></c></row>'
        '<row r="2"><c r="A2" t="e"><v>#N/A</v></c></row>'
        '<row r="3"><c r="A3"><f>A1</f></c></row>'
    ),
}


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(-(10**16), 10**16),
            st.booleans(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(
                st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12
            ),
        ),
        max_size=20,
    )
)
def test_every_row_is_accounted_for(tmp_path: Path, cells: list[object]) -> None:
    """Each row of a sheet that is not blank is one contact or one reject."""
    path = tmp_path / "a.xlsx"
    body = [[cell, f"n{at}"] for at, cell in enumerate(cells)]
    path.write_bytes(xlsx_file({"P": [["destination", "user_data"], *body]}))
    found = read(path)

    assert [row.line for row in found] == list(range(2, 2 + len(cells)))


def test_the_same_rows_as_a_text(tmp_path: Path) -> None:
    """A workbook and a CSV file with the same cells give the same rows."""
    body = [
        ["1", "(48) 93281-7001", "Ana; x"],
        ["2", "", "y"],
        ["3", "48932817003", ""],
    ]
    text = "\n".join('"' + '","'.join(one) + '"' for one in [HEADER, *body]) + "\n"
    as_text = rows(tmp_path / "a.csv", text, strip_punctuation=True)
    content = xlsx_file({"Plan1": [HEADER, *body]})
    as_book = rows(tmp_path / "a.xlsx", content, strip_punctuation=True)

    assert (
        numbers(as_book)
        == numbers(as_text)
        == ["48932817001", "no_number", "48932817003"]
    )
    assert [row.line for row in as_book] == [row.line for row in as_text]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"sheet": "Fev"}, "--sheet: a.xlsx has no such sheet; it has 'Plan1'"),
        ({"sheet": "0"}, "--sheet: a.xlsx has no such sheet"),
        ({"sheet": "2"}, "--sheet: a.xlsx has no such sheet"),
        ({"encoding": "cp1252"}, "--encoding is about text, and a.xlsx is a workbook"),
        ({"header_line": 9}, "a.xlsx: line 9 is blank or not there"),
        ({"columns": {"destination": "Fone"}}, "no column 'fone'"),
    ],
)
def test_options_that_a_workbook_has_no_use_for(
    tmp_path: Path, options: dict[str, object], problem: str
) -> None:
    """An option that a workbook can't follow is refused."""
    with pytest.raises(ConfigurationError) as caught:
        rows(tmp_path / "a.xlsx", xlsx_file(TWO_ROWS), **options)

    assert problem in str(caught.value)


def test_sheets_by_number(tmp_path: Path) -> None:
    """A sheet is named by its number too, unless one has the number as its name."""
    sheets = {"Jan": [["destination"], ["48932817001"]], "1": [["destination"], ["2"]]}
    path = tmp_path / "a.xlsx"
    path.write_bytes(xlsx_file(sheets))

    assert numbers(read(path, sheet="2")) == ["2"]
    assert numbers(read(path, sheet="1")) == ["2"]
    assert numbers(read(path, sheet="jan")) == ["48932817001"]


def test_sheet_of_a_text(tmp_path: Path) -> None:
    """The option that names a sheet is refused where there are none."""
    with pytest.raises(ConfigurationError, match="--sheet is about workbooks"):
        rows(tmp_path / "a.csv", "destination\n1\n", sheet="1")


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04junk" * 50,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(6000),
        xlsx_file(TWO_ROWS)[:2000],
    ],
)
def test_files_that_only_begin_like_a_workbook(tmp_path: Path, content: bytes) -> None:
    """An archive or a damaged workbook is refused for what it is."""
    with pytest.raises(ConfigurationError, match="can't be read as a workbook"):
        rows(tmp_path / "a.xlsx", content)


def test_archive_of_something_else(tmp_path: Path) -> None:
    """An archive without a workbook in it is refused."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("contacts.csv", "destination\n48932817001\n")

    with pytest.raises(ConfigurationError, match="can't be read as a workbook"):
        rows(tmp_path / "a.zip", made.getvalue())


@pytest.mark.parametrize(
    ("module", "options", "content"),
    [
        ("python_calamine", {}, xlsx_file(TWO_ROWS)),
        ("phonenumbers", {"number_form": "0ddd"}, b"destination\n48932817001\n"),
    ],
)
def test_without_the_extra(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    options: dict[str, str],
    content: bytes,
) -> None:
    """Where a library is missing the error says how to install it."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError) as caught:
        rows(tmp_path / "a", content, **options)

    assert f"needs {module}: pip install 'digitro-async[contacts]'" in str(caught.value)


SHOWN = "<text:p>%s</text:p></table:table-cell>"
TEXT = '<table:table-cell office:value-type="string">' + SHOWN
ERRORS = {
    "a formula of Excel": '<table:table-cell table:formula="of:=1/0" '
    'office:value-type="float" office:value="0"><text:p>#DIV/0!</text:p>'
    "</table:table-cell>",
    "a formula of LibreOffice": '<table:table-cell table:formula="of:=NA()" '
    'office:value-type="string" office:string-value="" calcext:value-type="error">'
    "<text:p>#N/D</text:p></table:table-cell>",
    "with the number before it": '<table:table-cell table:formula="of:=A1" '
    'office:value-type="float" office:value="48932817009"><text:p>Err:533</text:p>'
    "</table:table-cell>",
    "as a text": TEXT % "Err:512",
}


@pytest.mark.parametrize("cell", ERRORS.values(), ids=ERRORS.keys())
def test_an_error_is_no_number(tmp_path: Path, cell: str) -> None:
    """The cell of a formula that failed is a reject, in every row it stands for."""
    repeated = '<table:table-row table:number-rows-repeated="3">'
    good = '<table:table-cell table:formula="of:=A1" office:value-type="float" '
    good += 'office:value="48932817001">' + SHOWN % "48932817001"
    xml = (
        f"*id;destination\n{repeated}{TEXT % 'L1'}{cell}</table:table-row>"
        f"<table:table-row>{TEXT % 'L2'}{good}</table:table-row>"
    )
    path = tmp_path / "list.ods"
    path.write_bytes(ods_file({"P": xml}))

    found = read(path)
    assert numbers(found) == ["cell_type", "cell_type", "cell_type", "48932817001"]
    assert [row.line for row in found] == [2, 3, 4, 5]
