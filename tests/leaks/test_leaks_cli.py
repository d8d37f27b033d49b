"""No command shows a key, a password or anything about a person, whatever happens."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import fake_pabx
from leak_places import Watch
from leaks import API_KEY, CANARIES, KEYS, find
from test_leaks_ledger import DATA_COLUMNS, columns_with, write_contacts

from digitro_async.cli import _command_loop, _live_progress, _results, _run_display
from digitro_async.cli._app import run
from digitro_async.cli._screen_lines import plain_line
from digitro_async.cli._screen_parts import Span
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan

K = FaultKind
NUMBER = CANARIES["destination"].text
GIVEN = {"c.csv", "digitro.toml", "key", "plan.toml"}
"""Files in a test's folder that the test itself wrote."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder of a test, which is that of temporary files too."""
    monkeypatch.chdir(tmp_path)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


@pytest.fixture
def pabx() -> Iterator[FakePABX]:
    """Run a simulated PABX in another thread, most of whose answers are faults."""
    kinds = (K.LOSE_ANSWER, K.ERROR_503, K.REDIRECT, K.GARBAGE_200)
    plan = FaultPlan([Fault(kind, probability=0.2) for kind in kinds], seed=1)
    with fake_pabx(api_key=API_KEY, faults=plan) as running:
        yield running


