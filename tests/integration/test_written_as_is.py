"""Text goes into a file or a pipe as it was; only a terminal gets escapes."""

import asyncio
import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ledgers import (
    NOW,
    SHELVES,
    accept,
    claim,
    entry_of,
    intend,
    new_contact,
)

from digitro_async._common import csv_cells
from digitro_async._common.csv_cells import csv_line
from digitro_async.cli._results import write_results
from digitro_async.contacts import (
    RejectedRow,
    RejectsFile,
    open_contacts,
)
from digitro_async.ledger import NewContact, SQLiteLedger, State
from digitro_async.testing import HostileConnection, HostilePABX

PARTS = ",;\t\n\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029"
SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207c\u207a\u207b\u2212"
ODD = "\xa0a\xad\u200d\ufeffé漢\u200b\u202e\u2028;🧑\u200d🚀"
"""No-break space, soft hyphen, joiner, byte order mark, override, and what is seen."""
UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}
"""Categories of what shows nothing. A code point without a character shows a box."""

# What a reader takes away again, as docs/contact-files.md says.
PROTECTION = re.compile(
    rf"(?:\A|(?<=[{csv_cells._PARTS}]))'(?='*[{csv_cells._UNSEEN}]*[{csv_cells._SIGNS}])"
    r"|\A'(?='*[\t\r\n])"
)
SURROGATES = re.compile(r"(\\+)(ud[89a-f][0-9a-f]{2})")


def read(line: bytes) -> list[str]:
    """Read a row as Python does, and take away what protects it."""
    (row,) = csv.reader(io.StringIO(line.decode(), newline=""), strict=True)
    return [PROTECTION.sub("", cell) for cell in row]


def with_surrogates(text: str) -> str:
    """Read what can't be in UTF-8 out of its escapes."""

    def one(found: re.Match[str]) -> str:
        half, odd = divmod(len(found[1]), 2)
        code = found[2]
        return "\\" * half + (chr(int(code[1:], 16)) if odd else code)

    return SURROGATES.sub(one, text)


def naive(line: str, delimiter: str) -> list[list[str]]:
    """Split a row as readers do that know only one delimiter and few quotes."""
    quoted = next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter))
    lines = [piece.split(delimiter) for piece in line.splitlines()]
    bare = [[cell.replace('"', "") for cell in row] for row in lines]
    return [quoted, *lines, *bare]


def begins_a_formula(cell: str) -> bool:
    """Whether a spreadsheet may run it: its first sign that is seen begins one."""
    for char in cell:
        if unicodedata.category(char) in UNSEEN or char == '"':
            continue
        return char in SIGNS
    return False


COMMAND = [sys.executable, "-m", "digitro_async", "results"]

cells = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.text(st.sampled_from([*PARTS, *SIGNS, *"'\"ab \xa0\u200b\ufeff\\|"])),
    min_size=1,
    max_size=4,
)


