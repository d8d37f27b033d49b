import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from command_line import (
    Capture,
    Recorded,
    Running,
    SimulatorHere,
    fake_pabx,
    number,
    numbers_of,
    posts_seen,
    read_rows,
    refuses_connections,
    results_in,
    run_here,
    start,
    wait_for,
    write_config,
    write_contacts,
)

from digitro_async.cli import _command_loop
from digitro_async.testing import FaultPlan


def check_books(simulator: Recorded, ledger: Path, contacts: int) -> Counter[str]:
    """Compare a ledger with the simulator's own record; count contacts by state."""
    rows = results_in(ledger)
    calls = simulator.calls()
    numbers = simulator.numbers()
    by_line = {row["line"]: row for row in rows}

    assert len(numbers) == len(set(numbers)), "a number was called twice"
    assert len(rows) == len(by_line) == contacts, "a contact has two rows, or none"
    # What the simulator received was sent, and its ids are those of the ledger.
    sent = {line for line, row in by_line.items() if row["attempts"] != "0"}
    received = {str(2 + int(one[-5:])) for one in numbers}
    assert received <= sent
    ids = {row["call_id"] for row in rows if row["state"] == "accepted"}
    assert ids <= {call["call_id"] for call in calls}
    return Counter(row["state"] for row in rows)


