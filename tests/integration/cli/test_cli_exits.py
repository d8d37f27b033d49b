"""Exit codes: 2 only where no call went out, 130 whatever else fails, 0 where whole."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    Capture,
    SimulatorHere,
    fake_pabx,
    folder,
    number,
    posts_seen,
    read_rows,
    run_here,
    start,
    wait_for,
    write_config,
    write_contacts,
)

from digitro_async import (
    DigitroError,
    LedgerError,
    NotSentError,
    OutcomeUnknownError,
    PABXPausedError,
    RefusedError,
    RejectedError,
)
from digitro_async.cli import _demo
from digitro_async.cli._exit import (
    Course,
    Exit,
    exit_after_call,
    exit_after_dial,
    exit_after_dry_run,
    exit_after_output,
    exit_after_results,
    exit_after_status,
)
from digitro_async.contacts import RejectsFile
from digitro_async.ledger import SQLiteLedger
from digitro_async.testing import FakePABX

__all__ = ["folder"]  # fixtures

DIAL = ("dial", "c.csv", "--ledger", "c.db")


@pytest.fixture
def pabx(folder: Path) -> Iterator[FakePABX]:
    """Run a simulated PABX in another thread, with a configuration for it."""
    with fake_pabx(latency=0.05) as running:
        write_config(folder / "digitro.toml", running.base_url, rate=500)
        yield running


@pytest.mark.parametrize("ended", [Exit.DONE, Exit.INCOMPLETE, Exit.PAUSED])
def test_table(ended: Exit) -> None:
    """An interruption outweighs a failure, and a failure any other end."""
    assert Course().code(ended) is ended
    assert Course(dialled=True).code(ended) is ended
    assert Course(failure="x").code(ended) is Exit.USAGE
    assert Course(dialled=True, failure="x").code(ended) is Exit.PAUSED
    for dialled in (False, True):
        for failure in ("", "x"):
            course = Course(dialled=dialled, interrupted=True, failure=failure)
            assert course.code(ended) is Exit.INTERRUPTED


def test_codes_come_from_what_was_found() -> None:
    """Only a list that is accepted as a whole is done, by every command."""
    assert exit_after_dial(3, 3, rejected_rows=0, is_whole=True) == 0
    assert exit_after_dial(2, 3, rejected_rows=0, is_whole=True) == 1
    assert exit_after_dial(3, 3, rejected_rows=1, is_whole=True) == 1
    assert exit_after_dial(3, 3, rejected_rows=0, is_whole=False) == 1
    assert exit_after_dry_run(0) == 0
    assert exit_after_dry_run(1) == 1
    assert exit_after_status(3, 3, is_whole=True) == 0
    assert exit_after_status(2, 3, is_whole=True) == 1
    assert exit_after_status(3, 3, is_whole=False) == 1
    for failed in (False, True):
        codes = {
            exit_after_results(is_written=w, is_whole=whole, is_failed=failed)
            for w, whole in ((True, True), (False, True), (True, False))
        }
        assert codes == ({3} if failed else {0, 1})


@pytest.mark.parametrize("ended", [*Exit])
def test_output_that_failed(ended: Exit) -> None:
    """Output that can't be written is for somebody to look at, but hides nothing."""
    assert exit_after_output(ended, is_whole=True) is ended
    is_hidden = ended in (Exit.DONE, Exit.INCOMPLETE)
    assert exit_after_output(ended, is_whole=False) is (
        Exit.PAUSED if is_hidden else ended
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RefusedError("no"), 3),
        (PABXPausedError("no"), 3),
        (RejectedError("no"), 1),
        (OutcomeUnknownError("no"), 1),
        (NotSentError("no"), 1),
    ],
)
def test_codes_of_one_call(error: DigitroError, code: int) -> None:
    """A call that the PABX refuses is one for somebody to look at."""
    assert exit_after_call(error, interrupted=False) == code
    assert exit_after_call(error, interrupted=True) == 130


def fail_after_calls(monkeypatch: pytest.MonkeyPatch, pabx: FakePABX) -> None:
    """Let a ledger be unreadable once calls went out."""
    counts = SQLiteLedger.counts

    async def fail(self: SQLiteLedger) -> Any:
        if pabx.posts:
            raise LedgerError("c.db can't be read: it is gone", reason="unreadable")
        return await counts(self)

    monkeypatch.setattr(SQLiteLedger, "counts", fail)


def interrupt() -> None:
    """Interrupt this process as a terminal does."""
    os.kill(os.getpid(), signal.SIGINT)


