"""Helpers of the command line's tests; every output they see must be private."""

import asyncio
import contextlib
import csv
import json
import re
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest
from warm_commands import start_command

from digitro_async.cli._app import run
from digitro_async.cli._results import write_results
from digitro_async.protocol import WIRE_NAMES
from digitro_async.testing import FakePABX

__all__ = [
    "API_KEY",
    "CANARIES",
    "PASSWORD",
    "USER_DATA",
    "Capture",
    "Ran",
    "Recorded",
    "Running",
    "Simulator",
    "SimulatorHere",
    "check_private",
    "config",
    "fake_pabx",
    "folder",
    "number",
    "numbers_of",
    "pabx",
    "pabx_with_config",
    "posts_seen",
    "read_rows",
    "refuses_connections",
    "results_in",
    "rows_of",
    "run_here",
    "start",
    "states_of",
    "wait_for",
    "write_config",
    "write_contacts",
]

Capture = pytest.CaptureFixture[str]

API_KEY = "canary-api-key"
PASSWORD = "canary-password"
USER_DATA = "canary-user-data"
CANARIES = ("canary", "Fulan", "048990")

SECONDS = 100
"""A command that takes longer hangs, however busy the machine is."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder of a test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def pabx() -> Iterator[FakePABX]:
    """Run a simulated PABX in another thread."""
    with fake_pabx() as running:
        yield running


@pytest.fixture
def config(folder: Path, pabx: FakePABX) -> Path:
    """Write a configuration for that PABX, where it is looked for."""
    return write_config(folder / "digitro.toml", pabx.base_url)


@pytest.fixture(name="pabx")
def pabx_with_config(folder: Path) -> Iterator[FakePABX]:
    """Run a simulated PABX in another thread, with a configuration for it."""
    with fake_pabx() as running:
        write_config(folder / "digitro.toml", running.base_url)
        yield running


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def check_private(*texts: str) -> None:
    """See to it that no text holds a secret, a number or data about a person."""
    for text in texts:
        assert not [canary for canary in CANARIES if canary in text], text
        assert not re.search(r"\d{9}", text), text


def run_here(capsys: pytest.CaptureFixture[str], *words: object) -> Ran:
    """Run a command in this process."""
    code = run([str(word) for word in words])
    out, err = capsys.readouterr()
    check_private(out, err)
    return Ran(code, out, err)


class Running:
    """A command in a process of its own.

    Args:
        words: The words behind ``digitro``.
        options: Of ``start_command``.
    """

    def __init__(self, *words: object, **options: Any) -> None:
        self.process = start_command(
            [str(word) for word in words],
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **options,
            },
        )

    def end(self, seconds: float = SECONDS) -> Ran:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=seconds)
        check_private(out or "", err or "")
        return Ran(self.process.returncode, out or "", err or "")


@contextlib.contextmanager
def start(*words: object, **options: Any) -> Iterator[Running]:
    """Start a command; it is gone when the block ends."""
    running = Running(*words, **options)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()


class Recorded:
    """A simulator that writes down what it receives."""

    base_url = ""

    def __init__(self, record: Path) -> None:
        self.record = record

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls it has received so far."""
        whole = self.record.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def numbers(self) -> list[str]:
        """Return the numbers of the calls it has received so far."""
        return [call["fields"][WIRE_NAMES["destination"]] for call in self.calls()]


class Simulator(Recorded):
    """``digitro simulate`` in a process of its own."""

    def __init__(self, record: Path, *words: object) -> None:
        super().__init__(record)
        base = ("simulate", "--port", 0, "--api-key", API_KEY, "--record", record)
        self._words = (*base, *words)

    def __enter__(self) -> Self:
        self.running = Running(*self._words)
        assert self.running.process.stdout is not None
        greeting = self.running.process.stdout.readline()
        assert greeting.startswith("listening on http://127.0.0.1:")
        self.base_url = greeting.split()[2]
        return self

    def __exit__(self, *_: object) -> None:
        if self.running.process.poll() is None:
            self.stop()

    def stop(self) -> Ran:
        """End it and return its summary."""
        self.running.process.terminate()
        return self.running.end()


