"""Any bytes of a contact file -> contacts and rejects that account for every line.

In full: ``python -m pytest -m long tests/fuzz/test_fuzz_*.py``. Other inputs are tried
with another ``DIGITRO_FUZZ_SEED``; a failure shows the seed of the very file.
"""

import os
import random
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mutations import ODD_BYTES, odd_text, spoil

from digitro_async.contacts import (
    ENCODINGS,
    ContactRow,
    RejectCode,
    RejectedRow,
    open_contacts,
)
from digitro_async.errors import ConfigurationError
from digitro_async.testing import sample_contacts

SEED = int(os.environ.get("DIGITRO_FUZZ_SEED", "1"))
DEFAULTS = {"device": "1125000", "device_password": "4567"}
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
LINES_OF = re.compile(r"\(lines (\d+) to (\d+)\)$")
MARK = "\ufeff".encode()

PIECES = (
    *ODD_BYTES,
    *(b'"', b'""', b'";"', b'"\n', b'\n"', b"\n\n", b";;", b",", b"\t", b"\r"),
    *(b"destination", b"user_data", b"id", b"04832817000", b";04832817000\n", b"x"),
    *(b"\n" * 25, b'"a\nb";', b"x" * 65_540, b"\xe7\xe3o", "ção".encode()),
)


def contact_file(chance: random.Random) -> tuple[bytes, dict[str, Any]]:
    """Return the bytes of a contact file, spoilt or not, and how it is to be read."""
    delimiter = chance.choice(";;,\t")
    columns = ["destination", "id", "user_data"]
    chance.shuffle(columns)
    end = chance.choice(("\n", "\n", "\r\n", "\r"))
    rows = [columns]
    for row in sample_contacts(chance.randrange(8), seed=chance.randrange(1000)):
        if chance.random() < 0.2:
            row[chance.choice(columns)] = odd_text(chance)
        rows.append([row[name] for name in columns])
    encoding = chance.choice((*ENCODINGS, "utf-8", "utf-8", "utf-8-sig", "utf-16"))
    text = end.join(
        delimiter.join(quoted(chance, cell, delimiter) for cell in row) for row in rows
    )
    whole = (text + end).encode(encoding, "replace")
    return spoil(chance, whole, PIECES), {
        "encoding": chance.choice((None, None, encoding, *ENCODINGS)),
        "ignore_unknown_columns": chance.random() < 0.5,
        "strip_punctuation": chance.random() < 0.5,
        "allow_open_end": chance.random() < 0.5,
        "header_line": chance.choice((None, None, None, 1, 2)),
    }


def quoted(chance: random.Random, cell: str, delimiter: str) -> str:
    """Write one cell, in quotes where it needs them or chance will have it."""
    odd = any(char in cell for char in ('"', delimiter, "\n", "\r"))
    if chance.random() < (0.9 if odd else 0.1):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def check_file(path: Path, content: bytes, options: dict[str, Any]) -> Counter[str]:
    """Read a file and check that what comes out accounts for all of its lines."""
    path.write_bytes(content)
    try:
        file = open_contacts(path, defaults=DEFAULTS, **options)
    except ConfigurationError:
        return Counter({"refused": 1})
    with file:
        rows = list(file)
    text = text_of(content, file.encoding)
    lines = LINE.findall(text)
    check_lines(lines, rows, file.delimiter, header=file.reading.header_line)
    for row in rows:
        if isinstance(row, ContactRow):
            check_contact(row, text, **options)

    found = Counter(
        "contact" if isinstance(row, ContactRow) else row.code for row in rows
    )
    assert file.read == len(rows)
    assert file.rejected == len(rows) - found["contact"]
    return found


