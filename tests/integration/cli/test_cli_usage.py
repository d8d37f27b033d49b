"""Command lines that can't be used, help, and how the command ends."""

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import (
    Capture,
    folder,
    number,
    run_here,
    start,
)

import digitro_async.cli
from digitro_async.cli import _demo
from digitro_async.cli._app import COMMANDS, app

__all__ = ["folder"]  # fixtures


class TestUsage:
    """Command lines that can't be used, and help."""

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (
                "dail",
                "there is no such command; did you mean dial? (valid: init, check, ",
            ),
            (number(1), "there is no such command (valid: init, check, demo, "),
            ("dial --confg x y", "there is no option --confg; did you mean --config?"),
            (
                f"dial --{number(1)} y",
                "there is no such option (valid: --contacts, --c",
            ),
            (
                "dial --api-key=canary y",
                "there is no option --api-key (valid: --contacts, ",
            ),
            (f"call 1 {number(1)}", "there are more words than it takes"),
            ("dial", "name a contact file, or a --ledger to continue"),
            ("call", "DESTINATION is missing or has no value"),
            ("call 1 --pabx", "--pabx is missing or has no value"),
            ("call 1 --pabx a --pabx b", "--pabx is given twice"),
            (f"simulate --port {number(1)}x", "--port must be a whole number"),
            ("simulate --latency canary", "--latency must be a number"),
            ("simulate --port 65536", "--port: must be <= 65535"),
            ("simulate --latency nan", "--latency: must be >= 0"),
            ("simulate --throttle=canary", "--throttle takes no value"),
            ("simulate --throttle", "throttle needs a rate"),
            ("results --ledger x --format y", "--format must be one of csv, jsonl ("),
            ("results --ledger x --state y", "--state must be one of pending, "),
            (
                "reconcile x y --ledger z --evidence e",
                "VERDICT must be one of accepted, not-placed (",
            ),
            ("check --ledger", "--ledger is missing or has no value"),
            ("check --timeout 0", "--timeout: must be > 0"),
            ("demo --contacts 0", "--contacts: must be >= 1"),
            ("dial x --limit 0", "--limit: must be >= 1"),
            ("dial x --max-calls 0", "--limit: must be >= 1"),
            ("dial x --max-attempts 0", "--max-attempts: must be >= 1"),
            ("status --ledger x --max-attempts 0", "--max-attempts: must be >= 1"),
            ("dial x --ledger l --no-ledger", "--ledger and --no-ledger don't go"),
            ("dial --no-ledger", "name a contact file, or a --ledger to continue"),
            ("dial x --no-ledger --partial", "--partial is about a ledger's file"),
            ("dial x --no-ledger --edited", "--edited is about a ledger's file"),
            ("dial x --no-ledger --accept-loss", "--accept-loss is about a ledger's"),
            ("dial x --no-ledger --any-file-system", "--any-file-system is about a"),
            (
                "dial x",
                "digitro.toml: can't be read: No such file or directory; digi",
            ),
        ],
    )
    def test_error_says_what_is_wrong_in_one_line_and_no_value(
        self, folder: Path, capsys: Capture, words: str, problem: str
    ) -> None:
        """A wrong command line is exit code 2 and one line without its values."""
        code, out, err = run_here(capsys, *words.split())

        assert (code, out) == (2, "")
        assert err.startswith(f"digitro: {problem}")
        assert err.count("\n") == 1

    @pytest.mark.parametrize("command", ["", *COMMANDS])
    def test_help_names_every_option(self, capsys: Capture, command: str) -> None:
        """Each command explains itself."""
        code, out, err = run_here(capsys, *command.split(), "--help")

        assert (code, err) == (0, "")
        assert f"Usage: digitro {command}".rstrip() in out
        assert "while-stdin" not in out

    def test_help_shows_commands_by_purpose(self, capsys: Capture) -> None:
        """Each command has one line of 80 columns under a title, in order of use."""
        _, out, _ = run_here(capsys, "--help")
        lines = re.findall(r"(?m)^\u2502 ([a-z]+)  .*?\. +\u2502$", out)

        assert lines == [*COMMANDS]
        assert out.index("Getting started") < out.index(" init ") < out.index("Options")

    def test_version_is_that_of_the_installed_package(self, capsys: Capture) -> None:
        """The version is the one that pip knows."""
        code, out, _ = run_here(capsys, "--version")

        assert code == 0
        assert out.strip() == importlib.metadata.version("digitro-async")

    def test_module_is_the_command(self) -> None:
        """The command also runs as python -m digitro_async."""
        with start("--version", cold=True) as running:
            ran = running.end()

        assert ran == (0, importlib.metadata.version("digitro-async") + "\n", "")

    @pytest.mark.parametrize("command", COMMANDS)
    def test_commands_say_the_same_of_themselves(
        self, capsys: Capture, command: str
    ) -> None:
        """The list of commands has the first line of each command's docstring."""
        function = app[command].default_command
        assert function is not None
        first = (function.__doc__ or "").partition("\n")[0]

        assert COMMANDS[command] == first
        assert first in run_here(capsys, command, "--help").out

    @pytest.mark.parametrize("missing", ["cyclopts", "rich"])
    def test_missing_extra_is_said(self, missing: str) -> None:
        """Without the extra the command says how to install it."""
        code = (
            f"import sys; sys.modules['{missing}'] = None\n"
            "from digitro_async.cli import main; main(['--help'])"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )

        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr == (
            f"digitro: {missing} is missing; "
            "install the command line: pip install 'digitro-async[cli]'\n"
        )

    def test_missing_extra_is_exit_code_2(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        """A command that can't be loaded is wrong usage."""
        monkeypatch.delitem(sys.modules, "digitro_async.cli._app")
        monkeypatch.setitem(sys.modules, "cyclopts", None)
        with pytest.raises(SystemExit) as caught:
            digitro_async.cli.main(["--version"])

        assert caught.value.code == 2

    def test_other_missing_modules_are_not_hidden(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A module that is missing for another reason is an error as any other."""
        monkeypatch.delitem(sys.modules, "digitro_async.cli._app")
        monkeypatch.setitem(sys.modules, "digitro_async.testing", None)
        monkeypatch.delitem(sys.modules, "digitro_async.cli._simulate", raising=False)
        with pytest.raises(ImportError) as caught:
            digitro_async.cli.main(["simulate"])

        assert "digitro_async.testing" in str(caught.value.__cause__)

    def test_main_leaves_with_the_exit_code(self, capsys: Capture) -> None:
        """The process ends with the code that the command returned."""
        with pytest.raises(SystemExit) as caught:
            digitro_async.cli.main(["dail"])

        assert caught.value.code == 2

    def test_full_disk_is_said(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        """A file of the demonstration that can't be written is one line, too."""

        def fail(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(_demo, "_make", fail)

        said = "digitro: a file can't be written: No space left on device\n"
        assert run_here(capsys, "demo") == (3, "", said)

    def test_interrupt_outside_a_run_ends_quietly(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        """A Ctrl-C while nothing is dialled is exit code 130 and no traceback."""

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(_demo, "_make", interrupted)

        assert run_here(capsys, "demo") == (130, "", "")
