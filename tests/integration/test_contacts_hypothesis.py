import csv
import io
import re
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from digitro_async.contacts import ContactRow, RejectCode, RejectedRow, open_contacts
from digitro_async.contacts._contact_row import Problem
from digitro_async.contacts._csv_records import MAX_LINES, read_records
from digitro_async.contacts._numbers import MAX_NUMBER, read_number
from digitro_async.contacts._text_lines import Lines
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal

DEFAULTS = {"device": "1125000", "device_password": "4567"}
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")

# The same folder for all examples of a test is what is wanted here.
thorough = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def tokens(*more: bytes) -> st.SearchStrategy[bytes]:
    """Bytes made of what contact files are made of."""
    parts = (
        *(b";", b",", b"\t", b"\n", b"\r", b"\r\n", b" ", b"\0", b"\x81", b"\xff"),
        *("é".encode(), b"\xe9", b"\xef\xbb\xbf", b"04832817000", b"1", b"x", b"4E+9"),
        *(b"destination", b"id", b"user_data", b"device", *more),
    )
    return st.lists(st.sampled_from(parts), max_size=60).map(b"".join)


def read(path: Path, content: bytes, **options: Any) -> list[ContactRow | RejectedRow]:
    """Write a contact file and read it."""
    path.write_bytes(content)
    with open_contacts(path, defaults=DEFAULTS, **options) as file:
        return list(file)


def data_lines(text: str, delimiter: str) -> list[int]:
    """Numbers of the lines below the first that are not blank, or of delimiters."""
    lines = [line.replace(delimiter, "") for line in LINE.findall(text)]
    return [i for i, line in enumerate(lines, 1) if line.strip()][1:]


@thorough
@given(
    content=st.binary(max_size=200) | tokens(b'"'),
    headed=st.booleans(),
    options=st.fixed_dictionaries(
        {
            "ignore_unknown_columns": st.booleans(),
            "strip_punctuation": st.booleans(),
            "number_form": st.sampled_from([None, "as-written", "0ddd", "local:48"]),
            "encoding": st.none()
            | st.sampled_from(["utf-8", "cp1252", "ascii", "utf-16-le"]),
        }
    ),
)
@example(content=b"\x1a", headed=True, options={})
@example(content=b"\xef\xbb", headed=False, options={})
def test_any_bytes_give_values_or_a_configuration_error(
    tmp_path: Path, content: bytes, headed: bool, options: dict[str, Any]
) -> None:
    """Whatever a file holds, it is read to its end or refused for what it is."""
    head = b"destination;id;user_data\n" if headed else b""
    try:
        found = read(tmp_path / "a.csv", head + content, **options)
    except ConfigurationError:
        return

    lines = [row.line for row in found]
    assert lines == sorted(set(lines))
    assert all(isinstance(row, ContactRow | RejectedRow) for row in found)


@thorough
@given(content=tokens(), form=st.sampled_from([None, "0ddd", "local:48"]))
def test_every_line_without_quotes_is_accounted_for(
    tmp_path: Path, content: bytes, form: str | None
) -> None:
    """Every line that is not blank is one contact or one reject, by its number."""
    content = b"destination;id;user_data\n" + content.replace(b"\xef\xbb\xbf", b"")
    content += b"\n"  # a last line without an end has a rule of its own
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with open_contacts(path, defaults=DEFAULTS, number_form=form) as file:
        found = list(file)
    text = content.decode(file.encoding, "surrogateescape")

    assert [row.line for row in found] == data_lines(text, file.delimiter)
    assert (file.read, file.rejected) == (
        len(found),
        sum(isinstance(row, RejectedRow) for row in found),
    )


@thorough
@given(
    text=st.lists(
        st.sampled_from(
            ['"', '"', ";", "a", "\n", "\r\n", "\r", " ", "\0", '""', "1;2"]
        ),
        max_size=80,
    ).map("".join)
)
def test_records_cover_every_line(text: str) -> None:
    """Records of any quoting follow each other and leave out blank lines only."""
    lines = LINE.findall(text)
    records = list(read_records(Lines(io.StringIO(text, newline="")), ";", bool))
    covered = [n for record in records for n in range(record.line, record.last + 1)]

    assert covered == sorted(set(covered))
    left_out = set(range(1, len(lines) + 1)) - set(covered)
    assert all(not lines[n - 1].strip() for n in left_out)
    assert all(record.last - record.line < MAX_LINES for record in records)


def is_text(text: str) -> bool:
    """Whether a cell counts as filled, fits into one row and has no text mark."""
    is_marked = text.startswith(("'", '="'))
    return bool(text.strip()) and len(LINE.findall(text)) < MAX_LINES and not is_marked


