"""Lists of numbers that must not be called."""

import datetime as dt
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_values import moment, planned, wall

from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal
from digitro_async.rules import (
    ALLOW,
    BlockFile,
    BlockFunction,
    BlockGate,
    BlockTerms,
    Defer,
    GateReason,
    OwnBlocks,
    Refuse,
    called_number,
)
from digitro_async.rules._block_list import BlockBuilder
from digitro_async.rules._block_rows import BlockRows

NOW = moment("2026-11-30 12:00")
SP = called_number("011987654321")


def write(path: Path, text: str | bytes) -> None:
    """Write a file whose time differs from that of the one before."""
    was = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    now = path.stat().st_mtime_ns
    os.utime(path, ns=(now, max(now, was + 1_000_000_000)))


def loaded(path: Path, text: str | bytes) -> BlockFile:
    """A block file with a content."""
    write(path, text)
    file = BlockFile(path)
    file.load()
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the block file of a test is."""
    return tmp_path / "blocked.txt"


ROWS = [
    ("11987654321", None),
    ("011987654321", None),
    ("+55 (11) 98765-4321", None),
    ("0 15 11 98765-4321", None),
    ('"11987654321"', None),
    ("11987654321;31/12/2026;opt-out", "2027-01-01 02:00:00"),
    ("11987654321,2026-12-31,opt-out", "2027-01-01 02:00:00"),
    ("11987654321\t2026-12-31", "2027-01-01 02:00:00"),
    ("11987654321;;opt-out", None),
    ("1187654321", None),  # from before the ninth digit
]


@pytest.mark.parametrize(("row", "until"), ROWS, ids=[row for row, _ in ROWS])
def test_forms_of_a_row(path: Path, row: str, until: str | None) -> None:
    """A number is blocked in whatever form it is written and dialled."""
    file = loaded(path, f"{row}\r\n")

    for form in ("011987654321", "11987654321", "+5511987654321"):
        terms = file.find(called_number(form), NOW)
        assert terms is not None
        assert (terms.until and wall(terms.until)) == until
    assert file.find(called_number("011987654322"), NOW) is None


BAD = [
    ("1198765432a", "number", "something else than a number"),
    ("maria", "number", "something else than a number"),
    (";2026-12-31", "number", "is empty"),
    ("987654321", "number", "has no area code"),
    ("123", "number", "has 3 digits"),
    ("1234567890123456", "number", "has 16 digits"),
    ("11987654321;soon", "until", "is no date"),
    ("11987654321;2026-02-30", "until", "no day of the calendar"),
    ("11987654321;;reason;more", "reason", "more fields than columns"),
    ("1" * 3_000_000, "number", "longer than"),
]


@pytest.mark.parametrize(("row", "field", "problem"), BAD, ids=range(len(BAD)))
def test_bad_rows(path: Path, row: str, field: str, problem: str) -> None:
    """A row that can't be used is told with its line and field, and stops nothing."""
    write(path, f"# ours\n11987654321\n{row}\n48987654321\n")
    file = BlockFile(path)
    reading = file.load()

    assert reading.bad_count == 1
    assert str(reading.bad_rows[0]).startswith(f"{path}:3: {field}: ")
    assert problem in str(reading.bad_rows[0])
    assert row[:9] not in str(reading.bad_rows[0])
    assert file.find(SP, NOW) is not None
    assert file.find(called_number("48987654321"), NOW) is not None


def test_a_header_names_the_columns(path: Path) -> None:
    """A header in Portuguese or English says which column is which."""
    text = "motivo;telefone;validade\nnão quer;11987654321;31/12/2026\n"
    for content in (text.encode("cp1252"), text.encode("utf-8-sig")):
        terms = loaded(path, content).find(SP, NOW)
        assert terms is not None
        assert terms.reason == "não quer"


