"""Output that can't be written: said and told by the exit code, of every command."""

import json
import os
import pty
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest
from command_line import (
    Capture,
    Running,
    folder,
    pabx_with_config,
    run_here,
    start,
    write_config,
    write_contacts,
)

from digitro_async.cli._app import run
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")

SAID = "digitro: the standard output can't be written: No space left on device\n"

COMMANDS = [
    ("results", "--ledger", "c.db"),
    ("results", "--ledger", "c.db", "--format", "jsonl"),
    ("results", "--ledger", "c.db", "--follow"),
    ("status", "--ledger", "c.db"),
    ("dial", "c.csv", "--dry-run"),
    ("dial", "c.csv", "--ledger", "other.db", "--rejects", "other.csv"),
    ("call", "0489"),
    ("demo", "--contacts", "3", "--directory", "d"),
    ("--help",),
    ("dial", "--help"),
    ("--version",),
    (),
]


@pytest.fixture(autouse=True)
def dialled(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Dial a list."""
    write_contacts(folder / "c.csv", 3)
    assert run_here(capsys, "dial", "c.csv", "--ledger", "c.db").code == 0
    (folder / "c.csv.ledger.db").unlink(missing_ok=True)


@pytest.fixture
def full() -> Iterator[TextIO]:
    """Open a file on a disk that is full."""
    with Path("/dev/full").open("w", encoding="utf-8") as file:
        yield file


class TestFullDisk:
    """A stream that goes to a disk without space."""

    @pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
    def test_standard_output(
        self,
        words: tuple[str, ...],
        full: TextIO,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The reason is said once, and the exit code is 3, of every command."""
        monkeypatch.setattr(sys, "stdout", full)
        code = run(words)

        assert code == 3
        assert capsys.readouterr().err.count(SAID) == 1

    @pytest.mark.parametrize("words", COMMANDS[3:8], ids=" ".join)
    def test_standard_error(
        self,
        words: tuple[str, ...],
        full: TextIO,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Lost lines are told by the exit code alone, and nothing else is spoilt."""
        monkeypatch.setattr(sys, "stderr", full)
        code = run(words)
        out = capsys.readouterr().out

        says_something = words[0] in ("dial", "demo")
        assert code == (3 if says_something else 0)
        assert SAID not in out
        assert out

    def test_nothing_is_hidden(
        self, full: TextIO, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Wrong usage stays exit code 2 where its reason can't be written."""
        monkeypatch.setattr(sys, "stderr", full)

        assert run(["results", "--ledger", "none.db"]) == 2

    def test_every_call_is_made(
        self,
        folder: Path,
        pabx: FakePABX,
        full: TextIO,
        monkeypatch: pytest.MonkeyPatch,
        capsys: Capture,
    ) -> None:
        """A dial whose lines are lost goes on to its end: its results are recorded."""
        write_contacts(folder / "more.csv", 20)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", full)
            patched.setattr(sys, "stderr", full)
            code = run(["dial", "more.csv", "--ledger", "c.db"])

        assert code == 3
        assert pabx.posts == 20
        assert run_here(capsys, "status", "--ledger", "c.db").code == 0

    @pytest.mark.parametrize("words", [COMMANDS[0], ("--help",)], ids=" ".join)
    def test_process(self, folder: Path, full: TextIO, words: tuple[str, ...]) -> None:
        """A process ends with it too, and Python adds nothing at its end."""
        ran = Running(*words, cwd=folder, stdout=full).end()

        assert (ran.code, ran.err) == (3, SAID)

    def test_record_of_a_simulator(self, folder: Path, capsys: Capture) -> None:
        """A simulator whose record can't be written answers on, and says so."""
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        write_contacts(folder / "more.csv", 20)
        with start("simulate", "--port", 0, "--record", "r", cwd=folder) as running:
            assert running.process.stdout is not None
            base_url = running.process.stdout.readline().split()[2]
            resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (700, hard))
            write_config(folder / "digitro.toml", base_url, api_key="demo-key")
            dialled = run_here(capsys, "dial", "more.csv", "--ledger", "m.db")
            running.process.terminate()
            ran = running.end()

        assert dialled.code == 0
        assert (ran.code, "received 20" in ran.out) == (3, True)
        assert ran.err.startswith("digitro: the record can't be written: ")
        assert [json.loads(line) for line in Path("r").read_text().splitlines()]


class TestReaderThatWentAway:
    """A reader that has read enough is no fault."""

    @pytest.mark.parametrize("words", COMMANDS[:5], ids=" ".join)
    def test_pipe(
        self,
        words: tuple[str, ...],
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """It ends quietly, and results tell that they were not all read."""
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w", encoding="utf-8") as broken:  # noqa: PTH123
            monkeypatch.setattr(sys, "stdout", broken)
            code = run(words)

        assert code == (1 if words[0] == "results" else 0)
        assert "can't be written" not in capsys.readouterr().err

    def test_terminal(self, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        """So is a terminal that was hung up, which fails like a disk."""
        leader, terminal = pty.openpty()
        with open(terminal, "w", encoding="utf-8") as hung_up:  # noqa: PTH123
            os.close(leader)
            monkeypatch.setattr(sys, "stdout", hung_up)
            code = run(["status", "--ledger", "c.db"])

        assert code == 0
        assert capsys.readouterr().err == ""

    def test_process(self, folder: Path) -> None:
        """A process ends quietly, and Python adds nothing at its end."""
        reading, writing = os.pipe()
        os.close(reading)
        running = Running(*COMMANDS[0], cwd=folder, stdout=writing)
        os.close(writing)
        ran = running.end()

        assert (ran.code, ran.err) == (1, "")
