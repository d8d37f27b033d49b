"""The modules that a command loads: to read a ledger takes no HTTP library."""

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Capture, folder, pabx_with_config, run_here, write_contacts

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

HEAVY = {"aiohttp", "anyio", "asyncio", "cattrs", "rich", "ssl", "uvloop"}
"""Libraries that take long to load."""

RULES = """
[[hours]]
name = "always"
week = { all = ["00:00-24:00"] }
"""

PROGRAM = """
import sys
from digitro_async.cli._app import run
code = run(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(code)
"""


def loaded_by(folder: Path, *words: object) -> set[str]:
    """Return the modules that a command has loaded at its end."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return set(ended.stderr.split())


@pytest.mark.parametrize(
    "words",
    [
        ("status",),
        ("status", "--max-attempts", 1),
        ("results",),
        ("results", "--format", "jsonl", "--state", "accepted"),
        ("results", "--out", "out.csv"),
        ("results", "--follow"),
    ],
    ids=lambda words: " ".join(map(str, words)),
)
def test_readers_load_little(
    folder: Path, pabx: FakePABX, capsys: Capture, words: tuple[object, ...]
) -> None:
    """A command that only reads a ledger loads no HTTP library and no event loop."""
    write_contacts(folder / "c.csv", 3)
    run_here(capsys, "dial", "c.csv")
    command, *options = words
    modules = loaded_by(folder, command, "--ledger", "c.csv.ledger.db", *options)
    ours = {name for name in modules if name.startswith("digitro_async.")}
    parts = {name.split(".")[1] for name in ours}

    assert modules & HEAVY == set()
    assert parts - {"control"} == {
        *("_common", "_start", "call_events", "cli", "errors", "ledger", "privacy"),
        "settings",
    }


@pytest.mark.parametrize(
    "words",
    [
        ("check", "c.csv"),
        ("check", "c.csv", "--rules", "rules.toml", "--format", "csv"),
        ("explain", "48999990001", "--rules", "rules.toml"),
    ],
    ids=" ".join,
)
def test_checked_lists_load_little(folder: Path, words: tuple[str, ...]) -> None:
    """A list and a number are looked at without an HTTP library or an event loop."""
    write_contacts(folder / "c.csv", 3)
    (folder / "rules.toml").write_text(RULES)

    assert loaded_by(folder, "contacts", *words) & HEAVY == set()


@pytest.mark.parametrize(
    "words",
    [
        ("contacts", "check", "--rules", "rules.toml"),
        ("contacts", "explain", "48999990001", "--rules", "rules.toml"),
        ("campaign", "add", "c.csv"),
        ("campaign", "block", "48999990001"),
        ("ledger", "ends", "c.csv.ledger.db", "ends.csv"),
        ("reconcile", "--file", "verdicts.csv"),
    ],
    ids=" ".join,
)
def test_ledgers_are_looked_at_without_http(
    folder: Path, pabx: FakePABX, capsys: Capture, words: tuple[str, ...]
) -> None:
    """A command that makes no call of a ledger loads no library that could make one."""
    write_contacts(folder / "c.csv", 3)
    (folder / "rules.toml").write_text(RULES)
    (folder / "verdicts.csv").write_text("id;outcome;evidence\n")
    (folder / "ends.csv").write_text("contact;disposition\n#1;busy\n")
    run_here(capsys, "dial", "c.csv")
    named = () if words[0] == "ledger" else ("--ledger", "c.csv.ledger.db")

    modules = loaded_by(folder, *words, *named)

    assert "digitro_async.ledger.sqlite" in modules
    assert modules & (HEAVY - {"asyncio", "ssl", "uvloop"}) == set()


def test_copies_load_no_http_library(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A ledger is copied and settled without the library that dials."""
    write_contacts(folder / "c.csv", 3)
    run_here(capsys, "dial", "c.csv", "--ledger", "a.db")
    copied = loaded_by(folder, "ledger", "copy", "a.db", "b.db")
    settled = loaded_by(folder, "ledger", "restored", "b.db", "--all-unknown")

    assert (copied | settled) & (HEAVY - {"asyncio", "ssl"}) == set()


@pytest.mark.parametrize("words", [(), ("--help",), ("--version",)])
def test_tree_loads_no_command(folder: Path, words: tuple[str, ...]) -> None:
    """The list of commands and the version are shown without any command."""
    modules = loaded_by(folder, *words)

    assert "digitro_async.cli._app" in modules
    assert {name for name in modules if name.startswith("digitro_async.cli._")} <= {
        f"digitro_async.cli.{name}"
        for name in ("_app", "_exit", "_interrupts", "_output", "_usage")
    }
    assert "aiohttp" not in modules


def test_table_is_loaded_for_a_terminal_only(
    folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A dial whose output nobody sees draws nothing, and loads no rich."""
    write_contacts(folder / "c.csv", 3)
    modules = loaded_by(folder, "dial", "c.csv")

    assert "aiohttp" in modules
    assert "rich" not in modules
    assert "digitro_async.testing" not in modules