def test_utf_16_is_refused(path: Path) -> None:
    """A file in another encoding is refused with the way out: it would block nobody."""
    with pytest.raises(ConfigurationError, match="save it as UTF-8"):
        loaded(path, "11987654321\n".encode("utf-16"))


def test_a_file_that_is_not_there(path: Path) -> None:
    """A list that can't be read is an error, and never an empty list."""
    with pytest.raises(ConfigurationError, match="can't be read"):
        BlockFile(path).load()
    with pytest.raises(ConfigurationError, match="before it was loaded"):
        BlockFile(path).find(SP, NOW)


def test_a_home_area(path: Path) -> None:
    """Numbers without area code are of the home area, where there is one."""
    write(path, "98765-4321\n")
    file = BlockFile(path, home_area="11")

    assert file.load().bad_count == 0
    assert file.find(SP, NOW) is not None


def test_a_new_content_takes_the_place_of_the_old_one(path: Path) -> None:
    """A file that changed is read again, and one that did not is not."""
    file = loaded(path, "11987654321\n48987654321\n")
    assert file.refresh() is None

    write(path, "48987654321\n21987654321\n")
    reading = file.refresh()
    assert reading is not None
    assert (reading.entries, reading.kept_old) == (2, "")
    assert file.find(SP, NOW) is None
    assert file.find(called_number("21987654321"), NOW) is not None
    assert file.refresh() is None


BROKEN = [
    (b"48987654321\n1198\n", "1 of its rows can't be used"),
    (b"", "it has 0 entries, and had 2"),
    (b"4\x008\x00", "it can't be read"),
    (None, "it can't be read"),
]


