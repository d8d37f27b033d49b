"""``digitro dial --ledger`` after an import that was killed or interrupted."""

import contextlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import stopping_import
from command_line import (
    Capture,
    Ran,
    Running,
    folder,
    number,
    numbers_of,
    pabx_with_config,
    read_rows,
    run_here,
    start,
)
from filled_ledgers import WITHOUT_SCHEDULE
from stopping_import import STOPS_AT

from digitro_async import LedgerError
from digitro_async.ledger import open_ledger_reader
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

ROWS = 2_400
GOOD = 60
HALF = GOOD // 2
DIAL = ("dial", "c.csv", "--ledger", "c.db")
CONTINUE = ("dial", "--ledger", "c.db")


def write_list(path: Path, *, rows: int = ROWS, good: int = GOOD) -> Path:
    """Write a long list: a few contacts, some at its end, and rows that are none.

    Of any 32 rows one is a contact at most.
    """
    every = rows // good
    lines = ["id;destination"]
    for row in range(rows):
        if row % every == every - 1:
            lines.append(f"C{row // every};{number(row // every)}")
        else:
            lines.append(f"B{row};ramal {row % 1000}")
    path.write_text("\n".join(lines) + "\n")
    return path


def rejected_lines(path: Path) -> list[int]:
    """Return the lines of a list's rejected rows."""
    return [
        line
        for line, text in enumerate(path.read_text().splitlines(), 1)
        if ";ramal" in text
    ]


def contacts_in(ledger: Path) -> int:
    """Return how many contacts are in a ledger that may be written just now."""
    try:
        with open_ledger_reader(ledger) as reader:
            return sum(reader.counts().values())
    except LedgerError:
        return 0