@contextlib.contextmanager
def fake_pabx(**options: Any) -> Iterator[FakePABX]:
    """Run a simulated PABX in another thread."""
    pabx = FakePABX(**{"api_key": API_KEY, **options})
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    stops: list[asyncio.Event] = []

    async def serve() -> None:
        stops.append(asyncio.Event())
        loops.append(asyncio.get_running_loop())
        async with pabx:
            ready.set()
            await stops[0].wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(60)
        yield pabx
    finally:
        loops[0].call_soon_threadsafe(stops[0].set)
        thread.join()


class SimulatorHere(Recorded):
    """A simulated PABX in another thread, known by its record alone."""

    def __init__(self, record: Path, **options: Any) -> None:
        super().__init__(record)
        self._running = fake_pabx(record_path=record, **options)

    def __enter__(self) -> Self:
        self.base_url = self._running.__enter__().base_url
        return self

    def __exit__(self, *_: object) -> None:
        self._running.__exit__(None, None, None)


@contextlib.contextmanager
def posts_seen(pabx: FakePABX, posts: int, act: Any) -> Iterator[None]:
    """Do something in another thread once a PABX has received that many POSTs."""
    over = threading.Event()

    def wait() -> None:
        while pabx.posts < posts and not over.wait(0.005):
            pass
        if not over.is_set():
            act()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def numbers_of(pabx: FakePABX) -> list[str]:
    """Return the numbers that a PABX in another thread was asked to dial."""
    return [call.destination or "" for call in pabx.calls]


def number(i: int) -> str:
    """Return the number of a made-up contact."""
    return f"048990{i:05d}"


def write_contacts(path: Path, count: int, *, bad: int = 0) -> Path:
    """Write contacts, and rows behind them that are none."""
    lines = ["id;destination;user_data"]
    lines += [f"C{i};{number(i)};{USER_DATA} {i}" for i in range(count)]
    lines += [f"B{i};{number(i)} ramal;{USER_DATA}" for i in range(bad)]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_config(
    path: Path,
    base_url: str,
    *,
    rate: int | None = None,
    api_key: str = API_KEY,
    pabx: str = "",
    more: str = "",
) -> Path:
    """Write a configuration for one PABX."""
    cap = "" if rate is None else f"rate = {{ calls = {rate} }}\n"
    path.write_text(
        f'[[pabx]]\nname = "matriz"\nbase_url = "{base_url}"\nchannel_id = 1\n'
        f'api_key = "{api_key}"\n{cap}{pabx}\n'
        f'[call]\ndevice = "1125000"\ndevice_password = "{PASSWORD}"\n{more}\n'
    )
    return path


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a results or rejects file."""
    check_private(path.read_text())
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def refuses_connections(base_url: str) -> bool:
    """Whether nobody listens any more, soon."""
    host, _, port = base_url.removeprefix("http://").rpartition(":")
    for _ in range(2400):
        try:
            socket.create_connection((host, int(port)), 60).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.025)
    return False


def results_in(ledger: Path) -> list[dict[str, str]]:
    """Return the rows that ``digitro results`` writes of a ledger."""
    with tempfile.TemporaryDirectory() as folder:
        write_results(ledger, Path(folder) / "results.csv")
        return read_rows(Path(folder) / "results.csv")


def rows_of(capsys: Capture, *words: object) -> list[dict[str, object]]:
    """Return what ``digitro results`` prints about a ledger."""
    ran = run_here(capsys, "results", "--ledger", "c.db", "--format", "jsonl", *words)
    assert (ran.code, ran.err) == (0, "")
    return [json.loads(line) for line in ran.out.splitlines()]


def states_of(capsys: Capture) -> Counter[str]:
    """Return how many contacts are in each state."""
    return Counter(str(row["state"]) for row in rows_of(capsys))


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once something is true."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it did not come true")
