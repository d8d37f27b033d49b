"""Signals are heard from the first moment of a command to its last."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    Running,
    SimulatorHere,
    check_private,
    number,
    start,
    write_config,
    write_contacts,
)
from places import SUPPORT

from digitro_async import _start
from digitro_async.cli._interrupts import Interrupts, current, hearing, raise_once

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
MOMENTS = (0.0, 0.15, 0.3, 0.6)
LATE = [
    pytest.param(moment, number, marks=[pytest.mark.long] * (moment > MOMENTS[1]))
    for moment in MOMENTS
    for number in (signal.SIGINT, signal.SIGHUP)
]


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Let processes that are started hear SIGHUP even where tests run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def wait_until_heard(process: "subprocess.Popen[str]") -> None:
    """Return once a process has its own way with SIGTERM: before that it is Python's.

    The system tells of it: until then nothing of the command is loaded.
    """
    caught = 1 << (signal.SIGTERM - 1)
    for _ in range(60_000):
        text = Path(f"/proc/{process.pid}/status").read_text()
        if int(text.split("SigCgt:")[1].split()[0], 16) & caught:
            return
        time.sleep(0.001)
    pytest.fail("it never heard signals")


linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@linux
@pytest.mark.parametrize(
    ("moment", "number_of_signal"),
    [*((moment, signal.SIGTERM) for moment in MOMENTS), *LATE],
)
def test_first_moments(
    tmp_path: Path, moment: float, number_of_signal: signal.Signals
) -> None:
    """A command that is ended while it loads ends with 130, one line and no call."""
    words = ("status", "--ledger", "c.db", "--watch", 30)
    make_ledger(tmp_path / "c.db")
    with start(*words, cwd=tmp_path, cold=True) as running:
        wait_until_heard(running.process)
        time.sleep(moment)
        running.process.send_signal(number_of_signal)
        ran = running.end()

    assert ran.code == 130
    assert ran.err == "interrupted: nothing was dialled\n"


def make_ledger(path: Path) -> None:
    """Make a ledger in which a contact is pending, so that it is watched for ever."""
    program = (
        "import asyncio, sys; from pathlib import Path; from ledgers import *\n"
        "async def put_in():\n"
        "    async with SQLiteLedger(Path(sys.argv[1])) as ledger:\n"
        "        await ledger.add(contacts(1))\n"
        "asyncio.run(put_in())"
    )
    words = [sys.executable, "-c", program, str(path)]
    subprocess.run(words, check=True, cwd=SUPPORT)


WHEN_SIGNALS_RAISE = """
import sys
from digitro_async.cli import _app, _interrupts

do = _interrupts.Interrupts.do
def watched(self, act):
    if act is _interrupts.raise_once:
        print("orjson" in sys.modules)
    do(self, act)
_interrupts.Interrupts.do = watched
_app.run(["status", "--ledger", "c.db"])
"""


def test_no_signal_raises_while_a_library_begins(tmp_path: Path) -> None:
    """The library that crashes where a signal raises in its start is loaded before."""
    make_ledger(tmp_path / "c.db")
    words = [sys.executable, "-c", WHEN_SIGNALS_RAISE]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[0] == "True"


@linux
@pytest.mark.parametrize("number_of_signal", SIGNALS, ids=lambda one: one.name)
def test_while_a_long_file_is_looked_at(
    tmp_path: Path, number_of_signal: signal.Signals
) -> None:
    """A dry run of a long file ends in the middle of it, and says so."""
    config = tmp_path / "digitro.toml"
    config.write_text(
        '[[pabx]]\nbase_url = "http://127.0.0.1:9"\nchannel_id = 1\napi_key = "k"\n'
        '[call]\ndevice = "1"\ndevice_password = "2"\n'
    )
    (tmp_path / "c.csv").write_text("destination\n" + "0483280\n" * 3_000_000)
    with start("dial", "c.csv", "--dry-run", cwd=tmp_path, cold=True) as running:
        assert running.process.stderr is not None
        assert "read as utf-8" in running.process.stderr.readline()
        running.process.send_signal(number_of_signal)
        ran = running.end()

    assert ran.code == 130
    assert ran.err.count("\n") == 1
    assert ran.err.startswith("interrupted: ")


@linux
def test_signals_that_a_parent_left_blocked_are_heard(tmp_path: Path) -> None:
    """A command hears signals though the process that started it had blocked them."""
    make_ledger(tmp_path / "c.db")

    def block() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)

    words = ("status", "--ledger", "c.db", "--watch", 30)
    with start(*words, cwd=tmp_path, preexec_fn=block) as running:
        wait_until_heard(running.process)
        running.process.send_signal(signal.SIGTERM)
        ran = running.end()

    assert ran.code == 130
    assert ran.err == "interrupted: nothing was dialled\n"


unshare = shutil.which("unshare")
BOXED = (str(unshare), "--pid", "--fork", "--mount-proc", "--kill-child")


def may_unshare() -> bool:
    """Whether a process may be the first of a new world here."""
    if unshare is None:
        return False
    done = subprocess.run([*BOXED, "true"], capture_output=True, check=False)
    return done.returncode == 0


def child_of(process: "subprocess.Popen[str]") -> int:
    """Return the process that ``unshare`` has started, once Python runs in it."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    caught = 1 << (signal.SIGTERM - 1)
    for _ in range(60_000):
        found = children.read_text().split()
        if found:
            text = Path(f"/proc/{found[0]}/status").read_text()
            if int(text.split("SigCgt:")[1].split()[0], 16) & caught:
                return int(found[0])
        time.sleep(0.001)
    pytest.fail("nothing was started")


