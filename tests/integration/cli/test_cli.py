import asyncio
import contextlib
import importlib.metadata
import os
import pty
import re
import resource
import select
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    API_KEY,
    PASSWORD,
    USER_DATA,
    Simulator,
    check_private,
    fake_pabx,
    number,
    numbers_of,
    read_rows,
    refuses_connections,
    run_here,
    start,
    write_config,
    write_contacts,
)
from helpers import held_port

import digitro_async.cli
from digitro_async.cli import _demo, _dialling, _progress, _runner
from digitro_async.cli._output import print_line
from digitro_async.contacts import RejectsFile
from digitro_async.errors import DigitroError, Outcome
from digitro_async.testing import FakePABX, FaultPlan

Capture = pytest.CaptureFixture[str]


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


class TestUsage:
    """Command lines that can't be used, and help."""

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            ("dail", "there is no such command; did you mean dial? (digitro --help"),
            (number(1), "there is no such command (digitro --help"),
            ("dial --confg x y", "there is no option --confg; did you mean --config?"),
            (f"dial --{number(1)} y", "there is no such option (digitro dial"),
            ("dial --api-key=canary y", "there is no option --api-key ("),
            (f"call 1 {number(1)}", "there are more words than it takes"),
            ("dial", "name a contact file, or a --ledger to resume"),
            ("call", "--destination is missing or has no value"),
            ("call 1 --pabx", "--pabx is missing or has no value"),
            ("call 1 --pabx a --pabx b", "--pabx is given twice"),
            (f"simulate --port {number(1)}x", "--port must be a whole number"),
            ("simulate --latency canary", "--latency must be a number"),
            ("simulate --port 65536", "--port: must be <= 65535"),
            ("simulate --latency nan", "--latency: must be >= 0"),
            ("simulate --throttle=canary", "--throttle can't be used like this"),
            ("simulate --throttle", "throttle needs a rate"),
            ("demo --contacts 0", "--contacts: must be >= 1"),
            ("dial x --max-calls 0", "--max-calls: must be >= 1"),
            ("dial x", "digitro.toml: can't be read: No such file or directory"),
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

    @pytest.mark.parametrize("command", ["", "demo", "simulate", "call", "dial"])
    def test_help_names_every_option(self, capsys: Capture, command: str) -> None:
        """Each command explains itself."""
        code, out, err = run_here(capsys, *command.split(), "--help")

        assert (code, err) == (0, "")
        assert f"Usage: digitro {command}".rstrip() in out
        assert "while-stdin" not in out

    def test_version_is_that_of_the_installed_package(self, capsys: Capture) -> None:
        """The version is the one that pip knows."""
        code, out, _ = run_here(capsys, "--version")

        assert code == 0
        assert out.strip() == importlib.metadata.version("digitro-async")

    def test_module_is_the_command(self) -> None:
        """The command also runs as python -m digitro_async."""
        with start("--version") as running:
            ran = running.end()

        assert ran == (0, importlib.metadata.version("digitro-async") + "\n", "")

    @pytest.mark.parametrize("missing", ["cyclopts", "rich"])
    def test_missing_extra_is_said(self, missing: str) -> None:
        """Without the extra the command says how to install it."""
        code = (
            f"import sys; sys.modules['{missing}'] = None\n"
            "from digitro_async.cli import main; main(['--version'])"
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
        monkeypatch.delitem(sys.modules, "digitro_async.cli._simulate")
        with pytest.raises(ModuleNotFoundError, match=r"digitro_async\.testing"):
            digitro_async.cli.main(["--version"])

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

        assert run_here(capsys, "demo") == (2, "", "digitro: No space left on device\n")

    def test_interrupt_outside_a_run_ends_quietly(
        self, monkeypatch: pytest.MonkeyPatch, capsys: Capture
    ) -> None:
        """A Ctrl-C while nothing is dialled is exit code 130 and no traceback."""

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(_demo, "_make", interrupted)

        assert run_here(capsys, "demo") == (130, "", "")


class TestDial:
    """Lists that are dialled to their end, or not at all."""

    @pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
    def test_all_accepted_is_exit_code_0(
        self,
        *,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        loop: str,
    ) -> None:
        """Every contact is called once, with uvloop and without."""
        if loop == "asyncio":
            monkeypatch.setitem(sys.modules, "uvloop", None)
        assert (_runner._loop_factory() is None) == (loop == "asyncio")
        write_contacts(folder / "c.csv", 50)
        code, out, err = run_here(capsys, "dial", "c.csv")
        rows = read_rows(folder / "c.results.csv")

        assert code == 0
        assert re.search(r"^contacts +50\naccepted +50\nrejected rows +0\n", out)
        assert err == "c.csv: read as utf-8, split at semicolons\n"
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(50)]
        assert {row["outcome"] for row in rows} == {"accepted"}
        assert sorted(int(row["line"]) for row in rows) == list(range(2, 52))
        assert not (folder / "c.rejects.csv").exists()
        assert stat.S_IMODE((folder / "c.results.csv").stat().st_mode) == 0o600

    def test_rejected_rows_are_exit_code_1(
        self, folder: Path, config: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """Rows that are no contacts are written down with their reason."""
        write_contacts(folder / "c.csv", 3, bad=2)
        code, out, _ = run_here(capsys, "dial", "c.csv")
        rejects = read_rows(folder / "c.rejects.csv")

        assert code == 1
        assert re.search(r"accepted +3\nrejected rows +2\n", out)
        assert [row["line"] for row in rejects] == ["5", "6"]
        assert {row["code"] for row in rejects} == {"bad_character"}
        assert pabx.accepted == 3

    def test_unknown_outcomes_are_exit_code_1(
        self, folder: Path, config: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A call whose answer was lost is unknown, and never made again."""
        pabx.set_faults(
            FaultPlan.from_mapping({"fault": [{"kind": "lose_answer", "at": [2]}]})
        )
        write_contacts(folder / "c.csv", 5)
        code, out, _ = run_here(capsys, "dial", "c.csv")

        assert code == 1
        assert re.search(r"accepted +4\nunknown +1\n", out)
        assert len(numbers_of(pabx)) == len(set(numbers_of(pabx))) == 5

    @pytest.mark.parametrize(
        ("encoding", "mark"),
        [("utf-8", ";"), ("utf-8-sig", ","), ("cp1252", "\t"), ("cp850", ";")],
    )
    def test_every_encoding_and_delimiter_is_read_and_named(
        self, folder: Path, config: Path, capsys: Capture, encoding: str, mark: str
    ) -> None:
        """What a file is taken for is printed before anything is dialled."""
        text = f"destination{mark}user_data\n{number(1)}{mark}José {USER_DATA}\n"
        (folder / "c.csv").write_text(text, encoding=encoding)
        given = ["--encoding", "cp850"] if encoding == "cp850" else []
        code, _, err = run_here(capsys, "dial", "c.csv", *given)
        split = {";": "semicolons", ",": "commas", "\t": "tabs"}[mark]

        assert code == 0
        assert err == f"c.csv: read as {encoding}, split at {split}\n"

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (f"{number(1)};x\n", "c.csv, line 1: no column 'destination'"),
            ("destination;colour\n", "c.csv, line 1: column 2 'colour' is unknown"),
            ("", "c.csv, line 1: the file is empty"),
            ("\ufeffdestination\n".encode("utf-16"), "c.csv is UTF-16 or UTF-32"),
            (None, "c.csv can't be opened: No such file or directory"),
        ],
    )
    def test_unusable_contacts_are_exit_code_2(
        self,
        folder: Path,
        config: Path,
        capsys: Capture,
        content: str | bytes | None,
        problem: str,
    ) -> None:
        """A file without a usable header dials nothing and leaves nothing behind."""
        if content is not None:
            whole = content.encode() if isinstance(content, str) else content
            (folder / "c.csv").write_bytes(whole)
        code, out, err = run_here(capsys, "dial", "c.csv")

        assert (code, out) == (2, "")
        assert err.startswith(f"digitro: {problem}")
        assert not (folder / "c.results.csv").exists()

    @pytest.mark.parametrize("which", ["results", "rejects"])
    def test_files_of_an_earlier_run_are_not_overwritten(
        self, folder: Path, config: Path, pabx: FakePABX, capsys: Capture, which: str
    ) -> None:
        """Results that exist are exit code 2, with nothing dialled."""
        write_contacts(folder / "c.csv", 3)
        (folder / f"c.{which}.csv").write_text("earlier\n")
        code, _, err = run_here(capsys, "dial", "c.csv")

        assert code == 2
        assert f"digitro: c.{which}.csv exists already and is not overwritten\n" in err
        assert (folder / f"c.{which}.csv").read_text() == "earlier\n"
        assert pabx.posts == 0
        assert len(list(folder.iterdir())) == 3

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (
                ("--results", "x", "--rejects", "x"),
                "--results and --rejects name the same file",
            ),
            (
                ("--rejects", "none/x"),
                "--rejects names a folder that can't be written to",
            ),
            (
                ("--results", "none/x"),
                "x can't be created: No such file or directory",
            ),
        ],
    )
    def test_places_are_checked_before_anything_is_dialled(
        self,
        *,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        words: tuple[str, ...],
        problem: str,
    ) -> None:
        """Files that can't be made are exit code 2, with nothing dialled."""
        write_contacts(folder / "c.csv", 3, bad=1)
        code, _, err = run_here(capsys, "dial", "c.csv", *words)

        assert code == 2
        assert err.endswith(f"digitro: {problem}\n")
        assert pabx.posts == 0

    def test_wrong_api_key_is_exit_code_3(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A 401 pauses the PABX: the reason is printed and the rest is not dialled."""
        write_config(
            folder / "digitro.toml",
            pabx.base_url,
            api_key="canary-wrong",
            pabx="max_in_flight = 5",
        )
        write_contacts(folder / "c.csv", 500)
        code, out, err = run_here(capsys, "dial", "c.csv")
        rows = read_rows(folder / "c.results.csv")

        assert code == 3
        assert "paused: matriz (status_401) The PABX did not take the api key." in err
        assert "what was not read was not dialled" in err
        assert re.search(r"^accepted +0$", out, re.MULTILINE)
        assert 1 <= pabx.posts <= 5
        assert sum(row["outcome"] == "refused" for row in rows) == pabx.posts
        assert sum(row["attempts"] != "0" for row in rows) == pabx.posts

    def test_reading_can_stop_early(
        self, folder: Path, config: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """At most as many contacts as asked for are called."""
        write_contacts(folder / "c.csv", 20)
        code, _, _ = run_here(capsys, "dial", "c.csv", "--max-calls", 7)

        assert code == 0
        assert sorted(numbers_of(pabx)) == [number(i) for i in range(7)]

    @pytest.mark.parametrize("rejects", [None, "r.csv"])
    def test_dry_run_dials_nothing_and_is_in_nobodys_way(
        self,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        rejects: str | None,
    ) -> None:
        """A dry run counts, and writes nothing that would stop the true run."""
        write_contacts(folder / "c.csv", 20, bad=2)
        given = [] if rejects is None else ["--rejects", rejects]
        dry = run_here(capsys, "dial", "c.csv", "--dry-run", *given)

        assert dry.code == 1
        assert dry.out == (
            "contacts        20\nrejected rows   2\ndialled         0 (dry run)\n"
        )
        assert pabx.posts == 0
        assert (folder / "r.csv").exists() == (rejects is not None)
        assert run_here(capsys, "dial", "c.csv").code == 1
        assert pabx.accepted == 20

    def test_several_pabx_share_a_list_and_one_may_be_held(
        self, folder: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """A PABX that refuses the key is left out, and the other takes the rest."""
        with fake_pabx(api_key="another-key") as other:
            second = (
                f'[[pabx]]\nname = "filial"\nbase_url = "{other.base_url}"\n'
                'channel_id = 1\napi_key = "canary-wrong"\nmax_in_flight = 1\n'
            )
            write_config(folder / "digitro.toml", pabx.base_url, pabx=second)
            write_contacts(folder / "c.csv", 30)
            code, _, _ = run_here(capsys, "dial", "c.csv")
        rows = read_rows(folder / "c.results.csv")

        assert code == 1
        assert len(rows) == 30
        assert sum(row["outcome"] == "refused" for row in rows) == other.posts
        assert sum(row["outcome"] == "accepted" for row in rows) == pabx.accepted

    @pytest.mark.parametrize("most", [1000, 1])
    def test_unwritable_results_stop_the_run_and_are_listed(
        self,
        *,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
        most: int,
    ) -> None:
        """When the results can't be written no call is started, and lines are named."""
        monkeypatch.setattr(_dialling, "_MOST_SHOWN", most)
        write_config(config, pabx.base_url, rate=1000, pabx="max_in_flight = 20")
        write_contacts(folder / "c.csv", 500)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
        try:
            code, _, err = run_here(capsys, "dial", "c.csv")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        problem = "c.results.csv can't be written: File too large"
        rows = read_rows(folder / "c.results.csv")
        written = {row["line"] for row in rows if row["attempts"] != "0"}
        listed = set(re.findall(r"not in the results: line (\d+), accepted", err))

        assert code == 3
        assert f"digitro: {problem}; no further call is started\n" in err
        assert f"stopped: {problem}; what was not read was not dialled\n" in err
        assert pabx.posts < 100
        assert len(written) > 10
        assert not written & listed
        assert pabx.accepted == pabx.posts
        if most > 1:
            assert len(written) + len(listed) == pabx.accepted
        else:
            assert err.count("not in the results: line") == 1
            assert re.search(r"^not in the results: \d+ more$", err, re.MULTILINE)

    def test_unwritable_rejects_stop_the_run(
        self,
        folder: Path,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """When a reject can't be written the run ends with the reason."""

        def fail(*_: object) -> None:
            raise DigitroError("c.rejects.csv can't be written: No space")

        monkeypatch.setattr(RejectsFile, "write", fail)
        write_contacts(folder / "c.csv", 5, bad=1)
        code, _, err = run_here(capsys, "dial", "c.csv")

        assert code == 3
        assert "c.rejects.csv can't be written: No space; no further call" in err
        assert len(read_rows(folder / "c.results.csv")) == pabx.accepted == 5

    @pytest.mark.parametrize("closed", ["stdout", "both"])
    def test_reader_that_goes_away_loses_no_result(
        self, folder: Path, config: Path, pabx: FakePABX, closed: str
    ) -> None:
        """Results are complete though nobody reads what is printed (| head)."""
        write_contacts(folder / "c.csv", 50, bad=1)
        reading, writing = os.pipe()
        os.close(reading)
        streams = {"stdout": writing}
        if closed == "both":
            streams["stderr"] = writing
        with start("dial", "c.csv", cwd=folder, **streams) as running:
            os.close(writing)
            code, _, err = running.end()

        assert code == 1
        assert "Traceback" not in err
        assert "BrokenPipe" not in err
        assert len(read_rows(folder / "c.results.csv")) == pabx.accepted == 50


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """Run a simulator that loses the answer of one number."""
    folder = tmp_path_factory.mktemp("simulator")
    faults = folder / "faults.toml"
    faults.write_text(f'[[fault]]\nkind = "lose_answer"\ndestination = "{number(9)}"\n')
    with Simulator(folder / "record", "--faults", faults) as running:
        yield running


class TestProcesses:
    """Exit codes, as a shell sees them."""

    @pytest.mark.parametrize(
        ("contacts", "bad", "api_key", "words", "code"),
        [
            (9, 0, API_KEY, "c.csv", 0),
            (9, 2, API_KEY, "c.csv", 1),
            (10, 0, API_KEY, "c.csv", 1),
            (9, 0, API_KEY, "c.csv --nonsense", 2),
            (9, 0, API_KEY, "none.csv", 2),
            (9, 0, API_KEY, "c.csv --config none.toml", 2),
            (9, 0, "canary-wrong", "c.csv", 3),
        ],
    )
    def test_exit_code_tells_how_it_went(
        self,
        *,
        folder: Path,
        simulator: Simulator,
        contacts: int,
        bad: int,
        api_key: str,
        words: str,
        code: int,
    ) -> None:
        """Each exit code stands for what the simulator received."""
        config = folder / "digitro.toml"
        write_config(config, simulator.base_url, api_key=api_key)
        write_contacts(folder / "c.csv", contacts, bad=bad)
        before = len(simulator.calls())
        with start("dial", *words.split(), cwd=folder) as running:
            ran = running.end()
        calls = simulator.calls()[before:]
        statuses = {call["status"] for call in calls}

        assert ran.code == code
        assert "Traceback" not in ran.err
        if code < 2:
            assert len(calls) == contacts
        elif code == 2:
            assert (calls, ran.out) == ([], "")
        else:
            assert statuses == {401}
            assert "paused: matriz (status_401)" in ran.err
            results = read_rows(folder / "c.results.csv")
            assert sum(row["outcome"] == "refused" for row in results) == len(calls)

    def test_closed_streams_harm_nothing(
        self, folder: Path, simulator: Simulator
    ) -> None:
        """A process without stdin, stdout and stderr dials its list all the same."""
        write_config(folder / "digitro.toml", simulator.base_url)
        write_contacts(folder / "c.csv", 9)
        command = f"exec {sys.executable} -m digitro_async dial c.csv <&- >&- 2>&-"
        ended = subprocess.run(["sh", "-c", command], cwd=folder, check=False)

        assert ended.returncode == 0
        assert len(read_rows(folder / "c.results.csv")) == 9


class TestProgress:
    """What is shown while a list is dialled."""

    @pytest.fixture
    def slow(self, folder: Path, pabx: FakePABX) -> Path:
        """Write a list that takes most of a second."""
        write_config(folder / "digitro.toml", pabx.base_url, rate=100)
        return write_contacts(folder / "c.csv", 60, bad=1)

    def test_lines_tell_rate_flight_outcomes_and_time_left(
        self, slow: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Away from a terminal progress is plain lines."""
        monkeypatch.setattr(_progress, "PLAIN_SECONDS", 0.2)
        _, _, err = run_here(capsys, "dial", slow, "--max-calls", 50)
        lines = err.splitlines()[1:]

        assert lines
        for line in lines:
            assert re.fullmatch(
                r"settled \d+  rate [\d.]+/s  in flight \d+  (accepted \d+  )?"
                r"time left (unknown|0:\d\d)",
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
        monkeypatch.setattr(_progress, "_draw", fail)

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
        monkeypatch.setattr(_progress, "_draw", stand_still)

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
            console = _progress._Console(file=broken)
            console.print("settled")

            assert console.quiet
            os.dup2(os.open(os.devnull, os.O_WRONLY), broken.fileno())

    def test_pause_is_shown(
        self, folder: Path, pabx: FakePABX, capsys: Capture, monkeypatch: Any
    ) -> None:
        """A paused PABX is named with the reason, and no time left is made up."""
        monkeypatch.setattr(_progress, "PLAIN_SECONDS", 0.1)
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
        assert _progress._duration(seconds) == text


class TestCall:
    """One call."""

    def test_call_id_is_printed(
        self, config: Path, pabx: FakePABX, capsys: Capture
    ) -> None:
        """An accepted call prints its call id and nothing else."""
        ran = run_here(capsys, "call", number(1), "--user-data", USER_DATA)

        assert ran == (0, f"{pabx.calls[0].call_id}\n", "")
        assert numbers_of(pabx) == [number(1)]

    def test_call_id_goes_to_stderr_where_stdout_is_gone(
        self, folder: Path, config: Path, pabx: FakePABX
    ) -> None:
        """The call id of a call that was made is not lost with stdout."""
        reading, writing = os.pipe()
        os.close(reading)
        with start("call", number(1), cwd=folder, stdout=writing) as running:
            os.close(writing)
            code, _, err = running.end()

        assert (code, err) == (0, f"accepted: {pabx.calls[0].call_id}\n")

    @pytest.mark.parametrize(
        ("fault", "code", "text"),
        [
            ({"kind": "lose_answer"}, 1, "unknown: .*the phone may ring: look before"),
            ({"kind": "status", "status": 422}, 1, "rejected: "),
            ({"kind": "status", "status": 403}, 3, "refused: .*reason=status_403"),
        ],
    )
    def test_failures_are_told_with_their_outcome(
        self,
        *,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        fault: dict[str, object],
        code: int,
        text: str,
    ) -> None:
        """What is known of a call that failed is printed, without its number."""
        pabx.set_faults(FaultPlan.from_mapping({"fault": [fault]}))
        ran = run_here(capsys, "call", number(1))

        assert (ran.code, ran.out) == (code, "")
        assert re.match(text, ran.err)

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (("\x07" + number(1),), "destination holds a control character"),
            ((number(1), "--pabx", "nobody"), "there is no PABX of that name"),
        ],
    )
    def test_calls_that_cannot_be_made_are_exit_code_2(
        self,
        config: Path,
        pabx: FakePABX,
        capsys: Capture,
        words: tuple[str, ...],
        problem: str,
    ) -> None:
        """A call that can't be sent as it is leaves nothing on the wire."""
        ran = run_here(capsys, "call", *words)

        assert ran.code == 2
        assert ran.err.startswith(f"digitro: {problem}")
        assert pabx.posts == 0

    def test_call_needs_a_device(self, folder: Path, capsys: Capture) -> None:
        """A configuration without a device can't make a single call."""
        path = write_config(folder / "digitro.toml", "http://127.0.0.1:9")
        path.write_text(path.read_text().replace(f'device_password = "{PASSWORD}"', ""))
        ran = run_here(capsys, "call", number(1))

        assert (ran.code, ran.err) == (
            2,
            "digitro: digitro.toml: [call] lacks device_password\n",
        )


class TestSimulate:
    """A simulated PABX."""

    @pytest.fixture
    def port(self) -> Iterator[int]:
        """A port that nobody but a simulator is given."""
        with held_port("127.0.0.1") as port:
            yield port

    def test_summary_tells_what_happened(
        self,
        folder: Path,
        port: int,
        capsys: Capture,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A simulator that ends counts calls, faults and the busiest window."""
        (folder / "f.toml").write_text('[[fault]]\nkind = "lose_answer"\nat = 2\n')
        config = write_config(
            folder / "digitro.toml", f"http://127.0.0.1:{port}", api_key="demo-key"
        )
        reading, writing = os.pipe()

        def call_twice() -> None:
            for _ in range(500):
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.01)
            for i in range(2):
                with start("call", number(i), "--config", config) as running:
                    running.end()
            os.write(writing, b"not the end yet")
            os.close(writing)

        client = threading.Thread(target=call_twice)
        client.start()
        with open(reading) as stdin:  # noqa: PTH123 - a descriptor
            monkeypatch.setattr(sys, "stdin", stdin)
            words = ("--port", port, "--rate", 1, "--per", 60, "--while-stdin")
            record = ("--record", "r.jsonl", "--faults", "f.toml")
            ran = run_here(capsys, "simulate", *words, *record)
        client.join()

        assert ran.code == 0
        assert ran.out.splitlines() == [
            f"listening on http://127.0.0.1:{port} (Ctrl-C ends it)",
            "received 2, accepted 1, would have rung 2, connections 3",
            "most in any 60 s: 2, over cap: 1",
            "fault lose_answer: 1",
        ]
        record_text = (folder / "r.jsonl").read_text()
        assert record_text.count("\n") == 2
        assert number(1) in record_text
        assert PASSWORD not in record_text

    @pytest.mark.parametrize("number_of_signal", ["SIGINT", "SIGTERM"])
    def test_signals_end_it_with_its_summary(
        self, tmp_path: Path, number_of_signal: str
    ) -> None:
        """Ctrl-C is how a simulator ends: exit code 0."""
        import signal

        with Simulator(tmp_path / "r.jsonl") as simulator:
            process = simulator.running.process
            process.send_signal(getattr(signal, number_of_signal))
            code, out, err = simulator.running.end()

        assert (code, err) == (0, "")
        assert "received 0, accepted 0, would have rung 0" in out

    def test_port_in_use_is_said(self, pabx: FakePABX, capsys: Capture) -> None:
        """A port that somebody has is exit code 2."""
        ran = run_here(capsys, "simulate", "--port", pabx.port)

        assert ran.code == 2
        assert ran.err.startswith(
            f"digitro: the simulator can't listen on {pabx.base_url}: "
        )
        assert "address already in use" in ran.err.lower()

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (("--record", "none/r"), "the simulator can't write the record: No such"),
            (("--host", "x" * 70), "the simulator can't listen"),
            (("--faults", "none"), "none: No such file or directory"),
            (("--faults", "f.toml"), "f.toml: fault 1: kind is not one of"),
        ],
    )
    def test_unusable_files_and_hosts_are_said(
        self, folder: Path, capsys: Capture, words: tuple[str, ...], problem: str
    ) -> None:
        """What keeps a simulator from starting is exit code 2 and one line."""
        (folder / "f.toml").write_text('[[fault]]\nkind = "nonsense"\n')
        ran = run_here(capsys, "simulate", "--port", 0, *words)

        assert ran.code == 2
        assert ran.err.startswith(f"digitro: {problem}")

    def test_stdin_that_ends_late_is_harmless(self, monkeypatch: Any) -> None:
        """A simulator that ended for another reason lets its stdin end in peace."""
        from digitro_async.cli import _simulate

        reading, writing = os.pipe()
        before = set(threading.enumerate())

        async def begin() -> None:
            _simulate._stop_with_stdin(asyncio.Event())

        with open(reading) as stdin:  # noqa: PTH123 - a descriptor
            monkeypatch.setattr(sys, "stdin", stdin)
            asyncio.run(begin())
            os.close(writing)
            for thread in set(threading.enumerate()) - before:
                thread.join(5)


class TestDemo:
    """The demonstration."""

    def test_demo_makes_its_files_and_counts(
        self, folder: Path, capsys: Capture
    ) -> None:
        """A demonstration dials its own contacts and shows the simulator's record."""
        words = ("--contacts", 60, "--rate", 200, "--directory", "new/d")
        code, out, err = run_here(capsys, "demo", *words)
        made = sorted(path.name for path in (folder / "new/d").iterdir())

        assert code == 0
        assert err.startswith("new ledger: new/d/campaign.db\n")
        assert "60 new contacts, 0 known before, 0 rejected rows" in err
        assert {
            *("calls.jsonl", "campaign.db", "contacts.csv"),
            *("digitro.toml", "results.csv"),
        } <= set(made)
        assert "rejects.csv" not in made
        assert re.search(r"^accepted +60$", out, re.MULTILINE)
        assert "60 calls received, 0 numbers called twice, at most 60 in any" in out
        assert out.endswith("results in new/d/results.csv\n")
        assert len(read_rows(folder / "new/d/results.csv")) == 60
        modes = {path.stat().st_mode & 0o777 for path in (folder / "new/d").iterdir()}
        assert modes == {0o600}

    def test_folder_gets_a_name_with_the_time(
        self, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A new folder is made, and a simulator that is stuck is killed."""
        monkeypatch.setattr(_demo, "_SECONDS_TO_END", 0)
        run_here(capsys, "demo", "--contacts", 1)

        assert re.fullmatch(r"demo-\d{8}-\d{6}", next(folder.iterdir()).name)

    def test_folder_that_exists_is_left_alone(
        self, folder: Path, capsys: Capture
    ) -> None:
        """A demonstration writes into no folder that was there before."""
        ran = run_here(capsys, "demo", "--directory", folder)

        assert (ran.code, ran.out) == (2, "")
        assert ran.err == f"digitro: {folder} can't be made: File exists\n"

    def test_simulator_that_does_not_start_is_said(
        self, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without its simulator a demonstration dials nothing."""
        monkeypatch.setattr(sys, "executable", "/bin/true")
        ran = run_here(capsys, "demo", "--directory", "d")

        assert ran.code == 2
        assert ran.err == "digitro: the simulator did not start\n"

    def test_killed_demo_leaves_no_simulator_behind(self, folder: Path) -> None:
        """A simulator ends with the demonstration it belongs to, however that ends."""
        with start("demo", "--directory", "d", cwd=folder) as running:
            assert running.process.stdout is not None
            running.process.stdout.readline()
            base_url = running.process.stdout.readline().split()[3].rstrip(":")
            running.process.kill()

            assert refuses_connections(base_url)


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


def test_exit_codes_come_from_outcomes() -> None:
    """Anything but an acceptance makes a list incomplete."""
    from digitro_async.cli._exit import exit_code_of

    assert exit_code_of({Outcome.ACCEPTED: 3}, 0) == 0
    assert exit_code_of({Outcome.ACCEPTED: 3}, 1) == 1
    for outcome in set(Outcome) - {Outcome.ACCEPTED}:
        assert exit_code_of({Outcome.ACCEPTED: 3, outcome: 1}, 0) == 1
