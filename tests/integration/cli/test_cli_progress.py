"""Progress of a list, on a terminal and elsewhere."""

import contextlib
import os
import pty
import re
import select
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    Capture,
    check_private,
    folder,
    pabx,
    run_here,
    start,
    write_config,
    write_contacts,
)

from digitro_async.cli import _live_progress, _live_table
from digitro_async.testing import FakePABX, FaultPlan

__all__ = ["folder", "pabx"]  # fixtures


class TestProgress:
    """The progress that is shown while a list is dialled."""

    @pytest.fixture
    def slow(self, folder: Path, pabx: FakePABX) -> Path:
        """Write a list that takes most of a second."""
        write_config(folder / "digitro.toml", pabx.base_url, rate=100)
        return write_contacts(folder / "c.csv", 60, bad=1)

    def test_lines_tell_rate_flight_outcomes_and_time_left(
        self, slow: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Away from a terminal progress is plain lines."""
        monkeypatch.setattr(_live_progress, "PLAIN_SECONDS", 0.2)
        _, _, err = run_here(capsys, "dial", slow, "--max-calls", 50)
        lines = err.splitlines()[3:]

        assert lines
        for line in lines:
            assert re.fullmatch(
                r"settled \d+  rate [\d.]+/s  in flight \d+  (accepted \d+  )?"
                r"rejected rows 1  time left (unknown|0:\d\d)",
                line,
            )

    def test_table_is_drawn_on_a_terminal(self, slow: Path) -> None:
        """On a terminal a table is drawn that shows no number, and goes away."""
        ours, theirs = pty.openpty()
        seen = b""
        terminal = {"env": {**os.environ, "TERM": "xterm"}, "cwd": slow.parent}
        with start("dial", slow, stdout=theirs, stderr=theirs, **terminal) as running:
            os.close(theirs)
            with contextlib.suppress(OSError):  # how a terminal's end shows itself
                while select.select([ours], [], [], 10)[0]:
                    seen += os.read(ours, 65536)
            code = running.end().code
        os.close(ours)
        text = seen.decode()
        check_private(text)

        assert code == 1
        for name in ("settled", "rate", "in flight", "accepted", "time left"):
            assert name in text
        assert text.count("settled") >= 2
        assert "\x1b[2K" in text

    def test_display_that_fails_does_not_stop_the_run(
        self, slow: Path, pabx: FakePABX, capsys: Capture, monkeypatch: Any
    ) -> None:
        """An error while drawing ends the display, not the calls."""

        def fail(*_: object) -> None:
            raise OSError(5, "the terminal was hung up")

        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(_live_table, "draw", fail)

        assert run_here(capsys, "dial", slow).code == 1
        assert pabx.accepted == 60

    def test_terminal_that_stands_still_does_not_hold_up_calls(
        self, slow: Path, pabx: FakePABX, capsys: Capture, monkeypatch: Any
    ) -> None:
        """Calls go on while a terminal takes nothing (Ctrl-S)."""
        seen = []

        def stand_still(*_: object) -> None:
            deadline = time.monotonic() + 5
            while pabx.accepted < 60 and time.monotonic() < deadline:
                time.sleep(0.01)
            seen.append(pabx.accepted)

        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(_live_table, "draw", stand_still)

        assert run_here(capsys, "dial", slow).code == 1
        assert seen[0] == 60

    def test_display_is_drawn_again_and_again(
        self, slow: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The table follows what happens."""
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        _, _, err = run_here(capsys, "dial", slow)

        assert err.count("settled") >= 2

    def test_reader_of_the_table_may_go_away(self) -> None:
        """A pipe that breaks silences the console instead of ending the process."""
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w") as broken:  # noqa: PTH123 - a descriptor
            console = _live_table.LiveConsole(file=broken)
            console.print("settled")

            assert console.quiet
            os.dup2(os.open(os.devnull, os.O_WRONLY), broken.fileno())

    def test_pause_is_shown(
        self, folder: Path, pabx: FakePABX, capsys: Capture, monkeypatch: Any
    ) -> None:
        """A paused PABX is named with the reason, and no time left is made up."""
        monkeypatch.setattr(_live_progress, "PLAIN_SECONDS", 0.1)
        pabx.set_faults(
            FaultPlan.from_mapping({"fault": [{"kind": "lose_answer", "at": [1]}]})
        )
        write_config(
            folder / "digitro.toml",
            pabx.base_url,
            pabx="max_in_flight = 1",
            more="[pause]\nunknown_run = 1\nfirst_pause = 0.5",
        )
        write_contacts(folder / "c.csv", 5)
        code, _, err = run_here(capsys, "dial", "c.csv")

        assert code == 1
        assert "matriz paused unknown_run" in err

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(None, "unknown"), (59.6, "1:00"), (61, "1:01"), (3725, "1:02:05")],
    )
    def test_durations_are_short(self, seconds: float | None, text: str) -> None:
        """Time left is written as a clock writes it."""
        assert _live_progress._duration(seconds) == text
