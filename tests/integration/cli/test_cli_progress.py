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

COUNTED = r"\d+ of 60 \(\d+\.\d %\)"
# What holds calls back is mostly the cap; a machine that is busy with more says so.
LIMITS = (
    "at the cap of 100/s|waiting for .*|this machine: .*|starting calls"
    "|reading the next contacts|no call to start"
)


class TestProgress:
    """The progress that is shown while a list is dialled."""

    @pytest.fixture
    def slow(self, folder: Path, pabx: FakePABX) -> Path:
        """Write a list that takes most of a second."""
        write_config(folder / "digitro.toml", pabx.base_url, rate=100)
        return write_contacts(folder / "c.csv", 60, bad=1)

    @pytest.fixture
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have lines written five times a second."""
        monkeypatch.setattr(_live_progress, "FIRST_PLAIN_SECONDS", 0.2)
        monkeypatch.setattr(_live_progress, "PLAIN_SECONDS", 0.2)

    @pytest.mark.usefixtures("soon")
    def test_lines_tell_all_that_the_screen_tells(
        self, slow: Path, capsys: Capture
    ) -> None:
        """Away from a terminal progress is plain lines, and the limit ends each."""
        _, _, err = run_here(capsys, "dial", slow)
        lines = err.splitlines()[3:]

        assert lines
        for line in lines:
            assert re.fullmatch(
                rf"{COUNTED}, [\d.]+/s on average, (answers in [\d.]+ s, )?"
                r"on the wire \d+, time left (unknown|0:\d\d), accepted \d+, "
                rf"rejected rows 1; ({LIMITS})",
                line,
            )

    @pytest.mark.usefixtures("soon")
    def test_colour_that_is_asked_for_moves_no_cursor(
        self, slow: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Lines into a file have colours with FORCE_COLOR, and nothing else."""
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        _, _, err = run_here(capsys, "dial", slow)
        controls = set(re.findall(r"\x1b\[[^A-Za-z]*([A-Za-z])", err))

        assert controls == {"m"}
        assert "\r" not in err

    def test_screen_is_drawn_on_a_terminal(self, slow: Path) -> None:
        """On a terminal a screen is drawn over itself that shows no number."""
        text, code = on_a_terminal(slow, {"TERM": "xterm"})

        assert code == 1
        for name in ("of 60", "on average", "on the wire", "accepted", "time left"):
            assert name in text
        assert text.count("time left") >= 2
        assert "at the cap of 100/s" in text
        assert "\x1b[2K" in text
        assert "\x1b[32m" in text

    def test_no_color_leaves_the_colours_out(self, slow: Path) -> None:
        """With NO_COLOR the screen is drawn without a colour."""
        text, _ = on_a_terminal(slow, {"TERM": "xterm", "NO_COLOR": "1"})

        assert "at the cap of 100/s" in text
        assert not re.search(r"\x1b\[(\d;)*3\d", text)

    def test_ascii_terminal_gets_ascii(self, slow: Path) -> None:
        """A terminal whose encoding is ASCII gets no line drawing, and no escapes."""
        env = {"TERM": "xterm", "PYTHONIOENCODING": "ascii", "LANG": "C"}
        text, _ = on_a_terminal(slow, env)

        assert text.isascii()
        assert re.search(r"#+\x1b\[0m-+  ", text)
        assert "\\u" not in text

    def test_terminal_that_can_do_nothing_gets_lines(self, slow: Path) -> None:
        """A dumb terminal gets plain lines."""
        text, _ = on_a_terminal(slow, {"TERM": "dumb"})

        assert "\x1b" not in text

    def test_display_that_fails_does_not_stop_the_run(
        self, slow: Path, pabx: FakePABX, capsys: Capture, monkeypatch: Any
    ) -> None:
        """An error while drawing ends the display, not the calls."""

        def fail(*_: object) -> None:
            raise OSError(5, "the terminal was hung up")

        monkeypatch.setattr(_live_table, "may_draw", lambda _: True)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setattr(_live_table, "draw", fail)

        assert run_here(capsys, "dial", slow).code == 1
        assert pabx.accepted == 60

    def test_terminal_that_stands_still_does_not_hold_up_calls(
        self, slow: Path, pabx: FakePABX, capsys: Capture, monkeypatch: Any
    ) -> None:
        """Calls go on while a terminal takes nothing (Ctrl-S)."""
        seen = []

        def stand_still(*_: object) -> None:
            deadline = time.monotonic() + 60
            while pabx.accepted < 60 and time.monotonic() < deadline:
                time.sleep(0.01)
            seen.append(pabx.accepted)

        monkeypatch.setattr(_live_table, "may_draw", lambda _: True)
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setattr(_live_table, "draw", stand_still)

        assert run_here(capsys, "dial", slow).code == 1
        assert seen[0] == 60

    def test_reader_of_the_screen_may_go_away(self) -> None:
        """A pipe that breaks silences the console instead of ending the process."""
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w") as broken:  # noqa: PTH123 - a descriptor
            console = _live_table.LiveConsole(file=broken)
            console.print("accepted")

            assert console.quiet
            os.dup2(os.open(os.devnull, os.O_WRONLY), broken.fileno())

    @pytest.mark.usefixtures("soon")
    def test_pause_is_shown(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A pause is told with its cause and the next try."""
        pabx.set_faults(
            FaultPlan.from_mapping({"fault": [{"kind": "lose_answer", "at": [1]}]})
        )
        write_config(
            folder / "digitro.toml",
            pabx.base_url,
            pabx="max_in_flight = 1",
            more="[pause]\nunknown_run = 1\nfirst_pause = 0.9",
        )
        write_contacts(folder / "c.csv", 5)
        code, out, err = run_here(capsys, "dial", "c.csv")

        assert code == 1
        assert (
            "; paused: a call lost the connection before an answer; "
            "next try in 0:01, first try\n"
        ) in err
        assert "       1  lost the connection before an answer (connection_lost)" in out


def on_a_terminal(contacts: Path, env: dict[str, str]) -> tuple[str, int]:
    """Dial a list on a terminal, and return what that was sent and the exit code."""
    ours, theirs = pty.openpty()
    seen = b""
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLORTERM")}
    terminal: dict[str, Any] = {"env": {**clean, **env}, "cwd": contacts.parent}
    with start("dial", contacts, stdout=theirs, stderr=theirs, **terminal) as running:
        os.close(theirs)
        with contextlib.suppress(OSError):  # how a terminal's end shows itself
            while select.select([ours], [], [], 60)[0]:
                seen += os.read(ours, 65536)
        code = running.end().code
    os.close(ours)
    text = seen.decode()
    check_private(text)
    return text, code