@pytest.fixture
def talkative(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the command's loop tell all it can, and its progress be shown at once."""

    def make_loop() -> asyncio.AbstractEventLoop:
        loop = asyncio.SelectorEventLoop()
        loop.set_debug(True)
        loop.slow_callback_duration = 0.0
        return loop

    monkeypatch.setattr(_command_loop, "_loop_factory", lambda: make_loop)
    for name in ("SAMPLE_SECONDS", "FIRST_PLAIN_SECONDS", "PLAIN_SECONDS"):
        monkeypatch.setattr(_live_progress, name, 0.01)


def write_config(path: Path, base_url: str, key: str, **call: str) -> None:
    """Write a configuration; JSON's texts are TOML's too."""
    given = {name: CANARIES[name].text for name in KEYS[1:]}
    fields = {"device": "1125000", **given, **call}
    lines = ["[[pabx]]", f"base_url = {json.dumps(base_url)}", "channel_id = 1", key]
    lines += ["timeouts = { total = 0.3 }", "[retry]", "max_attempts = 1", "[call]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def command(watch: Watch, *words: object) -> int:
    """Run a command in this process."""
    try:
        return run([str(word) for word in words])
    except SystemExit as end:  # pragma: no cover - no command leaves so
        watch.take("end", end)
        raise


def check(watch: Watch, folder: Path) -> None:
    """Check what was shown, and what was written but for what files are for."""
    assert watch.leaks() == []
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in GIVEN:
            held = path.read_bytes()
            assert not find(held, KEYS), path
            assert path.stat().st_mode & 0o077 == 0, path
            if "ledger.db" not in path.name:
                assert not find(held), path


@pytest.mark.usefixtures("talkative")
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("ledger", ["named", "default", "none"])
def test_dial(
    folder: Path,
    pabx: FakePABX,
    monkeypatch: pytest.MonkeyPatch,
    *,
    ledger: str,
    live: bool,
) -> None:
    """A list that is dialled shows nobody: progress, results and files."""
    if live:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
    write_config(folder / "digitro.toml", pabx.base_url, 'api_key_file = "key"')
    (folder / "key").write_text(API_KEY)
    write_contacts(folder / "c.csv")
    file = "ledger.db" if ledger == "named" else "c.csv.ledger.db"
    with Watch() as watch:
        command(watch, "dial", "c.csv", "--dry-run", "--rejects", "dry.csv")
        given = {"named": ["--ledger", "ledger.db"], "none": ["--no-ledger"]}
        words = given.get(ledger, [])
        code = command(watch, "dial", "c.csv", *words, *["--allow-duplicates"])
        words = ["--ledger", file]
        if ledger != "none":
            command(watch, "dial", *words)
            command(watch, "status", *words)
            command(watch, "results", *words)
            command(watch, "results", *words, "--format", "jsonl")
            command(watch, "results", *words, "--follow", "--out", "results.csv")
            command(watch, "report", *words, "--config", "digitro.toml")
            command(watch, "report", *words, "--out", "report.html")
            for verdict in ("accepted", "not-placed"):
                evidence = ["--evidence", "it was seen"]
                command(watch, "reconcile", "C1", verdict, *words, *evidence)
                command(watch, "reconcile", NUMBER, verdict, *words, *evidence)

    assert code in {1, 3}
    assert re.search(r"\d of \d+ \(", watch.text_of("stderr"))  # the progress
    assert ("\x1b[" in watch.text_of("stderr")) is live
    assert "contacts  " in watch.text_of("stdout")
    check(watch, folder)
    if ledger == "none":
        assert not list(folder.glob("*.db*"))
    else:
        assert columns_with(folder / file) == DATA_COLUMNS - {"person.id"}


@pytest.mark.usefixtures("talkative")
@pytest.mark.parametrize("fault", [None, K.LOSE_ANSWER, K.STALL, K.HTML_200, 400, 401])
def test_call(folder: Path, fault: Any) -> None:
    """One call shows nobody, whatever becomes of it."""
    faults = []
    if fault is not None:
        status = fault if isinstance(fault, int) else None
        faults = [Fault(fault if status is None else K.STATUS, status=status)]
    plan = FaultPlan(faults)
    with fake_pabx(api_key=API_KEY, faults=plan) as pabx, Watch() as watch:
        key = f"api_key = {json.dumps(API_KEY)}"
        write_config(folder / "digitro.toml", pabx.base_url, key)
        data = ["--user-data", CANARIES["user_data"].text]
        code = command(watch, "call", NUMBER, *data)

    assert (code == 0) is (fault is None)
    assert watch.text_of("stdout" if fault is None else "stderr")
    check(watch, folder)


@pytest.mark.usefixtures("talkative")
def test_results_that_can_not_be_written(
    folder: Path, pabx: FakePABX, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A results file that fails, as expected or not, shows nobody."""
    key = f"api_key = {json.dumps(API_KEY)}"
    write_config(folder / "digitro.toml", pabx.base_url, key)
    write_contacts(folder / "c.csv")
    words = ("results", "--ledger", "c.csv.ledger.db", "--out")
    with Watch() as watch:
        command(watch, "dial", "c.csv")
        (folder / "full").symlink_to("/dev/full")
        assert command(watch, *words, "full") == 2

        def fail(row: Any) -> bytes:
            raise OSError(28, "No space left on device", f"{list(row)} {NUMBER}")

        monkeypatch.setattr(_results, "csv_line", fail)
        assert command(watch, *words, "results.csv") == 3
    (folder / "full").unlink()

    check(watch, folder)


KEY_ELSEWHERE: dict[str, list[str]] = {
    "option": ["call", "1", "--api-key", API_KEY],
    "option with =": ["dial", "c.csv", f"--api-key={API_KEY}"],
    "command": [API_KEY],
    "short option": ["call", "1", f"-{API_KEY}"],
    "long option": ["call", "1", f"--{API_KEY}"],
    "second word": ["call", NUMBER, API_KEY],
    "number of another": ["status", NUMBER, "--ledger", "ledger.db"],
    "a number": ["dial", "c.csv", "--max-calls", API_KEY],
    "a state": ["results", "--ledger", "ledger.db", "--state", API_KEY],
    "a verdict": ["reconcile", NUMBER, API_KEY, "--ledger", "l", "--evidence", "e"],
    "a contact": ["reconcile", NUMBER, "accepted", "--ledger", "l", "--evidence", "e"],
    "a switch": ["dial", "c.csv", f"--dry-run={API_KEY}"],
    "a PABX": ["call", "1", "--pabx", API_KEY],
    "an encoding": ["dial", "c.csv", "--encoding", API_KEY],
    "empty": ["call", "", "--user-data", CANARIES["user_data"].text],
    "control character": ["call", f"{NUMBER}\x1b"],
}


@pytest.mark.parametrize("where", KEY_ELSEWHERE)
def test_a_key_at_the_wrong_place(folder: Path, where: str) -> None:
    """A value at the wrong place of a command line is not repeated."""
    write_config(folder / "digitro.toml", "http://127.0.0.1:1", 'api_key = "k"')
    write_contacts(folder / "c.csv")
    with Watch() as watch:
        code = command(watch, *KEY_ELSEWHERE[where])

    assert code in {1, 2}
    assert watch.text_of("stderr").startswith(("digitro: ", "invalid: "))
    check(watch, folder)


QUOTED = json.dumps(API_KEY)
CONFIGURATIONS: dict[str, str] = {
    "line break": 'api_key = "' + API_KEY + '\\r\\nX: y"',
    "blank": f'api_key = "{API_KEY} {NUMBER}"',
    "list": f"api_key = [{QUOTED}]",
    "variable": f"api_key_env = {QUOTED}",
    "file": f"api_key_file = {QUOTED}",
    "both": f'api_key = {QUOTED}\napi_key_env = "A"',
    "misspelt": f"api_keys = {QUOTED}",
    "as a name": f"{QUOTED} = 1",
    "as a bare name": f"{API_KEY} = 1",
    "not closed": f'api_key = "{API_KEY}',
    "not quoted": f"api_key = {API_KEY}",
    "twice": f"api_key = {QUOTED}\napi_key = {QUOTED}",
    "name": f'api_key = "k"\nname = "{API_KEY}\\n"',
    "in_flight": f'api_key = "k"\nmax_in_flight = {QUOTED}',
    "url with a password": f'api_key = "k"\nbase_url = "http://u:{API_KEY}@h"',
    "authority": f'api_key = "k"\ntls = {{ fingerprint = {QUOTED} }}',
    "rate": f'api_key = "k"\nrate = {QUOTED}',
    "pool": f'api_key = "k"\npool = {{ {QUOTED} = 1 }}',
}


@pytest.mark.parametrize("what", CONFIGURATIONS)
def test_bad_configurations(folder: Path, what: str) -> None:
    """An error about a configuration does not repeat what stands in it."""
    write_config(folder / "digitro.toml", "http://h", CONFIGURATIONS[what])
    text = (folder / "digitro.toml").read_text()
    if what == "url with a password":
        text = text.replace('base_url = "http://h"\n', "")
        (folder / "digitro.toml").write_text(text)
    with Watch() as watch:
        code = command(watch, "call", NUMBER)

    assert code == 2
    assert watch.text_of("stderr").startswith("digitro: digitro.toml:")
    check(watch, folder)


def test_a_process_of_its_own(folder: Path, pabx: FakePABX) -> None:
    """A command whose keys come by its environment hands them to nobody.

    Python tells all it can; the words of the process and of its children name none.
    """
    write_config(folder / "digitro.toml", pabx.base_url, 'api_key_env = "DIGITRO_KEY"')
    write_contacts(folder / "c.csv")
    settings = {"PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "always"}
    process = subprocess.Popen(
        [sys.executable, "-X", "dev", "-m", "digitro_async", "dial", "c.csv"],
        env={**os.environ, **settings, "DIGITRO_KEY": API_KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with Watch() as watch:
        while process.poll() is None:
            for words in words_of(process.pid):
                watch.see("words", words)
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        watch.see("output", *process.communicate())

    assert "contacts  " in watch.text_of("output")
    assert process.returncode in {1, 3}
    check(watch, folder)


def words_of(pid: int) -> Iterator[bytes]:
    """Yield the command lines of a process and of its children, where Linux tells."""
    try:
        yield Path(f"/proc/{pid}/cmdline").read_bytes()
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield Path(f"/proc/{child}/cmdline").read_bytes()
    except OSError:
        return


# --- seeded leaks ---------------------------------------------------------------------


def in_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show a number in the progress."""
    monkeypatch.setattr(
        _run_display, "plain_line", lambda view: [*plain_line(view), Span(NUMBER)]
    )


def on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show a number among the results."""
    from digitro_async.cli import _take_results

    monkeypatch.setattr(_take_results, "summary_of", lambda *_: [NUMBER])


def in_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a number into the results file."""
    row_of = _results._row
    monkeypatch.setattr(
        _results, "_row", lambda entry: {**row_of(entry), "line": NUMBER}
    )


@pytest.mark.usefixtures("talkative")
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("leak", [in_progress, on_the_terminal, in_the_results])
def test_seeded_leaks(
    folder: Path,
    pabx: FakePABX,
    monkeypatch: pytest.MonkeyPatch,
    *,
    leak: Callable[[pytest.MonkeyPatch], None],
    live: bool,
) -> None:
    """A leak in progress, in the results on the terminal or in a file is found."""
    if live:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
    key = f"api_key = {json.dumps(API_KEY)}"
    write_config(folder / "digitro.toml", pabx.base_url, key)
    write_contacts(folder / "c.csv")
    leak(monkeypatch)
    with Watch() as watch:
        command(watch, "dial", "c.csv")
        ledger = ("--ledger", "c.csv.ledger.db")
        command(watch, "results", *ledger, "--out", "results.csv")

    places: dict[Any, str] = {in_progress: "stderr", on_the_terminal: "stdout"}
    place = places.get(leak)
    with pytest.raises(
        AssertionError, match=f"{place}: dest" if place else "results.csv"
    ):
        check(watch, folder)
