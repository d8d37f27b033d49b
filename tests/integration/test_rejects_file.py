import csv
import errno
import io
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import attrs
import pytest
from contact_files import DEFAULTS

from digitro_async.contacts import (
    RejectCode,
    RejectedRow,
    RejectsFile,
    open_contacts,
)
from digitro_async.errors import ConfigurationError, DigitroError

REJECT = RejectedRow(
    file="leads.csv",
    line=7,
    field="destination",
    reason="is empty",
    code=RejectCode.NO_NUMBER,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file goes."""
    return tmp_path / "out.csv"


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a written file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


class FullDisk(io.FileIO):
    """Takes half of a row, and then has no room."""

    room = 0

    def write(self, data: Any) -> int:
        """Write what there is room for."""
        piece = bytes(data)[: self.room]
        if not piece:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= len(piece)
        return super().write(piece)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_formulas_are_made_harmless(path: Path, start: str) -> None:
    """A cell that a spreadsheet would run is written as text."""
    foreign = f"{start}HYPERLINK(1)"
    with RejectsFile(path) as file:
        file.write(attrs.evolve(REJECT, file=foreign, reason=foreign))

    (row,) = table(path)
    assert row["file"] == row["reason"] == f"'{foreign}"


def test_foreign_text_that_is_no_text(path: Path) -> None:
    """Half a surrogate pair in a name is written so that the file stays UTF-8."""
    with RejectsFile(path) as file:
        file.write(attrs.evolve(REJECT, file="\ud800"))

    assert table(path)[0]["file"] == r"\ud800"


def test_rows_are_there_at_once(path: Path) -> None:
    """A row is in the file before the next one is known."""
    with RejectsFile(path) as file:
        for rows in (1, 2, 3):
            file.write(REJECT)
            assert len(table(path)) == rows


def test_killed_process_loses_no_row(path: Path) -> None:
    """Rows outlive a process that ends without closing anything."""
    program = """
        import os, signal, sys
        from digitro_async.contacts import *
        row = RejectedRow(file="a", line=1, reason="r", code=RejectCode.NO_NUMBER)
        with RejectsFile(sys.argv[1]) as file:
            for _ in range(100):
                file.write(row)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(path)], check=False
    )

    assert done.returncode == -9
    assert len(table(path)) == 100


def test_existing_file_is_not_overwritten(path: Path) -> None:
    """A file that exists is named, refused and left as it is."""
    path.write_text("mine")

    with (
        pytest.raises(ConfigurationError, match=r"out\.csv exists already"),
        RejectsFile(path),
    ):
        pass
    assert path.read_text() == "mine"


def test_dangling_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    """A link to nowhere counts as a file that exists."""
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigurationError, match="exists already"), RejectsFile(path):
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["no/such/folder.csv", "a\0b"])
def test_file_that_can_not_be_created(tmp_path: Path, name: str) -> None:
    """A place where nothing can be written is refused with the first row."""
    with (
        RejectsFile(tmp_path / name) as file,
        pytest.raises(ConfigurationError, match="can't be created"),
    ):
        file.write(REJECT)


def test_only_the_owner_may_read(path: Path) -> None:
    """The file is private, whatever the process's mask says."""
    before = os.umask(0)
    try:
        with RejectsFile(path) as file:
            file.write(REJECT)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_rejected_rows(path: Path) -> None:
    """A row of the rejects says where to look and why."""
    with RejectsFile(path) as file:
        file.write(REJECT)

    assert table(path) == [
        {
            "file": "leads.csv",
            "line": "7",
            "field": "destination",
            "code": "no_number",
            "reason": "is empty",
        }
    ]


def test_no_rejects_no_file(path: Path) -> None:
    """A run without rejected rows leaves no file of them."""
    with RejectsFile(path):
        pass

    assert not path.exists()


def test_file_that_appears_meanwhile_is_not_overwritten(path: Path) -> None:
    """A file made by somebody else after entering is not overwritten either."""
    with RejectsFile(path) as file:
        path.write_text("mine")
        with pytest.raises(ConfigurationError, match="exists already"):
            file.write(REJECT)

    assert path.read_text() == "mine"


def test_nothing_is_written_outside_the_with_statement(path: Path) -> None:
    """A file that was not entered or was left takes no rows."""
    file = RejectsFile(path)
    with pytest.raises(ConfigurationError, match="not open"):
        file.write(REJECT)
    with file:
        pass
    with pytest.raises(ConfigurationError, match="not open"):
        file.write(REJECT)


def test_full_disk_leaves_whole_rows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that does not fit is taken back, reported, and can be written later."""
    monkeypatch.setattr("digitro_async.contacts._rejects_file.io.FileIO", FullDisk)
    monkeypatch.setattr(FullDisk, "room", 10_000)
    with RejectsFile(path) as file:
        file.write(REJECT)
        disk: Any = file._file
        disk.room = 25
        with pytest.raises(
            DigitroError, match=r"out\.csv can't be written: No sp"
        ) as e:
            file.write(REJECT)
        assert (e.value.reason, e.value.__context__) == ("write_failed", None)
        assert len(table(path)) == 1
        assert path.read_bytes().endswith(b"is empty\n")
        disk.room = 10_000
        file.write(REJECT)

    assert len(table(path)) == 2


def test_full_disk_from_the_start_leaves_no_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without room for its header is removed, so that it can be made later."""
    monkeypatch.setattr("digitro_async.contacts._rejects_file.io.FileIO", FullDisk)
    with RejectsFile(path) as file:
        with pytest.raises(DigitroError, match="can't be written"):
            file.write(REJECT)
        assert not path.exists()
        monkeypatch.setattr(FullDisk, "room", 10_000)
        file.write(REJECT)

    assert len(table(path)) == 1


def test_disk_that_is_gone_reports_the_first_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where not even half a row can be taken back, the write's error is what counts."""

    class GoneDisk(FullDisk):
        def truncate(self, size: int | None = None, /) -> int:
            raise OSError(errno.EIO, "gone")

    monkeypatch.setattr("digitro_async.contacts._rejects_file.io.FileIO", GoneDisk)
    monkeypatch.setattr(GoneDisk, "room", 50)
    with RejectsFile(path) as file, pytest.raises(DigitroError, match="No space"):
        file.write(REJECT)


@pytest.mark.parametrize("harm", ["remove", "rename", "replace"])
def test_taken_away_meanwhile(path: Path, harm: str) -> None:
    """A file that its name leads to no more is missed: its rows are found nowhere."""
    with RejectsFile(path) as file:
        file.write(REJECT)
        if harm == "remove":
            path.unlink()
        else:
            path.rename(path.with_name("other.csv"))
        if harm == "replace":
            path.touch()
        with pytest.raises(DigitroError, match=r"out\.csv can't be written: it was"):
            file.finish()


def test_options_in_reasons_stand_as_they_are_typed(tmp_path: Path) -> None:
    """The guard against formulas leaves the reasons of rejected rows alone."""
    source, path = tmp_path / "c.csv", tmp_path / "out.csv"
    rows = ("(48) 3281-7001", "48\u200b32817001", "0xx48 3281-7001", "483281", "1")
    text = "id;destination\n" + "".join(f"1;{row}\n" for row in rows)
    source.write_bytes(text.encode() + b"2;48\xff\n3;4832817001")
    with (
        open_contacts(source, defaults=DEFAULTS) as found,
        RejectsFile(path) as rejects,
    ):
        rejected = [one for one in found if isinstance(one, RejectedRow)]
        for one in rejected:
            rejects.write(one)

    assert len(rejected) == 5
    assert [row["reason"] for row in table(path)] == [one.reason for one in rejected]