class TestCells:
    """One row of any CSV file."""

    @given(cells)
    @example([ODD, "a,b", 'a"b', "a\nb", "a\rb", " a ", "\x00", "\x1b[31m", "\x7f"])
    @example(["x;=cmd|' /C calc'!A0", "'=1", "''=1", ";'=1", ";' '=1", "\t'\t=", "\\u"])
    @example(["\t'=1", "\n\n-", "'\r", "=", '";"=', ";\t=\t;+", r"\ud800", r"\\udfff"])
    def test_every_text_comes_back(self, row: list[str]) -> None:
        """Read and rid of its protection, every cell is what it was."""
        assert [with_surrogates(cell) for cell in read(csv_line(row))] == row

    @given(st.text(st.sampled_from("\\ud8fc0\ud800\udcff")))
    def test_what_is_no_text_comes_back_too(self, text: str) -> None:
        """Half a surrogate pair is an escape that no other text is written as."""
        (cell,) = read(csv_line([text]))

        assert with_surrogates(cell) == text
        assert text.isascii() or cell != text

    @given(cells)
    @example(["x;=cmd|' /C calc'!A0"])
    @example(["a", 'x;"=cmd'])
    @example(['";="', ';"', "=1"])
    @example(["\U00018cd6=", "\ue000="])
    @example(
        ["a\n=1", "a\u2028@x", "\ufeff\xa0\uff1d1", "\u200b+1", 'a";-1', "b\t\xad=1"]
    )
    def test_no_reader_finds_a_formula(self, row: list[str]) -> None:
        """Wherever a reader splits, no piece of a cell begins a formula."""
        line = csv_line(["x", *row, "y"]).decode()
        for delimiter in ",;\t":
            for pieces in naive(line, delimiter):
                assert not [piece for piece in pieces if begins_a_formula(piece)]

    def test_signs_behind_what_is_not_seen(self) -> None:
        """No blank or invisible character keeps a sign from being found."""
        missed = [
            f"{code:x}"
            for code in range(sys.maxunicode)
            if unicodedata.category(char := chr(code)) in UNSEEN
            and "'" not in csv_line([f"{char}=1"]).decode()
        ]

        assert missed == []

    def test_what_is_harmless_stays(self) -> None:
        """Numbers, times, call ids and names are written as they are."""
        row = [-5, -0.5, "2024-07-08T10:46:19.250Z", "08/07/24 10:46:19 010A 0974/00"]
        row += [
            "876475938-62;Fulano - 1",
            "a=b",
            "x@y",
            "it's",
            r"C:\users",
            None,
        ]

        assert csv_line(row).decode() == (
            "-5,-0.5,2024-07-08T10:46:19.250Z,08/07/24 10:46:19 010A 0974/00,"
            r"876475938-62;Fulano - 1,a=b,x@y,it's,C:\users,"
            "\n"
        )

    @given(st.text(st.sampled_from(",;\t' =a"), max_size=300))
    def test_long_cells_take_no_longer(self, text: str) -> None:
        """At most one apostrophe is added for each piece."""
        (row,) = csv.reader(io.StringIO(csv_line([text]).decode(), newline=""))

        assert len(row[0]) <= len(text) + sum(map(text.count, ",;\t")) + 1


def odd_contact() -> NewContact:
    """Return a contact with an odd id."""
    return new_contact(1, id=ODD)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a ledger with one accepted contact, whose texts are odd."""
    path = tmp_path / "c.db"

    async def make() -> None:
        async with SQLiteLedger(path, synchronous="OFF") as ledger:
            await ledger.add([odd_contact()])
            await claim(ledger, 1)
            await intend(ledger, 1, "filial é", NOW)
            await accept(ledger, 1, f"{ODD}\x1b[31m\x7f\n=", pabx="filial é")

    asyncio.run(make())
    return path


def rows_of(text: bytes) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file."""
    yield from csv.DictReader(io.StringIO(text.decode(), newline=""), strict=True)


def ran(*words: object, locale: str = "C.UTF-8") -> bytes:
    """Run a command with its output in a pipe; return that."""
    environment = {**os.environ, "LC_ALL": locale, "PYTHONIOENCODING": ""}
    if locale == "ascii":
        environment |= {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "digitro_async", *map(str, words)],
        capture_output=True,
        check=True,
        env=environment,
    )
    return done.stdout


