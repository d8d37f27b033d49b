"""Runs the examples of docs/rules.md, and compares its tables with the code."""

import shlex
from pathlib import Path

import attrs
import pytest
from pages import blocks_of, rows_under, ticked

from digitro_async.cli._app import app
from digitro_async.config import RULE_PRESETS, load_config, load_rules
from digitro_async.rules import (
    CallingHours,
    CapClock,
    MemoryAttemptHistory,
    RecallRule,
    ShortCallCounter,
    ShortCallRule,
)

HEADING = "A rules file"


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the file that the page shows, and what it names."""
    [text] = blocks_of("rules", "A rules file", "toml")
    (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
    (tmp_path / "opt-outs.txt").write_text("48987654321\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "rules.toml"


def test_the_file_that_is_shown(
    shown: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file loads, and the program beside it allows its call."""
    for block in blocks_of("rules", "A rules file", "python"):
        exec(compile(block, HEADING, "exec"), {})

    assert capsys.readouterr().out.splitlines() == [
        "1 numbers blocked; 0 rows can't be used",
        "Allow()",
    ]


def test_run_in_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    """The program of the page calls one of two contacts with one number."""
    [block] = blocks_of("rules", "In a program", "python")
    exec(compile(block, "In a program", "exec"), {})

    assert capsys.readouterr().out.splitlines() == [
        "1 accepted",
        "{'attempt_cap': 1}",
    ]


def test_gates_of_the_page(shown: Path) -> None:
    """The table has the gates that a rules file makes, in their order."""
    rules, _ = load_rules(shown)
    counter = ShortCallCounter(ShortCallRule.published())
    gates = rules.gates(MemoryAttemptHistory(), counter=counter)

    assert [gate.name for gate in gates.gates] == [
        row[0] for row in rows_under("rules", "Gates")
    ]


def test_presets_of_the_page() -> None:
    """The table has every preset."""
    rows = rows_under("rules", "Presets")

    assert sorted(ticked(row[0])[0] for row in rows) == list(RULE_PRESETS)


def test_clocks_of_the_page() -> None:
    """The table has every clock of a cap."""
    rows = rows_under("rules", "Spacing and caps")

    assert [ticked(row[0])[0] for row in rows] == list(CapClock)


@pytest.mark.parametrize(
    ("heading", "kind", "left_out"),
    [
        ("Calling hours", CallingHours, {"name"}),
        ("Recalls", RecallRule, set()),
    ],
)
def test_fields_of_the_page(heading: str, kind: type, left_out: set[str]) -> None:
    """The tables have every field of the rules that they are about."""
    named = {name for row in rows_under("rules", heading) for name in ticked(row[0])}
    fields = {field.name for field in attrs.fields(kind)}

    assert named == fields - left_out


def test_commands_of_the_page() -> None:
    """The commands that are shown can be parsed."""
    blocks = {
        "contacts": blocks_of("rules", "Why is somebody called, or not", "console"),
        "dial": blocks_of("rules", "Waiting contacts", "console"),
        "campaign": blocks_of(
            "rules", "Blocks and callbacks while calls are made", "console"
        ),
        "ledger": blocks_of("rules", "Ends from a file", "console"),
    }
    for name, [block] in blocks.items():
        for line in block.splitlines():
            words = shlex.split(line, comments=True)[1:]
            command, *_ = app.parse_args(words, exit_on_error=False)
            assert command.__name__ == name


def test_rules_of_the_configuration(tmp_path: Path) -> None:
    """The table of the settings is read, with its file beside it."""
    [table] = blocks_of("settings", "Rules of calling", "toml")
    pabx = '[[pabx]]\nbase_url = "http://10.0.0.1"\napi_key = "demo"\n'
    (tmp_path / "digitro.toml").write_text(pabx + table)
    rules = load_config(tmp_path / "digitro.toml").rules

    assert rules is not None
    assert (rules.file, rules.wait) == (tmp_path / "rules.toml", 7200.0)


def test_keeping_of_persons(tmp_path: Path) -> None:
    """The table of the settings that says how long persons are kept is read."""
    [table] = blocks_of("settings", "Keeping of persons", "toml")
    pabx = '[[pabx]]\nbase_url = "http://10.0.0.1"\napi_key = "demo"\n'
    (tmp_path / "digitro.toml").write_text(pabx + table)

    assert load_config(tmp_path / "digitro.toml").ledger.forget_after == 180 * 86_400