class Dialling:
    """A list that is dialled in one process through a simulator in this one."""

    def __init__(self, folder: Path, contacts: int, latency: float) -> None:
        self.folder = folder
        self.contacts = contacts
        self.simulator = SimulatorHere(folder / "record", latency=latency)
        self.ledger = folder / "c.csv.ledger.db"

    def __enter__(self) -> Self:
        self.simulator.__enter__()
        config = self.folder / "digitro.toml"
        write_config(config, self.simulator.base_url, rate=200)
        write_contacts(self.folder / "c.csv", self.contacts)
        self.running = Running("dial", "c.csv", cwd=self.folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self.running.process.poll() is None:
            self.running.process.kill()
        self.running.process.communicate()
        self.simulator.__exit__()

    def signal_after(self, posts: int, number_of_signal: signal.Signals) -> None:
        """Send a signal once the simulator received ``posts`` calls."""
        wait_for(lambda: len(self.simulator.calls()) >= posts)
        self.running.process.send_signal(number_of_signal)

    def wait_for_text(self, text: str) -> str:
        """Read stderr until a line holds the text."""
        assert self.running.process.stderr is not None
        read = ""
        for line in self.running.process.stderr:
            read += str(line)
            if text in line:
                return read
        pytest.fail(f"it never said: {text}")


@pytest.fixture
def heard() -> Iterator[None]:
    """Let processes that are started hear SIGHUP even where tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize(
    "number_of_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
)
def test_signal_lets_the_wire_finish(
    tmp_path: Path, number_of_signal: signal.Signals
) -> None:
    """An interrupted run answers for every call it made and starts no more."""
    with Dialling(tmp_path, 2000, 0.2) as dialling:
        dialling.signal_after(40, number_of_signal)
        code, out, err = dialling.running.end()
        states = check_books(dialling.simulator, dialling.ledger, 2000)
        received = len(dialling.simulator.calls())

    assert code == 130
    assert (
        "interrupted: finishing the calls on the wire (again: cutting them off)" in err
    )
    assert "interrupted: the rest was not dialled" in err
    assert f"accepted        {received}\n" in out
    assert states["accepted"] == received < 1000
    assert set(states) == {"accepted", "pending"}


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_second_signal_cuts_off_and_still_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    """Calls that are cut off are unknown, and are recorded."""
    if loop == "asyncio":
        (tmp_path / "uvloop.py").write_text("raise ImportError")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    with Dialling(tmp_path, 2000, 100) as dialling:
        dialling.signal_after(30, signal.SIGINT)
        said = dialling.wait_for_text("interrupted: finishing")
        began = time.monotonic()
        dialling.running.process.send_signal(signal.SIGINT)
        code, out, err = dialling.running.end()
        seconds = time.monotonic() - began
        states = check_books(dialling.simulator, dialling.ledger, 2000)
        received = len(dialling.simulator.calls())

    assert code == 130
    assert seconds < 60  # an answer takes 100
    assert f"unknown         {states['unknown']}\n" in out
    assert states["unknown"] >= received >= 30
    assert set(states) == {"unknown", "pending"}
    assert "Traceback" not in said + err


def test_killed_process_has_written_every_answer_it_got(tmp_path: Path) -> None:
    """A run that is killed outright has recorded each answer that it got."""
    with Dialling(tmp_path, 2000, 0) as dialling:
        dialling.signal_after(60, signal.SIGKILL)
        assert dialling.running.end().code == -signal.SIGKILL
        rows = results_in(dialling.ledger)
        numbers = dialling.simulator.numbers()
    accepted = [row for row in rows if row["state"] == "accepted"]

    assert len(numbers) == len(set(numbers))
    assert len(numbers) - 20 <= len(accepted) <= len(numbers)
    assert all(row["call_id"] and row["settled_at"] for row in accepted)
    assert {row["state"] for row in rows} <= {
        "accepted",
        "pending",
        "claimed",
        "intent",
    }


def test_nohup_is_respected(tmp_path: Path) -> None:
    """A run that was told to ignore SIGHUP goes on."""
    with SimulatorHere(tmp_path / "record", latency=0.1) as simulator:
        write_config(tmp_path / "digitro.toml", simulator.base_url, rate=100)
        write_contacts(tmp_path / "c.csv", 30)
        code = (
            "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
            "from digitro_async.cli import main; main(['dial', 'c.csv'])"
        )
        process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
        wait_for(lambda: len(simulator.calls()) >= 5)
        process.send_signal(signal.SIGHUP)

        assert process.wait(60) == 0
        assert len(simulator.calls()) == 30


def test_demo_drains_on_ctrl_c_and_takes_its_simulator_along(tmp_path: Path) -> None:
    """Ctrl-C, which a terminal sends to all, loses no answer and leaves no process."""
    words = ("demo", "--contacts", 3000, "--rate", 100, "--directory", "d")
    with start(*words, cwd=tmp_path, start_new_session=True) as running:
        record = tmp_path / "d" / "calls.jsonl"
        wait_for(lambda: record.exists() and record.read_bytes().count(b"\n") >= 30)
        os.killpg(running.process.pid, signal.SIGINT)
        code, out, err = running.end()
    rows = read_rows(tmp_path / "d" / "results.csv")
    received = record.read_bytes().count(b"\n")

    assert code == 130
    assert "Traceback" not in err
    assert f"the simulator's own record: {received} calls received" in out
    assert sum(row["state"] == "accepted" for row in rows) == received < 2000
    assert {row["state"] for row in rows} == {"accepted", "pending"}
    assert refuses_connections(out.splitlines()[1].split()[3].rstrip(":"))


class TestHere:
    """The same in one process, where everything can be watched."""

    def interrupt_at(self, pabx: Any, posts: int, times: int = 1) -> Any:
        """Interrupt this process once a PABX received ``posts`` calls."""

        def act() -> None:
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.2)

        return posts_seen(pabx, posts, act)

    @pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
    @pytest.mark.parametrize("times", [1, 2])
    def test_record_and_calls_agree(
        self,
        *,
        tmp_path: Path,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        loop: str,
        times: int,
    ) -> None:
        """However often it is interrupted, the record tells of every call."""
        if loop == "asyncio":
            monkeypatch.setitem(sys.modules, "uvloop", None)
        assert (_command_loop._loop_factory() is None) == (loop == "asyncio")
        with fake_pabx(latency=1.0 if times == 1 else 20.0) as pabx:
            config = write_config(tmp_path / "digitro.toml", pabx.base_url, rate=200)
            contacts = write_contacts(tmp_path / "c.csv", 500)
            with self.interrupt_at(pabx, 20, times):
                ran = run_here(capsys, "dial", contacts, "--config", config)
            rows = results_in(tmp_path / "c.csv.ledger.db")
            received = set(numbers_of(pabx))
        sent = {number(int(r["line"]) - 2) for r in rows if r["attempts"] != "0"}

        assert ran.code == 130
        assert pabx.posts == len(received)
        assert received <= sent
        assert sorted(int(row["line"]) for row in rows) == list(range(2, 502))
        outcome = "accepted" if times == 1 else "unknown"
        states = {number(int(r["line"]) - 2): r["state"] for r in rows}
        assert {states[destination] for destination in received} == {outcome}
        # What is cut off while it connects is not sent, and may be called again.
        others = {"unknown", "pending"} if times == 2 else {outcome}
        assert {states[destination] for destination in sent} <= others
        assert ran.err.count("interrupted: finishing") == 1

    def test_loop_without_signal_handlers_is_interrupted_all_the_same(
        self, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where a loop hears no signals (Windows), Ctrl-C cancels and loses nothing."""

        def refuse(*_: object) -> None:
            raise NotImplementedError

        monkeypatch.setitem(sys.modules, "uvloop", None)
        loop = asyncio.SelectorEventLoop
        monkeypatch.setattr(loop, "add_signal_handler", refuse)
        with fake_pabx(latency=0.3) as pabx:
            config = write_config(tmp_path / "digitro.toml", pabx.base_url, rate=200)
            contacts = write_contacts(tmp_path / "c.csv", 500)
            with self.interrupt_at(pabx, 20):
                ran = run_here(capsys, "dial", contacts, "--config", config)
            rows = results_in(tmp_path / "c.csv.ledger.db")
            accepted = pabx.accepted

        assert ran.code == 130
        assert sum(row["state"] == "accepted" for row in rows) == accepted
        assert sorted(int(row["line"]) for row in rows) == list(range(2, 502))

    @pytest.mark.parametrize(
        ("latency", "times", "code", "text"),
        [
            (0.5, 1, 0, "interrupted: waiting for the answer"),
            (20.0, 2, 130, "unknown: it was cut off (the phone may ring"),
        ],
    )
    def test_call_waits_for_its_answer(
        self,
        *,
        tmp_path: Path,
        capsys: Capture,
        latency: float,
        times: int,
        code: int,
        text: str,
    ) -> None:
        """A call on the wire gets its answer, or is told to be unknown."""
        with fake_pabx(latency=latency) as pabx:
            config = write_config(tmp_path / "digitro.toml", pabx.base_url)
            with self.interrupt_at(pabx, 1, times):
                ran = run_here(capsys, "call", number(1), "--config", config)

        assert ran.code == code
        assert text in ran.err
        assert bool(ran.out) == (code == 0)
        assert pabx.posts == 1

    @pytest.mark.parametrize(
        ("wait", "times", "text"),
        [
            (1, 1, "not_sent: The PABX is paused"),
            (20, 2, "not_sent: it was cut off while it waited"),
        ],
    )
    def test_call_that_waits_to_be_repeated_is_not_sent(
        self, *, tmp_path: Path, capsys: Capture, wait: int, times: int, text: str
    ) -> None:
        """A call that the PABX did not want yet is given up, and told so."""
        fault = {"kind": "throttle_429", "at": [1], "retry_after": wait}
        faults = FaultPlan.from_mapping({"fault": [fault]})
        with fake_pabx(faults=faults) as pabx:
            config = write_config(tmp_path / "digitro.toml", pabx.base_url)
            with self.interrupt_at(pabx, 1, times):
                ran = run_here(capsys, "call", number(1), "--config", config)

        assert ran.code == 130
        assert ran.err.splitlines()[-1].startswith(text)
        assert pabx.posts == 1
