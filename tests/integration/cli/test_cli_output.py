"""Lines that are printed, whoever reads them."""

import os
import sys

import pytest
from command_line import (
    Capture,
)

from digitro_async.cli._output import print_line


def test_printed_text_cannot_steer_the_terminal(capsys: Capture) -> None:
    """Control characters are escaped before they are printed."""
    assert print_line("a\x1b]0;x\x07\ud800é")
    assert capsys.readouterr().out == "a\\x1b]0;x\\x07\\ud800é\n"


def test_lines_that_nobody_reads_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that can't be written is told as such, and so is no later one."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as broken:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr(sys, "stdout", broken)

        assert not print_line("nobody reads this")
        assert print_line("nor this, but now it goes nowhere")


def test_process_without_stdout_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process whose stdout was closed before it began (>&-) can go on."""
    monkeypatch.setattr(sys, "stdout", None)

    assert print_line("nobody reads this")
