"""Blocks and callbacks by ``digitro campaign``, and what shows of them in a ledger."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import (
    Capture,
    Ran,
    folder,
    number,
    pabx_with_config,
    rows_of,
    run_here,
    write_contacts,
)

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

Told = dict[str, Any]
"""What the rules and the ledger say, as JSON has it."""

RULES = '[[hours]]\nname = "always"\nweek = { all = ["00:00-24:00"] }\n'
NOON = "2026-12-01T12:00-03:00"


@pytest.fixture(autouse=True)
def dialled(folder: Path, pabx: FakePABX, capsys: Capture) -> None:
    """Dial a list of three, of which one call is left."""
    (folder / "rules.toml").write_text(RULES)
    write_contacts(folder / "c.csv", 3)
    run_here(capsys, "dial", "c.csv", "--ledger", "c.db", "--limit", "2")


def order(capsys: Capture, *words: object) -> Ran:
    """Give an order about the ledger that nobody dials."""
    return run_here(capsys, "campaign", *words, "--ledger", "c.db")


def explain(capsys: Capture, monkeypatch: pytest.MonkeyPatch, of: int) -> Told:
    """Return what the rules and the ledger say about a number."""
    monkeypatch.setattr("sys.stdin", io.StringIO(number(of)))
    words = ("--rules", "rules.toml", "--ledger", "c.db", "--format", "json")
    out = run_here(capsys, "contacts", "explain", *words, "--at", NOON).out
    told: Told = json.loads(out)
    return told


def test_block_and_unblock(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number is asked for, blocked in the ledger, explained, and taken off again."""
    monkeypatch.setattr("sys.stdin", io.StringIO(number(2)))
    blocked = order(capsys, "block", "--until", "2030-12-31", "--reason", "asked us")
    told = explain(capsys, monkeypatch, 2)
    monkeypatch.setattr("sys.stdin", io.StringIO(number(2)))
    freed = order(capsys, "unblock")
    after = explain(capsys, monkeypatch, 2)
    monkeypatch.setattr("sys.stdin", io.StringIO(number(2)))
    again = order(capsys, "unblock")

    assert (blocked.code, freed.code, again.code) == (0, 0, 1)
    assert "blocked until 2031-01-01" in blocked.out
    assert (told["answer"], told["reason"]) == ("defer", "blocked")
    assert told["block"]["reason"] == "asked us"
    assert (after["answer"], after["block"]) == ("allow", None)
    assert "it was not blocked here" in again.out


def test_attempts_are_explained(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past attempts of a number in the ledger are shown, and count for its caps."""
    cap = '[[cap]]\nname = "once"\nmost = 1\nclock = "lifetime"\n'
    Path("rules.toml").write_text(cap)
    called = explain(capsys, monkeypatch, 0)
    not_called = explain(capsys, monkeypatch, 2)

    assert (called["answer"], called["rule"]) == ("refuse", "once")
    [attempt] = called["attempts"]
    assert attempt["contact"] == "#1"
    assert attempt["outcome"] == "accepted"
    assert (not_called["answer"], not_called["attempts"]) == ("allow", [])


def test_call_back(capsys: Capture, pabx: FakePABX) -> None:
    """A callback shows in results and status, and a plain dial leaves it alone."""
    ran = order(capsys, "call-back", "--id", "C0", "--at", "2030-12-01T12:00-03:00")
    [waits] = [row for row in rows_of(capsys) if row["wait"]]
    status = run_here(capsys, "status", "--ledger", "c.db")
    posts = len(pabx.calls)
    dialled = run_here(capsys, "dial", "--ledger", "c.db")

    assert ran.code == 0
    assert "to be called back 2030-12-01" in ran.out
    assert (waits["contact"], waits["wait"], waits["state"]) == (
        *("#1", "callback"),
        "pending",
    )
    assert waits["due"] == "2030-12-01T15:00:00.000Z"
    assert "  of the pending, 1 waits, the first until 2030-12-01" in status.out
    assert "    to be called back 1" in status.out
    assert "1 contacts wait for a time (1 to be called back)" in dialled.err
    assert (dialled.code, len(pabx.calls) - posts) == (1, 1)


def test_withdraw_who_waits(capsys: Capture) -> None:
    """A contact that waits is withdrawn like any other one."""
    order(capsys, "call-back", "#1", "--at", "2030-12-01T12:00-03:00")
    ran = order(capsys, "withdraw", "#1")

    assert ran.code == 0
    [row] = [row for row in rows_of(capsys) if row["contact"] == "#1"]
    assert (row["state"], row["wait"], row["due"]) == ("skipped", None, None)


def test_too_late_to_call_back(capsys: Capture) -> None:
    """Nobody is called back who was withdrawn."""
    order(capsys, "withdraw", "#3")
    ran = order(capsys, "call-back", "#3", "--at", NOON)

    assert (ran.code, ran.out) == (1, "")
    assert "the contact is skipped: it is not called back" in ran.err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("block",), "block: no number was given"),
        (("unblock",), "unblock: no number was given"),
        (("block", "98765-4321"), "has no area code"),
        (("block", "Ana"), "a number has 8 digits or more"),
        (("block", "1", "--until", "soon"), "--until must be a day"),
        (("block", "1", "--until", "2026-12-01T10:00"), "--until must be a time with"),
        (("block", "0118765 4321", "--reason", "a\nb"), "the reason of a block is"),
        (("call-back", "#1"), "call-back needs --at"),
        (("call-back", "#1", "--at", "noon"), "--at must be a time"),
        (("call-back", "--at", NOON), "name the contact once"),
        (("withdraw", "#1", "--at", NOON), "--at is about call-back"),
        (("unblock", "1", "--reason", "x"), "--reason is about block"),
        (("list", "--place", "2"), "--place is about call-back"),
    ],
)
def test_wrong_usage(
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    problem: str,
) -> None:
    """What is missing or wrong is said, with exit code 2."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    ran = order(capsys, *words)

    assert (ran.code, ran.out) == (2, "")
    assert problem in ran.err


def test_no_such_contact(capsys: Capture) -> None:
    """A callback of nobody is an error of the ledger."""
    ran = order(capsys, "call-back", "nobody", "--at", NOON)

    assert ran.code == 2
    assert "no such contact" in ran.err
