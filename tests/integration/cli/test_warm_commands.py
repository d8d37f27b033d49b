"""A command that is forked from a warm process is as one that is started anew."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
from command_line import (
    API_KEY,
    Running,
    folder,
    start,
    write_config,
    write_contacts,
)

__all__ = ["folder"]  # fixtures

KINDS = pytest.mark.parametrize("cold", [True, False], ids=["cold", "warm"])


@pytest.mark.parametrize(
    "words",
    [("--version",), ("dail",), ("status", "--ledger", "ação.db"), ("init", "--help")],
    ids=" ".join,
)
def test_they_end_alike(folder: Path, words: tuple[str, ...]) -> None:
    """Exit code and both streams are the same."""
    first, second = (Running(*words, cwd=folder, cold=one).end() for one in (1, 0))

    assert first == second
    assert first.out or first.err


@KINDS
@pytest.mark.parametrize("key", ["", API_KEY])
def test_its_world_is_given(folder: Path, key: str, cold: bool) -> None:
    """Folder, environment and streams are those that it was started with."""
    address = "http://127.0.0.1:9"
    config = write_config(folder / "digitro.toml", address, pabx='api_key_env = "KEY"')
    config.write_text(config.read_text().replace(f'api_key = "{API_KEY}"\n', ""))
    write_contacts(folder / "c.csv", 3)
    given = {"env": {**os.environ, "KEY": key}, "cwd": folder, "cold": cold}
    with (folder / "out").open("w") as out:
        ran = Running("dial", "c.csv", "--dry-run", stdout=out, **given).end()

    assert ("environment variable" in ran.err) is (not key)
    assert ran.code == (0 if key else 2)
    assert ran.out == ""
    assert bool((folder / "out").read_text()) is bool(key)


@KINDS
def test_it_is_a_child(folder: Path, cold: bool) -> None:
    """It is waited for, signalled and killed as any child, in a session of its own."""
    with start("simulate", "--port", 0, start_new_session=True, cold=cold) as running:
        process = running.process
        assert process.stdout is not None
        assert "listening" in process.stdout.readline()
        assert os.getsid(process.pid) == process.pid
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        assert process.poll() is None
        process.kill()

        assert process.wait() == -signal.SIGKILL
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


@KINDS
def test_ignored_signals_stay_ignored(folder: Path, cold: bool) -> None:
    """What its parent ignores it ignores, and SIGTERM ends it in order."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with start("simulate", "--port", 0, cold=cold) as running:
            assert running.process.stdout is not None
            assert "listening" in running.process.stdout.readline()
            running.process.send_signal(signal.SIGHUP)
            running.process.send_signal(signal.SIGTERM)
            ran = running.end()
    finally:
        signal.signal(signal.SIGHUP, before)

    assert ran.code == 0
    assert ran.out