def text_of(content: bytes, encoding: str) -> str:
    """Return the text of a file as a reader finds it."""
    if not encoding.startswith("utf-16"):
        return content.removeprefix(MARK).decode(encoding, "surrogateescape")
    whole = content[: len(content) // 2 * 2]
    text = whole.decode(encoding, "surrogatepass").removeprefix("\ufeff")
    return text + "\udcff" * (len(content) % 2)


def check_lines(
    lines: list[str],
    rows: list[ContactRow | RejectedRow],
    delimiter: str,
    *,
    header: int = 1,
) -> None:
    """Check that every line is above the rows, blank, or in one row and in no other."""
    blank = {i for i, line in enumerate(lines, 1) if is_blank(line, delimiter)}
    found = [line for row in rows for line in lines_of(row, lines, delimiter)]
    first = found[0] if found else len(lines) + 1
    end = header  # of the header, whose cells may hold line breaks
    while "".join(lines[header - 1 : end]).count('"') % 2 and end < first - 1:
        end += 1
    covered = [*range(1, end + 1), *found]
    assert covered == sorted(set(covered))
    assert set(covered) | blank == set(range(1, len(lines) + 1))


def is_blank(line: str, delimiter: str) -> bool:
    """Whether nobody would see anything between the delimiters of a line."""
    end_of_dos = "\x1a"
    return all(
        char in {delimiter, '"', end_of_dos}
        or char.isspace()
        or unicodedata.category(char) == "Cf"
        for char in line
    )


def lines_of(row: ContactRow | RejectedRow, lines: list[str], delimiter: str) -> range:
    """Return the numbers of the lines that a row says it is, or must be, made of."""
    if isinstance(row, RejectedRow):
        said = LINES_OF.search(row.reason)
        if said:
            assert int(said[1]) == row.line
            return range(row.line, int(said[2]) + 1)
        return range(row.line, row.line + 1)
    last, open_quote = row.line, ends_in_quote(lines[row.line - 1], delimiter)
    while open_quote:
        last += 1
        text = "".join(lines[row.line - 1 : last])
        open_quote = ends_in_quote(text, delimiter)
    return range(row.line, last + 1)


def ends_in_quote(text: str, delimiter: str) -> bool:
    """Whether a quote is open at the end of a row's lines so far."""
    inside, fresh = False, True  # fresh: a cell begins here
    for char in text:
        if char == '"' and (inside or fresh):
            inside = not inside  # a doubled one closes and opens again
            fresh = True
        elif not inside:
            fresh = char == delimiter
    return inside


def check_contact(
    row: ContactRow, text: str, *, strip_punctuation: bool, **_: object
) -> None:
    """Check that the number of a contact stands in the file, and is one."""
    number = row.destination.reveal()

    assert re.fullmatch(r"[0-9+*#]{1,32}", number)
    if strip_punctuation:
        assert number in re.sub(r"[^0-9+*#\r\n;,\t\"]", "", text) or "\t" in text
    else:
        assert number in text
    assert row.id is None or (row.id.strip() == row.id != "")


def check_files(folder: Path, first: int, count: int) -> Counter[str]:
    """Check the files of ``count`` seeds, and count their rows."""
    found: Counter[str] = Counter()
    for seed in range(first, first + count):
        content, options = contact_file(random.Random(seed))
        try:
            found += check_file(folder / "contacts.csv", content, options)
        except BaseException as error:
            error.add_note(f"seed {seed}: {content!r} {options}")
            raise
    return found


def test_files(tmp_path: Path) -> None:
    """Of a thousand spoilt files every line is in one row, or the file is refused."""
    found = check_files(tmp_path, SEED * 10**9, 1000)

    assert found["contact"] > 750
    assert found["refused"] > 100
    assert len(found) > 12


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(5))
def test_more_files(tmp_path: Path, part: int) -> None:
    """So it is in a hundred thousand, twenty thousand at a time."""
    found = check_files(tmp_path, SEED * 10**9 + (part + 1) * 10**6, 20_000)

    assert found["contact"] > 15_000


def rejected(line: int, reason: str = "is empty") -> RejectedRow:
    """Return a rejected row."""
    code = RejectCode.NO_NUMBER
    return RejectedRow(file="a.csv", line=line, reason=reason, code=code)


@pytest.mark.parametrize(
    ("rows", "right"),
    [
        ([rejected(2), rejected(4), rejected(5)], True),
        ([rejected(2), rejected(4, "is empty (lines 4 to 5)")], True),
        ([rejected(2), rejected(4)], False),
        ([rejected(4), rejected(5)], False),
        ([rejected(2), rejected(4), rejected(4), rejected(5)], False),
        ([rejected(4), rejected(2), rejected(5)], False),
        ([rejected(2), rejected(4), rejected(5), rejected(6)], False),
        ([rejected(1), rejected(2), rejected(4), rejected(5)], False),
        ([rejected(2), rejected(4, "is empty (lines 4 to 5)"), rejected(5)], False),
    ],
)
def test_lost_and_doubled_lines_are_noticed(
    rows: list[ContactRow | RejectedRow], right: bool
) -> None:
    """A line that is in no row, or in two, fails this test."""
    lines = ["destination\n", "1\n", " \n", "2\n", "3\n"]
    try:
        check_lines(lines, rows, ";")
    except AssertionError:
        assert not right
    else:
        assert right


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        *(('"a', True), ('"a"', False), ('"a""', True), ('""', False), ('"""', True)),
        *(
            ('a"b', False),
            ('a""b', False),
            (';"', True),
            ('a;"b;', True),
            ('"a";"', True),
        ),
        *(('"a\n', True), ('"a\nb"\n', False), ('""""', False), ('";";', False)),
    ],
)
def test_open_quotes_are_told(text: str, is_open: bool) -> None:
    """The judge knows where a quoted cell goes on in the next line."""
    assert ends_in_quote(text, ";") is is_open