def boxed(folder: Path, *words: str) -> "subprocess.Popen[str]":
    """Start a command as the first process of a new world."""
    return subprocess.Popen(
        [*BOXED, sys.executable, "-m", "digitro_async", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


needs_a_box = pytest.mark.skipif(
    not may_unshare(), reason="needs to make a PID namespace"
)


@needs_a_box
@pytest.mark.parametrize("moment", [0.0, 0.1, 0.2, 0.3, 0.5, 1.0])
def test_first_process_of_a_container(tmp_path: Path, moment: float) -> None:
    """An ignored signal does not end the first process; SIGTERM is always heard."""
    make_ledger(tmp_path / "c.db")
    process = boxed(tmp_path, "status", "--ledger", "c.db", "--watch", "30")
    try:
        first = child_of(process)
        time.sleep(moment)
        os.kill(first, signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()

    assert process.returncode == 130
    assert err == "interrupted: nothing was dialled\n"


@needs_a_box
@pytest.mark.parametrize("number_of_signal", SIGNALS, ids=lambda one: one.name)
def test_first_process_of_a_container_in_a_long_import(
    tmp_path: Path, number_of_signal: signal.Signals
) -> None:
    """A signal in the middle of an import is heard, and no call is begun after it."""
    with SimulatorHere(tmp_path / "record") as simulator:
        write_config(tmp_path / "digitro.toml", simulator.base_url)
        write_contacts(tmp_path / "c.csv", 30_000)
        process = boxed(tmp_path, "dial", "c.csv")
        try:
            assert process.stderr is not None
            assert any("read as utf-8" in line for line in process.stderr)
            os.kill(child_of(process), number_of_signal)
            _, err = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        calls = simulator.calls()

    assert (process.returncode, calls) == (130, [])
    assert err.endswith(  # a slow machine has lines of progress before it
        "interrupted: c.csv was not imported to its end and nobody was called; "
        "name it again to go on\n"
    )


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """A list that is dialled in the background, without SIGINT and SIGHUP, goes on."""
    with SimulatorHere(tmp_path / "record", latency=0.1) as simulator:
        (tmp_path / "digitro.toml").write_text(
            f'[[pabx]]\nbase_url = "{simulator.base_url}"\nchannel_id = 1\n'
            'api_key = "canary-api-key"\nrate = { calls = 100 }\n'
            '[call]\ndevice = "1"\ndevice_password = "2"\n'
        )
        lines = [number(i) for i in range(30)]
        (tmp_path / "c.csv").write_text("\n".join(["destination", *lines]) + "\n")
        code = (
            "import os, signal, sys\n"
            "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
            "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
            "words = [sys.executable, '-m', 'digitro_async', 'dial', 'c.csv']\n"
            "os.execv(sys.executable, words)"
        )
        process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
        for _ in range(6000):
            if len(simulator.calls()) >= 5:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)

        assert process.wait(60) == 0
        assert len(simulator.calls()) == 30


@pytest.mark.parametrize(
    ("argv", "original", "is_command"),
    [
        (["-m", "x"], ["python", "-m", "digitro_async", "x"], True),
        (["-m", "x"], ["python", "-mdigitro_async", "x"], True),
        (["/usr/bin/digitro", "dial"], ["python", "/usr/bin/digitro", "dial"], True),
        ([r"C:\bin\digitro.exe"], ["python"], True),
        (["-m"], ["python", "-m", "pytest"], False),
        (["serve.py"], ["python", "serve.py", "digitro_async"], False),
        (["-c"], ["python", "-c", "import digitro_async"], False),
        ([], [], False),
    ],
)
def test_only_the_command_hears_signals_at_once(
    argv: list[str], original: list[str], *, is_command: bool
) -> None:
    """A program that imports the package keeps its own way with signals."""
    assert _start.is_command(argv, original) == is_command


def test_what_a_signal_does_is_put_back() -> None:
    """Signals do what they did before once nobody hears them any more."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    acts: list[int] = []
    with hearing() as interrupts:
        assert current() is interrupts
        with hearing() as again:
            assert again is interrupts
        interrupts.do(raise_once)
        with interrupts.doing(acts.append):
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)

    assert acts == [1, 2]
    assert interrupts.heard == 3
    assert {number: signal.getsignal(number) for number in SIGNALS} == before
    assert current() is not interrupts


def test_other_threads_hear_nothing() -> None:
    """Outside of the main thread nobody can hear signals, and nothing fails."""
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def hear() -> None:
        with hearing() as interrupts:
            seen.extend([isinstance(interrupts, Interrupts)])
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=hear)
    thread.start()
    thread.join()

    assert seen == [True, before]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_waiting_loop_is_woken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    """A command whose loop waits for nothing but a signal hears it at once."""
    if loop == "asyncio":
        (tmp_path / "uvloop.py").write_text("raise ImportError")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    running = Running("simulate", "--port", 0, cold=True)
    assert running.process.stdout is not None
    assert "listening" in running.process.stdout.readline()
    time.sleep(0.3)
    running.process.send_signal(signal.SIGTERM)
    ran = running.end()  # a loop that is not woken never ends
    check_private(ran.out)

    assert ran.code == 0