@pytest.mark.parametrize(("content", "why"), BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_frees_nobody(
    path: Path, content: bytes | None, why: str
) -> None:
    """What was blocked before a file broke stays so, until it is whole again."""
    file = loaded(path, "11987654321\n21987654321\n")
    if content is None:
        path.unlink()
    else:
        write(path, content)

    for _ in range(2):
        reading = file.refresh()
        assert file.find(SP, NOW) is not None
    reading = BlockFile.refresh(file) or reading
    assert reading is None or why in reading.kept_old
    write(path, "31987654321\n41987654321\n")
    assert file.refresh() is not None
    assert file.find(SP, NOW) is None


def test_a_file_that_stays_broken_frees_nobody(path: Path) -> None:
    """Each content is compared with the last whole file, and not with a broken one."""
    file = loaded(path, "11987654321\n21987654321\n")
    for _ in range(3):
        write(path, "")
        reading = file.refresh()
        assert reading is not None
        assert reading.kept_old == "it has 0 entries, and had 2"
        assert file.find(SP, NOW) is not None


def test_a_broken_file_is_told_once(path: Path) -> None:
    """Why the old content stays in force is said once, and not at every look."""
    file = loaded(path, "11987654321\n21987654321\n")
    write(path, "48987654321\nx\n")
    told = file.refresh()

    assert told is not None
    assert "1 of its rows" in told.kept_old
    assert file.find(called_number("48987654321"), NOW) is not None
    assert file.refresh() is None
    path.unlink()
    assert file.refresh() is not None
    assert file.refresh() is None


def test_several_entries_of_a_number(path: Path) -> None:
    """Of several entries the one that lasts longest counts."""
    file = loaded(path, "11987654321;2026-12-01\n11987654321;2026-12-31\n")
    terms = file.find(SP, NOW)
    assert terms is not None
    assert terms.until is not None
    assert wall(terms.until).startswith("2027-01-01")

    both = loaded(path, "11987654321;2026-12-01\n11987654321\n")
    terms = both.find(SP, NOW)
    assert terms is not None
    assert terms.until is None


def test_the_gate_asks_every_list(path: Path) -> None:
    """An entry without end refuses, one with an end defers, one that is over allows."""
    own = OwnBlocks("opt-outs")
    over = loaded(path, "11987654321;2026-11-29\n")
    gate = BlockGate([over, own])

    assert gate.ask(planned(), NOW) is ALLOW
    own.add(SP, BlockTerms("asked", NOW + 5))
    assert gate.ask(planned(), NOW) == Defer(NOW + 5, GateReason.BLOCKED, "opt-outs")
    own.add(SP, BlockTerms("asked"))
    assert gate.ask(planned(), NOW) == Refuse(GateReason.BLOCKED, "opt-outs")
    assert own.remove(SP)
    assert not own.remove(SP)
    assert gate.ask(planned(), NOW) is ALLOW


def test_a_function_is_a_list() -> None:
    """A function says of each number whether it is blocked, and why."""
    asked: list[str] = []

    def crm(number: Personal) -> str | None:
        asked.append(number.reveal())
        return "client" if number.reveal().endswith("1") else None

    gate = BlockGate([BlockFunction("crm", crm)])
    assert gate.ask(planned(), NOW) == Refuse(GateReason.BLOCKED, "crm")
    assert gate.ask(planned("011987654322"), NOW) is ALLOW
    assert asked == ["11987654321", "11987654322"]


numbers = st.from_regex(
    r"(11|48|97)(9[0-9]{8}|[2-5][0-9]{7})|0800[0-9]{7}", fullmatch=True
)


@settings(max_examples=100, deadline=None)
@given(
    blocked=st.lists(
        st.tuples(
            numbers, st.none() | st.dates(dt.date(2026, 1, 1), dt.date(2027, 12, 31))
        ),
        max_size=30,
    ),
    asked=st.lists(numbers, max_size=10),
    cut=st.integers(1, 40),
)
def test_any_list_by_an_oracle(
    blocked: list[tuple[str, dt.date | None]], asked: list[str], cut: int
) -> None:
    """A number is found exactly if a row has it whose block is not over."""
    content = "".join(f"{number};{day or ''}\n" for number, day in blocked).encode()
    builder = BlockBuilder()
    pieces = [content[at : at + cut] for at in range(0, len(content), cut)]
    bad = list(BlockRows(builder, BlockTerms(), "").read(pieces))
    found = builder.build()

    assert bad == []
    today = dt.date(2026, 11, 30)
    valid = {one for one, day in blocked if day is None or day >= today}
    for number in (*asked, *(one for one, _ in blocked)):
        terms = found.find(called_number(number).key, NOW)
        assert (terms is not None) == (number in valid)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_any_bytes_are_read(pieces: list[bytes]) -> None:
    """Whatever a file holds, each line that is no comment is an entry or told."""
    builder = BlockBuilder()
    bad = list(BlockRows(builder, BlockTerms(), "").read(pieces))

    assert len(bad) <= b"".join(pieces).count(b"\n") + 1
    assert all(
        "number" in str(one) or "until" in str(one) or "reason" in str(one)
        for one in bad
    )


def test_every_number_of_a_row(path: Path) -> None:
    """Two numbers of one row are blocked both, and a column has their area code."""
    file = BlockFile(path)
    write(path, "ddd;telefone;celular\n11;32817000;98765-4321\n048;32817000;\n")

    assert (file.load().entries, file.load().bad_count) == (3, 0)
    for number in ("1132817000", "011987654321", "4832817000"):
        assert file.find(called_number(number), NOW) is not None


def test_the_number_of_a_spreadsheet(path: Path) -> None:
    """A number that a spreadsheet wrote as a fraction is that number."""
    assert loaded(path, "11987654321.0\n").find(SP, NOW) is not None


def test_refreshed_by_several_threads(path: Path) -> None:
    """A file that several threads refresh is read once for each of its contents."""
    write(path, "11987654321\n")
    blocked = BlockFile(path)
    blocked.load()
    write(path, "".join(f"1198{number:07}\n" for number in range(50_000)))
    with ThreadPoolExecutor(4) as threads:
        readings = list(threads.map(lambda _: blocked.refresh(), range(4)))

    assert [one.entries for one in readings if one is not None] == [50_000]
