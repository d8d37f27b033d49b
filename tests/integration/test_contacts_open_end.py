"""Last lines that have no end: the file may still be written."""

from pathlib import Path

import pytest
from contact_files import DEFAULTS, NUMBER, numbers, only_reject, path, rows

from digitro_async.contacts import RejectCode, open_contacts

__all__ = ["path"]  # a fixture

HEADER = "id;destination;user_data\n"


@pytest.mark.parametrize(
    "last",
    [
        "A3;0483000",
        f"A3;{NUMBER};Ana",
        f'A3;{NUMBER};"Ana"',
        f'A3;{NUMBER};"linha\ndois"',
        f'A3;{NUMBER};"Ana',
        "A3",
        "A3;",
        ";",
        "A3;x;y;z;w",
        f"A3;{NUMBER};\udcc3",
    ],
)
def test_last_line_without_an_end_is_not_taken(path: Path, last: str) -> None:
    """Whatever stands in it, it is rejected for its end, and said by its line."""
    content = (HEADER + "A1;04830000051;\n" + last).encode("utf-8", "surrogateescape")
    path.write_bytes(content)
    with open_contacts(path, defaults=DEFAULTS) as file:
        found = list(file)

    reject = only_reject(found)
    assert numbers(found) == ["04830000051", "open_end"]
    assert (reject.line, file.open_end) == (3, 3)
    assert "--allow-open-end" in reject.reason


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n", "\n \t", "\n;;", "\n\x1a"])
def test_last_line_with_an_end(path: Path, end: str) -> None:
    """A row with an end is taken; what follows it is blank."""
    found = rows(path, f"{HEADER}A1;{NUMBER};Ana{end}")

    assert numbers(found) == [NUMBER]


@pytest.mark.parametrize(
    ("last", "taken"),
    [
        (f"A3;{NUMBER};Ana", NUMBER),
        (f'A3;{NUMBER};"a\nb"', NUMBER),
        ("A3;x;Ana", "bad_character"),
        (f'A3;{NUMBER};"Ana', "open_quote"),
    ],
)
def test_last_line_is_taken_where_it_may_be(path: Path, last: str, taken: str) -> None:
    """With the option a last line counts like any other."""
    found = rows(path, HEADER + last, allow_open_end=True)

    assert numbers(found) == [taken]


def test_header_without_an_end(path: Path) -> None:
    """A file of a header alone has no rows, with an end or without."""
    assert rows(path, "id;destination") == []


def test_whole_rows_below_an_open_quote(path: Path) -> None:
    """Only the very last line is rejected for its end."""
    found = rows(path, f'{HEADER}A1;1;"x\nA2;2;y\nA3;{NUMBER};z')

    assert numbers(found) == ["open_quote", "2", "open_end"]
    assert [row.line for row in found] == [2, 3, 4]
    assert found[2].code is RejectCode.OPEN_END  # type: ignore[union-attr]
