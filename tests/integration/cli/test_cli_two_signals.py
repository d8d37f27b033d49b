"""Signals that come close together, and those that come at the very end."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import Ran, Running, write_config, write_contacts
from places import ROOT

PAIRS = [
    *itertools.repeat((signal.SIGINT, signal.SIGINT), 4),
    (signal.SIGTERM, signal.SIGINT),
    (signal.SIGINT, signal.SIGTERM, signal.SIGINT),
]
GAPS = (0.0, 0.001, 0.01, 0.03, 0.06, 0.09)


@pytest.fixture
def nobody_there(tmp_path: Path) -> Path:
    """Return a folder with a list, and a configuration of a PABX that refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    write_config(tmp_path / "digitro.toml", f"http://127.0.0.1:{port}", rate=50)
    write_contacts(tmp_path / "c.csv", 300)
    return tmp_path


def interrupted(running: Running, signals: Sequence[int], gap: float) -> None:
    """Send signals, with a gap in seconds between them."""
    for number_of_signal in signals:
        if running.process.poll() is None:
            running.process.send_signal(number_of_signal)
        time.sleep(gap)


def ends(folder: Path, words: Sequence[object], said: str) -> list[Ran]:
    """Return how commands end that get several signals once they said something."""
    ended = []
    for start in range(0, len(PAIRS), 3):
        chosen = range(start, start + 3)
        runs = [
            Running(*(word.format(one) for word in map(str, words)), cwd=folder)
            for one in chosen
        ]
        for one, running in zip(chosen, runs, strict=True):
            assert running.process.stderr is not None
            assert any(said in line for line in running.process.stderr)
            time.sleep(0.05 * (one % 3))
            interrupted(running, PAIRS[one], GAPS[one])
        ended += [running.end() for running in runs]
    return ended


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("dial", "c.csv", "--ledger", "{}.db", "--rejects", "{}.csv"), "new contacts"),
        (("dial", "c.csv", "--ledger", "{}.db", "--rejects", "{}.csv"), "read as"),
    ],
    ids=["calls", "import"],
)
def test_signals_close_together_end_a_dial_quietly(
    nobody_there: Path, words: tuple[str, ...], said: str
) -> None:
    """However close signals follow each other, a dial ends with 130 and in order."""
    for ran in ends(nobody_there, words, said):
        assert ran.code == 130
        assert "Traceback" not in ran.err
        assert "Exception" not in ran.err
        assert "interrupted" in ran.err


AT_THE_END = """
import os, signal, sys
class Last:
    def __del__(self, kill=os.kill, pid=os.getpid()):
        for number in {numbers}:
            kill(pid, number)
sys.last = Last()
sys.orig_argv = ["python", "-m", "digitro_async"]
from digitro_async.cli import main
sys.argv[1:] = {words!r}
main()
"""


@pytest.mark.parametrize(
    ("words", "code"), [(["--version"], 0), (["dail"], 2)], ids=["done", "usage"]
)
def test_signals_while_the_interpreter_ends_change_no_code(
    words: list[str], code: int
) -> None:
    """A command whose exit code is settled ends with it, whatever comes then."""
    numbers = [int(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGINT)]
    ended = subprocess.run(
        [sys.executable, "-c", AT_THE_END.format(numbers=numbers, words=words)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    assert ended.stderr.count("\n") == (code != 0)


def test_signals_are_heard_before_anything_else_is_loaded() -> None:
    """Nothing is loaded before signals are heard but what Python itself needs."""
    program = (
        "import sys\n"
        "class Names:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        print(name)\n"
        "sys.meta_path.insert(0, Names())\n"
        "import digitro_async"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    first = ["digitro_async", "digitro_async._start", "typing"]
    assert ended.stdout.split()[:3] == first
