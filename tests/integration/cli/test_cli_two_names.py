"""Two processes that dial one ledger by two names: each number is called once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    Capture,
    Running,
    SimulatorHere,
    run_here,
    start,
    wait_for,
    write_config,
    write_contacts,
)
from ledgers import needs_mounts

CONTACTS = 40


@pytest.fixture
def dialling(tmp_path: Path) -> Iterator[tuple[Path, SimulatorHere, Running]]:
    """Dial a list in another process, at a cap."""
    for name in ("a", "x"):
        (tmp_path / name).mkdir()
    write_contacts(tmp_path / "c.csv", CONTACTS)
    with SimulatorHere(tmp_path / "record") as simulator:
        write_config(tmp_path / "digitro.toml", simulator.base_url, rate=20)
        words = ("dial", "c.csv", "--ledger", "a/c.db")
        with start(*words, cwd=tmp_path) as running:
            wait_for(lambda: len(simulator.calls()) > 2)
            yield tmp_path, simulator, running


def hard_link(folder: Path) -> Path:
    """Give the file a second name in another folder."""
    os.link(folder / "a" / "c.db", folder / "x" / "b.db")
    return folder / "x" / "b.db"


def link(folder: Path) -> Path:
    """Link to the file."""
    (folder / "x" / "b.db").symlink_to(folder / "a" / "c.db")
    return folder / "x" / "b.db"


def link_to_folder(folder: Path) -> Path:
    """Link to the folder."""
    (folder / "y").symlink_to("a")
    return folder / "y" / "c.db"


def other_spelling(folder: Path) -> Path:
    """Spell the path in another way."""
    return folder / "x" / ".." / "a" / "." / "c.db"


def other_spelling_below(folder: Path) -> Path:
    """Name it from the folder where the first one named it."""
    return Path("./x/../a/c.db")


def without_lock(folder: Path) -> Path:
    """Remove the lock's file, and name it as it is."""
    (folder / "a" / "c.db.lock").unlink()
    return folder / "a" / "c.db"


NAMES = [
    (link, "is open already"),
    (link_to_folder, "is open already"),
    (other_spelling, "is open already"),
    (other_spelling_below, "is open already"),
    (hard_link, "has several names (hard links)"),
    (without_lock, "is open already"),
]


def test_second_is_refused(
    dialling: tuple[Path, SimulatorHere, Running],
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever its name, the second is refused, and the first goes on to its end."""
    folder, simulator, running = dialling
    monkeypatch.chdir(folder)
    running.process.send_signal(signal.SIGSTOP)  # it must not end before the others
    for named, problem in NAMES:
        name = named(folder)
        refused = run_here(capsys, "dial", "c.csv", "--ledger", name)
        assert (refused.code, problem in refused.err) == (2, True), name
        (folder / "x" / "b.db").unlink(missing_ok=True)
    running.process.send_signal(signal.SIGCONT)
    first = running.end()

    assert first.code in {0, 1}  # a call that had to wait for its answer is unknown
    assert len(simulator.numbers()) == len(set(simulator.numbers())) == CONTACTS


@needs_mounts
@pytest.mark.parametrize("place", ["file", "folder"])
def test_in_a_container(
    dialling: tuple[Path, SimulatorHere, Running], place: str
) -> None:
    """So is one that sees the ledger through a mount of its own, as containers do."""
    folder, simulator, running = dialling
    shown, seen = folder / "a", folder / "x"
    if place == "file":
        shown, seen = shown / "c.db", seen / "c.db"
        seen.touch()
    dial = (
        f"mount --bind {shown} {seen} && exec {sys.executable} -m digitro_async"
        " dial c.csv --ledger x/c.db"
    )
    running.process.send_signal(signal.SIGSTOP)  # it must not end before the second
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", dial],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    running.process.send_signal(signal.SIGCONT)
    if "unshare" in done.stderr or "mount" in done.stderr.partition(":")[0]:
        pytest.skip("mounting is not allowed here")
    first = running.end()

    assert first.code in {0, 1}
    assert done.returncode == 2
    assert len(simulator.numbers()) == len(set(simulator.numbers())) == CONTACTS
    words = {"file": "mounted as a single file", "folder": "is open already"}
    assert words[place] in done.stderr


BUSY = 60.0
"""Seconds by which a busy machine may be late."""


def test_taken_away(dialling: tuple[Path, SimulatorHere, Running]) -> None:
    """Nobody is called a second time where the ledger was taken away meanwhile."""
    folder, simulator, running = dialling
    for file in (folder / "a").iterdir():
        file.unlink()
    at = time.monotonic()
    first = running.end()
    calls = simulator.calls()
    words = ("dial", "c.csv", "--ledger", "a/c.db")
    with start(*words, cwd=folder) as second:
        refused = second.end()
    (folder / "a" / "c.db.rescued").rename(folder / "a" / "c.db")
    with start(*words, cwd=folder) as third:
        ended = third.end()

    assert (first.code, refused.code, ended.code) == (3, 2, 0)
    assert max(call["at"] for call in calls) < at + 1.0 + BUSY
    assert first.err.count("was removed or renamed while it was open") == 2
    assert "there is no c.db" not in first.err
    assert "c.db.rescued holds what was recorded in it" in refused.err
    assert sorted(simulator.numbers()) == sorted(set(simulator.numbers()))
    assert len(simulator.numbers()) == CONTACTS
