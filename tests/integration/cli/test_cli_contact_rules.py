"""``digitro contacts`` with rules: explain one number, check a list."""

import io
import json
from pathlib import Path

import pytest
from command_line import Capture, Ran, folder, run_here

__all__ = ["folder"]  # a fixture

RULES = """
presets = ["state-laws"]
[[block]]
file = "blocked.txt"
[[hours]]
name = "office"
week = { all = ["08:00-20:00"] }
"""
EVENING = "2026-11-30T18:30-03:00"
SP, RJ, BLOCKED = "011987654321", "021987654321", "048990123456"


@pytest.fixture
def rules(folder: Path) -> Path:
    """Write a rules file with a block list in which one row is bad."""
    (folder / "blocked.txt").write_text(f"{BLOCKED}\nx\n")
    (folder / "rules.toml").write_text(RULES)
    return folder / "rules.toml"


def explain(capsys: Capture, *words: str) -> Ran:
    """Run ``digitro contacts explain`` with the rules of the test."""
    return run_here(capsys, "contacts", "explain", *words, "--rules", "rules.toml")


def test_each_gate_answers(rules: Path, capsys: Capture) -> None:
    """Every gate has a line, and the end says from when the number may be called."""
    code, out, err = explain(capsys, RJ, "--at", EVENING)

    assert code == 1
    assert "21 (RJ; America/Sao_Paulo)" in out
    assert "block lists              allowed" in out
    assert "so it is                 not before 2026-12-01T08:00:00-03:00" in out
    assert "RJ, Lei 7.853/2018" in out
    assert "not legal advice" in out
    assert "blocked.txt:2: number: holds something else than a number" in err
    assert "98765" not in out + err


def test_a_number_that_may_be_called(rules: Path, capsys: Capture) -> None:
    """The exit code says that the number may be called now."""
    code, out, _ = explain(capsys, SP, "--at", EVENING)

    assert code == 0
    assert "so it is                 allowed" in out


def test_a_number_from_stdin(
    rules: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number need not stand on the command line."""
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{BLOCKED}\n"))
    code, out, _ = explain(capsys, "--format", "json")

    assert code == 1
    told = json.loads(out)
    assert (told["answer"], told["reason"], told["rule"]) == (
        *("refuse", "blocked"),
        "blocked",
    )
    assert told["states"] == ["SC"]
    assert [one["gate"] for one in told["gates"]][:2] == ["block lists", "put off"]


def test_an_unknown_area(rules: Path, capsys: Capture) -> None:
    """A number that does not tell its area falls under the rules of all states."""
    _, out, _ = explain(capsys, "40041234", "--at", EVENING)

    assert "the rules of every state hold" in out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("explain", SP), "explain needs --rules"),
        (
            ("explain", SP, "--rules", "rules.toml", "--at", "noon"),
            "--at must be a time",
        ),
        (
            ("explain", SP, "--rules", "rules.toml", "--at", "2026-11-30T12:00"),
            "--at must be a time with its zone",
        ),
        (("explain", "--rules", "rules.toml"), "no number was given"),
        (("explain", "list1.csv", "--rules", "rules.toml"), "NUMBER must be digits"),
        (("explain", "+", "--rules", "rules.toml"), "NUMBER must be digits"),
        (("explain", SP, "--rules", "gone.toml"), "gone.toml: can't be read"),
        (("check",), "check needs a FILE"),
    ],
)
def test_wrong_usage(
    rules: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    problem: str,
) -> None:
    """What is missing or wrong is said, with exit code 2."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    code, out, err = run_here(capsys, "contacts", *words)

    assert (code, out) == (2, "")
    assert problem in err


def test_a_list_through_the_gates(rules: Path, capsys: Capture) -> None:
    """A check of a list says who is deferred until when, and who is blocked."""
    Path("list.csv").write_text(
        f"id;destination\n1;{SP}\n2;{RJ}\n3;{BLOCKED}\n", encoding="utf-8"
    )
    words = ("list.csv", "--rules", "rules.toml", "--at", EVENING, "--format", "csv")
    code, out, _ = run_here(capsys, "contacts", "check", *words)
    rows = out.splitlines()

    assert code == 1
    assert [row.split(",")[4] for row in rows[1:]] == ["dial", "deferred", "blocked"]
    assert rows[2].endswith("2026-12-01T08:00:00-03:00")