@contextlib.contextmanager
def stopped_import(
    folder: Path, contacts: int, words: Sequence[object] = DIAL
) -> Iterator[Running]:
    """Start an import that stops once the given number of contacts is in."""
    env = {**os.environ, STOPS_AT: str(contacts)}
    with start(*words, cwd=folder, env=env, first=stopping_import.__name__) as running:
        process = running.process.pid
        os.waitid(os.P_PID, process, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert contacts_in(folder / "c.db") == contacts
        yield running


def stop_import(
    folder: Path,
    how: signal.Signals,
    *,
    contacts: int = HALF,
    words: Sequence[object] = DIAL,
) -> Ran:
    """Start an import, and send a signal once the given number of contacts is in."""
    with stopped_import(folder, contacts, words) as running:
        running.process.send_signal(how)
        running.process.send_signal(signal.SIGCONT)
        return running.end()


class TestKilledImport:
    """A list that is not in to its end is never taken for a whole one."""

    @pytest.fixture(autouse=True)
    def killed(self, folder: Path, pabx: FakePABX) -> None:
        """Kill an import when the first contacts are in."""
        write_list(folder / "c.csv")
        ran = stop_import(folder, signal.SIGKILL)
        assert ran.code == -signal.SIGKILL
        assert (folder / "c.rejects.csv").stat().st_size

    def test_is_not_dialled_without_its_file(
        self, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A run without the file is refused, with the file's name and a way out."""
        ran = run_here(capsys, *CONTINUE)

        assert (ran.code, ran.out) == (2, "")
        assert "not imported to its end: c.csv" in ran.err
        assert "name c.csv again to go on, or --partial" in ran.err
        assert pabx.posts == 0

    def test_is_said_by_status_and_results(self, capsys: Capture) -> None:
        """Neither command calls the ledger whole."""
        status = run_here(capsys, "status", "--ledger", "c.db")
        results = run_here(capsys, "results", "--ledger", "c.db")

        assert status.code == results.code == 1
        assert "not imported to its end: c.csv" in status.out
        assert "not imported to its end: c.csv" in results.err
        assert "not imported" not in results.out

    def test_part_of_it_is_dialled_where_that_is_asked_for(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A part of a list is dialled with --partial, and still not called whole."""
        there = contacts_in(folder / "c.db")
        ran = run_here(capsys, *CONTINUE, "--partial")
        status = run_here(capsys, "status", "--ledger", "c.db", "--watch", 0.05)
        rest = run_here(capsys, *DIAL)

        assert (ran.code, status.code) == (1, 1)
        assert f"accepted        {there}\n" in ran.out
        assert rest.code == 1  # some rows are rejected
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(GOOD)]

    def test_goes_on_with_its_file_and_loses_no_row(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """The same file, of whatever name, ends it; each rejected row is there once."""
        (folder / "c.csv").rename(folder / "d.csv")
        (folder / "c.rejects.csv").rename(folder / "d.rejects.csv")
        ran = run_here(capsys, "dial", "d.csv", "--ledger", "c.db")
        rejects = read_rows(folder / "d.rejects.csv")
        after = run_here(capsys, *CONTINUE)

        assert ran.code == 1
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(GOOD)]
        assert {row["code"] for row in rejects} == {"bad_character"}
        assert after.code == run_here(capsys, "status", "--ledger", "c.db").code == 0
        # The name within a row is that of its day: another name, another file.
        assert ran.err.count("rejected rows are in d.rejects.2.csv\n") == 1
        again = read_rows(folder / "d.rejects.2.csv")
        lines = [int(row["line"]) for row in again]
        assert lines == rejected_lines(folder / "d.csv")

    def test_rejects_go_on_where_they_stopped(
        self, folder: Path, capsys: Capture
    ) -> None:
        """In the end the rejects file holds every rejected row of the list once."""
        first = (folder / "c.rejects.csv").read_bytes()
        with (folder / "c.rejects.csv").open("ab") as file:
            file.write(b"c.csv,")  # as a power cut may leave it
        before = len(first.splitlines())
        ran = run_here(capsys, *DIAL)
        rejects = read_rows(folder / "c.rejects.csv")
        lines = [int(row["line"]) for row in rejects]

        assert ran.code == 1
        assert before < len(lines)
        assert lines == rejected_lines(folder / "c.csv")
        assert (folder / "c.rejects.csv").read_bytes().startswith(first)
        assert not list(folder.glob("*.2.csv"))

    def test_other_file_does_not_end_it(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Another list is put in, and the one that is missing is still missed."""
        write_list(folder / "e.csv", rows=4, good=2)
        ran = run_here(capsys, "dial", "e.csv", "--ledger", "c.db")

        assert ran.code == 2
        assert "name c.csv again to go on, or --partial" in ran.err
        assert pabx.posts == 0

    def test_edited_file_ends_it_only_where_that_is_said(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A file of its name with another content is not taken for it in silence."""
        head, _, rest = (folder / "c.csv").read_text().partition("\nB0;ramal 0\n")
        (folder / "c.csv").write_text(f"{head}\n{rest}C{GOOD};{number(GOOD)}\n")
        refused = run_here(capsys, *DIAL)
        partly = run_here(capsys, *CONTINUE, "--partial")
        status = run_here(capsys, "status", "--ledger", "c.db")
        edited = run_here(capsys, *DIAL, "--edited")
        whole = run_here(capsys, *CONTINUE)

        assert (refused.code, partly.code, status.code) == (2, 1, 1)
        assert "c.csv is not as it was when its import stopped" in refused.err
        assert "--edited if it takes that one's place" in refused.err
        assert (edited.code, whole.code) == (1, 0)
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(GOOD + 1)]

    def test_somebody_elses_rejects_are_not_touched(
        self, folder: Path, capsys: Capture
    ) -> None:
        """Rejects go to a new name where the file beside the contacts is another's."""
        (folder / "c.rejects.csv").write_text("mine\n")
        (folder / "r.csv").write_text("mine\n")
        given = run_here(capsys, *DIAL, "--rejects", "r.csv")
        beside = run_here(capsys, *DIAL)

        assert given.code == 2
        assert "r.csv exists already and is not overwritten" in given.err
        assert "rejected rows are in c.rejects.2.csv" in beside.err
        assert (folder / "c.rejects.csv").read_text() == "mine\n"
        assert (folder / "r.csv").read_text() == "mine\n"
        lines = [int(row["line"]) for row in read_rows(folder / "c.rejects.2.csv")]
        assert lines == rejected_lines(folder / "c.csv")


@pytest.mark.parametrize("contacts", [0, 1, GOOD // 2, GOOD - 4])
def test_killed_at_any_moment(
    folder: Path, pabx: FakePABX, capsys: Capture, contacts: int
) -> None:
    """However far an import got, nobody is called before it is whole."""
    write_list(folder / "c.csv")
    words = (*DIAL, "--rejects", "r.csv")
    if contacts:
        stop_import(folder, signal.SIGKILL, contacts=contacts, words=words)
    else:
        with start(*words, cwd=folder) as running:
            running.process.kill()
    if not (folder / "c.db").exists():
        (folder / "c.db").touch()
    early = run_here(capsys, *CONTINUE)
    stop_import(folder, signal.SIGKILL, contacts=contacts + 1, words=words)
    ran = run_here(capsys, *words)
    whole = run_here(capsys, *CONTINUE)
    lines = [int(row["line"]) for row in read_rows(folder / "r.csv")]

    assert (early.code, early.out) == (2, "")
    assert (ran.code, whole.code) == (1, 0)
    assert lines == rejected_lines(folder / "c.csv")
    assert sorted(numbers_of(pabx)) == [number(i) for i in range(GOOD)]


@pytest.mark.parametrize(
    "how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda how: how.name
)
def test_interrupted_import_ends_in_order(
    folder: Path, pabx: FakePABX, capsys: Capture, how: signal.Signals
) -> None:
    """A signal ends an import with 130 and one line that says how to go on."""
    write_list(folder / "c.csv")
    ran = stop_import(folder, how)
    early = run_here(capsys, *CONTINUE)
    posts = pabx.posts
    rest = run_here(capsys, *DIAL)

    assert (ran.code, ran.out) == (130, "")
    assert ran.err.count("\n") == 3
    assert ran.err.endswith(
        "interrupted: c.csv was not imported to its end and nobody was called; "
        "name it again to go on\n"
    )
    assert (early.code, posts) == (2, 0)
    assert rest.code == 1
    assert sorted(numbers_of(pabx)) == [number(i) for i in range(GOOD)]


def test_rejects_of_a_list_that_has_grown_are_not_lost(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """New bad rows of a known list are written, too."""
    write_list(folder / "c.csv", rows=40, good=4)
    first = run_here(capsys, *DIAL)
    with (folder / "c.csv").open("a") as file:
        file.write(f"X1;ramal 7\nC4;{number(4)}\nX2;ramal 8\n")
    grown = run_here(capsys, *DIAL)
    lines = [int(row["line"]) for row in read_rows(folder / "c.rejects.csv")]

    assert (first.code, grown.code, pabx.posts) == (1, 1, 5)
    assert lines == rejected_lines(folder / "c.csv")


def test_ledger_from_before_imports_were_recorded(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """An older ledger is read as it is, and dialled."""
    write_list(folder / "c.csv", rows=4, good=4)
    run_here(capsys, *DIAL)
    with sqlite3.connect(folder / "c.db") as connection:
        connection.executescript(
            f"{WITHOUT_SCHEDULE} DROP TABLE import; DROP TABLE owner;"
            "PRAGMA user_version = 2;"
            "DROP TABLE call_end; DROP TABLE listening;"
            "ALTER TABLE contact DROP COLUMN intent;"
            "ALTER TABLE event DROP COLUMN owner;"
            "ALTER TABLE contact DROP COLUMN owner;"
            "ALTER TABLE contact DROP COLUMN failures; DROP INDEX event_evidence"
        )
        connection.execute("UPDATE contact SET state = 1, call_id = NULL")
    connection.close()
    shutil.copy(folder / "c.db", folder / "old.db")
    status = run_here(capsys, "status", "--ledger", "old.db")
    results = run_here(capsys, "results", "--ledger", "old.db")
    dialled = run_here(capsys, *CONTINUE)

    assert (status.code, status.out.count("pending       4\n")) == (1, 1)
    assert (results.code, len(results.out.splitlines())) == (0, 5)
    assert dialled.code == 0
    assert pabx.posts == 8


def test_nothing_is_not_a_whole_list(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A ledger that nothing was put into yet is not taken for one that is done."""
    (folder / "c.db").touch()
    dialled = run_here(capsys, *CONTINUE)
    status = run_here(capsys, "status", "--ledger", "c.db")
    (folder / "c.csv").write_text("id;destination\n")
    empty = run_here(capsys, *DIAL)
    after = run_here(capsys, "status", "--ledger", "c.db")

    assert (dialled.code, status.code) == (2, 1)
    assert "nothing was added to the ledger yet" in dialled.err
    assert (empty.code, after.code, pabx.posts) == (0, 0, 0)


def test_file_cut_off_while_it_is_read_is_not_whole(
    folder: Path, pabx: FakePABX
) -> None:
    """A list that somebody cuts off in mid-import did not end."""
    write_list(folder / "c.csv")

    with stopped_import(folder, HALF) as running:
        with (folder / "c.csv").open("r+b") as file:
            file.truncate(file.seek(0, 2) * 3 // 4)
        running.process.send_signal(signal.SIGCONT)
        ran = running.end()

    assert (ran.code, pabx.posts) == (2, 0)
    assert "c.csv can't be read: it was changed while it was read" in ran.err
