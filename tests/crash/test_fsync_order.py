"""No call leaves before its intent is on the disk, as the kernel saw it.

The child marks each intent by a write to the null device, in the thread and the
transaction of the intent. What must follow in that thread before the call's bytes are
handed to a socket: frames written to the write-ahead log, then a sync of it that
began after them and has returned. strace stops every thread at each of these calls, so
the order of its lines is the order of what happened.
"""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import attrs
import pytest
from command_line import fake_pabx
from crash_child import API_KEY

from digitro_async.protocol import WIRE_NAMES
from digitro_async.testing import write_sample_file

CHILD = Path(__file__).with_name("crash_child.py")
CALLS = 600
PAGE = 4096
"""Bytes of a page: what is written to the log in one piece is its head or less."""

TRACED = (
    *("openat", "fdatasync", "fsync", "pwrite64"),
    *("sendto", "sendmsg", "write", "writev"),
)
DESTINATION = re.escape(WIRE_NAMES["destination"])
LINE = re.compile(r"(?P<thread>\d+) +[\d.]+ (?P<call>.*)")
OPENED = re.compile(r"(?:openat\(|<\.\.\. openat resumed>).* = (\d+)<(.*)>$")
MARK = re.compile(r'write\(\d+</dev/null>, "intent (\d+)')
WRITTEN = re.compile(r"pwrite64\(0x([0-9a-f]+), 0x[0-9a-f]+, 0x([0-9a-f]+)")
SYNC = re.compile(r"f(?:data)?sync\((\d+)<[^>]*-wal>")
SYNCED = re.compile(r"<\.\.\. f(?:data)?sync resumed>")
POST = re.compile(
    r'(?:sendto|sendmsg|write|writev)\(\d+<.*"POST /.*'
    rf'{DESTINATION}\\":\s*\\"(\d+)'
)


@attrs.define
class _Thread:
    """The intents that one thread has written, and its progress."""

    marked: list[int] = attrs.field(factory=list)
    written: list[int] = attrs.field(factory=list)
    syncing: list[int] = attrs.field(factory=list)


def calls_in(lines: Iterable[str], numbers: dict[str, int]) -> Iterator[bool]:
    """Yield for each POST of a trace whether its intent was on the disk.

    Args:
        lines: What strace wrote.
        numbers: The ledger's number of each number to dial.
    """
    threads: dict[str, _Thread] = defaultdict(_Thread)
    on_disk: set[int] = set()
    logs: set[int] = set()
    for line in lines:
        match = LINE.match(line)
        if match is None:
            continue
        thread, call = threads[match["thread"]], match["call"]
        if opened := OPENED.match(call):
            (logs.add if opened[2].endswith("-wal") else logs.discard)(int(opened[1]))
        elif mark := MARK.match(call):
            thread.marked.append(int(mark[1]))
        elif written := WRITTEN.match(call):
            if int(written[1], 16) in logs and int(written[2], 16) >= PAGE:
                thread.written += thread.marked
                thread.marked = []
        elif sync := SYNC.match(call):
            assert int(sync[1]) in logs
            thread.syncing, thread.written = thread.written, []
        elif post := POST.match(call):
            yield numbers[post[1]] in on_disk
        if (SYNC.match(call) or SYNCED.match(call)) and call.endswith(" = 0"):
            on_disk.update(thread.syncing)
            thread.syncing = []


@pytest.fixture(scope="module")
def strace() -> str:
    """Return where strace is, if it may be used."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("needs strace")
    tried = subprocess.run(
        [found, "-f", "-o", "/dev/null", "true"], capture_output=True, check=False
    )
    if tried.returncode:
        pytest.skip("needs to be allowed to trace processes")
    return found


def trace_calls(strace: str, folder: Path, *words: str) -> list[bool]:
    """Dial a list under strace and tell of each call whether its intent was safe."""
    contacts, ledger = folder / "contacts.csv", folder / "ledger.db"
    trace = folder / "trace"
    write_sample_file(contacts, CALLS)
    with fake_pabx(api_key=API_KEY, latency=0.005) as pabx:
        look = [strace, "-f", "-y", "-ttt", "-s", "4096", "-o", str(trace)]
        look += ["-e", "trace=" + ",".join(TRACED), "-e", "raw=pwrite64"]
        dial = [sys.executable, str(CHILD), str(ledger), pabx.base_url]
        dial += ["--contacts", str(contacts), "--marks", *words]
        subprocess.run([*look, *dial], check=True, capture_output=True, timeout=280)
        assert pabx.posts == CALLS
    with closing(sqlite3.connect(ledger)) as connection:
        rows = connection.execute("SELECT destination, number FROM person")
        numbers = dict(rows.fetchall())
    with trace.open(encoding="utf-8", errors="replace") as lines:
        calls = list(calls_in((line.rstrip("\n") for line in lines), numbers))
    assert len(calls) == CALLS
    return calls


def test_every_intent_is_on_the_disk_first(strace: str, tmp_path: Path) -> None:
    """No call leaves before the sync of its intent has returned."""
    calls = trace_calls(strace, tmp_path)

    assert calls.count(False) == 0


def test_without_syncs_it_would_be_seen(strace: str, tmp_path: Path) -> None:
    """With ``synchronous=NORMAL`` nearly every call is seen to leave too early."""
    calls = trace_calls(strace, tmp_path, "--synchronous", "NORMAL")

    assert calls.count(False) > CALLS / 2


def test_without_waiting_it_would_be_seen(strace: str, tmp_path: Path) -> None:
    """A call that does not wait for its intent is seen to leave too early."""
    calls = trace_calls(strace, tmp_path, "--bug", "intent-not-awaited")

    assert calls.count(False) > 0