CELL = (
    st.lists(
        st.characters(codec="cp1252", exclude_categories=["Cc", "Cs"])
        | st.sampled_from(['"', ";", ",", "\t", "\n", "\r", "\r\n"]),
        max_size=40,
    )
    .map("".join)
    .filter(is_text)
)
GOOD = st.text(string.digits + "+*#", min_size=1, max_size=MAX_NUMBER).filter(
    lambda number: (
        any(char in string.digits for char in number)
        and "+" not in number[1:]
        and "0**" not in number
    )
)
BAD = {
    "": RejectCode.NO_NUMBER,
    "0483281x": RejectCode.BAD_CHARACTER,
    "3281-7000": RejectCode.PUNCTUATION,
    "4,8E+10": RejectCode.E_NOTATION,
    "12345.0": RejectCode.DECIMAL,
    "1" * 33: RejectCode.NUMBER_TOO_LONG,
    "1\n": RejectCode.CONTROL_CHARACTER,
}


TABLES = st.lists(st.tuples(GOOD | st.sampled_from([*BAD]), CELL), max_size=8)
Table = list[tuple[str, str]]


def every_dialect(test: Any) -> Any:
    """Run a test for each encoding, delimiter and quoting."""
    dialects: dict[str, list[Any]] = {
        "quoting": [csv.QUOTE_MINIMAL, csv.QUOTE_ALL],
        "delimiter": [";", ",", "\t"],
        "encoding": ["utf-8", "utf-8-sig", "cp1252"],
    }
    for name, values in dialects.items():
        test = pytest.mark.parametrize(name, values)(test)
    return test


def write_and_read(
    path: Path, encoding: str, delimiter: str, quoting: Any, table: Table
) -> None:
    """Write a table and check what is read of it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting)
    writer.writerow(("destination", "id", "user_data"))
    expected: list[tuple[int, str, str]] = []
    for i, (number, data) in enumerate(table):
        line = len(LINE.findall(buffer.getvalue())) + 1
        expected.append((line, BAD.get(number, number), data))
        writer.writerow((number, i, data))
    found = read(
        path,
        buffer.getvalue().encode(encoding),
        encoding="cp1252" if encoding == "cp1252" else None,
    )

    for row, (line, number, data) in zip(found, expected, strict=True):
        assert row.line == line
        if isinstance(row, RejectedRow):
            assert row.code == number
        else:
            assert row.destination.reveal() == number
            assert row.fields == {"user_data": Personal(data)}


@settings(thorough, max_examples=40)
@every_dialect
@given(table=TABLES)
def test_what_is_written_is_read(
    tmp_path: Path, encoding: str, delimiter: str, quoting: Any, table: Table
) -> None:
    """Every written row comes back as it was, or is rejected on its very line."""
    write_and_read(tmp_path / "a.csv", encoding, delimiter, quoting, table)


@pytest.mark.long
@settings(thorough, max_examples=500)
@every_dialect
@given(table=TABLES)
def test_much_that_is_written_is_read(
    tmp_path: Path, encoding: str, delimiter: str, quoting: Any, table: Table
) -> None:
    """The same for 9,000 tables."""
    write_and_read(tmp_path / "a.csv", encoding, delimiter, quoting, table)


@thorough
@given(cell=st.text() | st.text("0123456789 -./()eE+,x\u00a0"), strip=st.booleans())
def test_numbers_are_never_changed_but_by_stripping(cell: str, strip: bool) -> None:
    """A number that is accepted has the characters it was written with, in order."""
    number = read_number(cell, strip_punctuation=strip)
    if isinstance(number, Problem):
        assert number.field == "destination"
        return

    assert re.fullmatch(r"[0-9+*#]{1,32}", number)
    assert re.search("[0-9]", number)
    assert re.sub(r"[^0-9+*#]", "", cell) == number
    assert strip or cell.strip(" \t\u00a0\u2007\u202f") == number


@thorough
@given(before=tokens(b'"'), after=tokens(b'"'))
def test_rejects_hold_nothing_of_the_file(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    """Wherever a secret stands in a file, no reject and no error repeats it."""
    secret = b"q7Zq9Zq"
    head = b"destination;id;user_data\n"
    for content in (head + before + secret + after, before + secret + after):
        try:
            found = read(tmp_path / "a.csv", content)
        except ConfigurationError as error:
            shown = f"{error!r} {error} {error.__context__!r}"
            lines = re.split(rb"[\r\n]", content.lower())
            if any(secret.lower() in line and b"destination" in line for line in lines):
                continue  # then it may stand in the place of a column's name
        else:
            shown = " ".join(f"{row!r}" for row in found)
            shown += " ".join(
                str(row) for row in found if not isinstance(row, ContactRow)
            )
        assert secret.decode() not in shown