class TestAfterCalls:
    """An error once calls went out never says that nothing was dialled."""

    def test_ledger(
        self,
        folder: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A ledger that is gone after the last call is exit code 3."""
        write_contacts(folder / "c.csv", 5)
        fail_after_calls(monkeypatch, pabx)
        ran = run_here(capsys, *DIAL)

        assert (ran.code, pabx.posts) == (3, 5)
        assert "c.db can't be read: it is gone" in ran.err

    def test_ledger_of_an_interrupted_run(
        self,
        folder: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """An interruption stays one when something fails after it; both are said."""
        write_contacts(folder / "c.csv", 900)
        fail_after_calls(monkeypatch, pabx)
        with posts_seen(pabx, 20, interrupt):
            ran = run_here(capsys, *DIAL)

        assert ran.code == 130
        assert "c.db can't be read: it is gone" in ran.err
        assert "interrupted: the rest was not dialled" in ran.err

    def test_full_disk_of_an_interrupted_run(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A ledger that can't be written any more doesn't hide an interruption."""
        write_contacts(folder / "c.csv", 900)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)

        def act() -> None:
            interrupt()
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))

        try:
            with posts_seen(pabx, 20, act):
                ran = run_here(capsys, *DIAL)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        assert ran.code == 130
        assert "stopped: c.db can't be written: " in ran.err
        assert "interrupted: the rest was not dialled" in ran.err

    def test_rejects_that_can_not_be_closed(
        self,
        folder: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A rejects file whose disk fails at its closing is no wrong usage."""
        close = RejectsFile.__exit__

        def fail(*args: Any) -> None:
            close(*args)
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(RejectsFile, "__exit__", fail)
        write_contacts(folder / "c.csv", 5, bad=2)
        ran = run_here(capsys, *DIAL)

        assert (ran.code, pabx.posts) == (3, 5)
        assert "digitro: Input/output error\n" in ran.err

    @pytest.mark.parametrize(
        "error", [OSError(28, "No space"), DigitroError("no"), KeyError("canary")]
    )
    def test_demonstration(
        self,
        folder: Path,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
    ) -> None:
        """A demonstration that fails after its calls is no wrong usage."""

        def fail(*_: object) -> None:
            raise error

        monkeypatch.setattr(_demo, "write_results", fail)
        ran = run_here(capsys, "demo", "--contacts", 5, "--directory", folder / "d")

        assert ran.code == 3
        *_, said = ran.err.splitlines()
        assert said in ("digitro: No space", "digitro: no") or (
            said.startswith("digitro: unexpected KeyError at fail, ")
            and said.endswith("; please report it")
        )


class TestBeforeCalls:
    """Nobody is called where something fails before the first call."""

    def test_rejects(
        self,
        folder: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A full disk in mid-import leaves it unfinished, and nobody is called."""

        def fail(*_: object) -> None:
            text = "c.rejects.csv can't be written: No space"
            raise DigitroError(text, reason="write_failed")

        write_contacts(folder / "c.csv", 5, bad=2)
        with monkeypatch.context() as patched:
            patched.setattr(RejectsFile, "write", fail)
            full = run_here(capsys, *DIAL)
        status = run_here(capsys, "status", "--ledger", "c.db")
        again = run_here(capsys, *DIAL)

        assert (full.code, status.code, again.code) == (3, 1, 1)
        assert "c.rejects.csv can't be written: No space" in full.err
        assert pabx.posts == 5
        assert len(read_rows(folder / "c.rejects.csv")) == 2


class TestWatch:
    """Watching ends when nothing can move any more."""

    def test_contacts_given_up(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A contact whose attempts are used up is not waited for."""
        write_contacts(folder / "c.csv", 1)
        run_here(capsys, *DIAL)
        words = ("status", "--ledger", "c.db", "--watch", 0.1)
        with sqlite3.connect(folder / "c.db") as connection:
            connection.execute(
                "UPDATE contact SET state = 1, failures = 5, call_id = NULL"
            )
        connection.close()
        with start(*words, cwd=folder) as running:
            ran = running.end(10)

        assert ran.code == 1
        assert "of the pending, 1 had their last attempt" in ran.out

    def test_contacts_to_come(self, folder: Path, pabx: FakePABX) -> None:
        """A contact that may be called yet is waited for."""
        write_contacts(folder / "c.csv", 1)
        with start(*DIAL, cwd=folder) as running:
            running.end()
        with sqlite3.connect(folder / "c.db") as connection:
            connection.execute("UPDATE contact SET state = 1, call_id = NULL")
        connection.close()
        with start("status", "--ledger", "c.db", "--watch", 0.1, cwd=folder) as running:
            time.sleep(1.5)
            assert running.process.poll() is None
            running.process.send_signal(signal.SIGTERM)
            assert running.end().code == 130


def test_stretch_of_bad_rows_holds_up_no_signal(folder: Path) -> None:
    """A file's bad rows are passed over while signals are heard; it goes on later."""
    with SimulatorHere(folder / "record") as simulator:
        write_config(folder / "digitro.toml", simulator.base_url)
        good = [f"C{i};{number(i)}" for i in range(20)]
        bad = ["B;ramal"] * 15_000
        lines = ["id;destination", *good, *bad, f"C99;{number(99)}", *bad]
        (folder / "c.csv").write_text("\n".join(lines) + "\n")
        rejects = folder / "c.rejects.csv"
        with start("dial", "c.csv", cwd=folder) as running:
            wait_for(lambda: rejects.exists() and rejects.stat().st_size > 50_000)
            running.process.send_signal(signal.SIGTERM)
            ran = running.end()
        assert simulator.calls() == []
        with start("dial", "c.csv", cwd=folder) as running:
            rest = running.end()
        numbers = simulator.numbers()

    assert (ran.code, rest.code) == (130, 1)
    assert sorted(numbers) == [*(number(i) for i in range(20)), number(99)]
    assert rejects.read_bytes().count(b"\n") == 30_001


def test_reconcile_that_is_interrupted_is_done_or_not(folder: Path) -> None:
    """A signal while a ledger is opened ends in order; nothing is half written."""
    (folder / "c.db").touch()
    words = ["reconcile", "C1", "accepted", "--ledger", "c.db", "--evidence", "x"]
    program = (
        "import os, signal, sys\n"
        "from digitro_async.ledger import SQLiteLedger\n"
        "real = SQLiteLedger.__aenter__\n"
        "async def enter(self):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return await real(self)\n"
        "SQLiteLedger.__aenter__ = enter\n"
        "from digitro_async.cli import main\n"
        f"main({words!r})"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )

    assert ended.returncode == 130
    assert ended.stderr == "interrupted: nothing was dialled\n"