class TestResults:
    """The output of ``digitro results``."""

    @pytest.mark.parametrize("locale", ["C.UTF-8", "C", "ascii"])
    def test_csv_in_a_pipe(self, path: Path, locale: str) -> None:
        """In a pipe ids and call ids are what they were, whatever the locale."""
        (row,) = rows_of(ran("results", "--ledger", path, locale=locale))

        assert row["id"] == ODD
        assert row["call_id"] == f"{ODD}\x1b[31m\x7f\n'="
        assert row["pabx"] == "filial é"

    def test_json_in_a_pipe(self, path: Path) -> None:
        """A line of JSON is JSON, and says what was there."""
        (line,) = ran("results", "--ledger", path, "--format", "jsonl").splitlines()
        row = json.loads(line)

        assert (row["id"], row["call_id"]) == (ODD, f"{ODD}\x1b[31m\x7f\n=")
        assert line.isascii()
        assert b"\x7f" not in line

    def test_file_of_the_demo(self, path: Path, tmp_path: Path) -> None:
        """The results in a file are the ones in a pipe."""
        write_results(path, tmp_path / "r.csv")

        assert (tmp_path / "r.csv").read_bytes() == ran("results", "--ledger", path)

    @pytest.mark.parametrize("form", ["csv", "jsonl"])
    def test_a_terminal_is_not_steered(self, path: Path, form: str) -> None:
        """On a terminal nothing is sent that would steer it."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [*COMMAND, "--ledger", str(path), "--format", form],
            stdout=theirs,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        ):
            os.close(theirs)
            shown = b""
            try:
                while some := os.read(ours, 4096):
                    shown += some
            except OSError:
                pass  # Linux says so when the other end is closed
        os.close(ours)
        lines = shown.decode().split("\r\n")

        assert all(line.isprintable() for line in lines)
        assert "u200b" in shown.decode()

    def test_a_full_disk_is_told(self, path: Path) -> None:
        """Results of which a part is missing don't end as if they were whole."""
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "digitro_async", "results", "--ledger", path],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )

        assert done.returncode == 3
        assert "can't be written: No space left" in done.stderr


async def test_call_id_in_a_pipe(tmp_path: Path) -> None:
    """``digitro call`` prints the call id that the PABX gave, letter for letter."""
    call_id = "a\xa0\xad\u200d\ufeff 漢"
    body = json.dumps({"ID_CHAMADA": call_id}, ensure_ascii=False).encode()
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    async def reply(line: HostileConnection) -> None:
        await line.read_request()
        line.send(whole)
        await line.wait_for_end()

    async with HostilePABX(reply) as pabx:
        (tmp_path / "d.toml").write_text(
            f"[[pabx]]\nbase_url = '{pabx.base_url}'\nchannel_id = 1\napi_key = 'k'\n"
            "[call]\ndevice = '1'\ndevice_password = '2'\n"
        )
        words = ("call", "0483", "--config", tmp_path / "d.toml")
        out = await asyncio.to_thread(ran, *words)

    assert out == f"{call_id}\n".encode()


@pytest.mark.parametrize("kind", SHELVES)
async def test_call_ids_in_a_ledger(kind: str, tmp_path: Path) -> None:
    """Ids that would be shown alike are not one: only the same id is repeated."""
    ids = ["a\u200b", r"a\u200b", "a", "a ", "\x00", r"\x00", "\x00b", ODD, ODD]
    async with SHELVES[kind](tmp_path).ledger() as ledger:
        await ledger.add([new_contact(n) for n in range(1, len(ids) + 1)])
        for one, call_id in zip(await claim(ledger, 99), ids, strict=True):
            await intend(ledger, one.number, "one", NOW)
            last = await accept(ledger, one.number, call_id)
        kept = [(await entry_of(ledger, n)).call_id for n in range(1, len(ids))]

    assert kept == ids[:-1]
    assert last is State.UNKNOWN


def test_rejects_name_their_file(tmp_path: Path) -> None:
    """A file's name stands in the rejects as it is, and is escaped where shown."""
    path = tmp_path / "lista\xa0joão\u200d.csv"
    path.write_text("destination;device;device_password\nx;1;2\n", encoding="utf-8")
    with open_contacts(path) as contacts, RejectsFile(tmp_path / "r.csv") as file:
        rejected = next(contacts)
        assert isinstance(rejected, RejectedRow)
        file.write(rejected)
    (row,) = rows_of((tmp_path / "r.csv").read_bytes())

    assert row["file"] == path.name
    assert str(rejected).startswith(r"lista\xa0joão\u200d.csv, line 2: ")
