"""Commands about a ledger in a database that workers share."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import (
    Capture,
    folder,
    pabx_with_config,
    run_here,
    write_contacts,
)
from postgres_server import PASSWORD, database, needs_postgres

from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

pytestmark = needs_postgres


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, ...]]:
    """Make a database, and return the options that name it."""
    with database() as made:
        monkeypatch.setenv("SHARED_LEDGER", made)
        yield "--ledger-env", "SHARED_LEDGER", "--campaign", "spring"


def test_a_list_from_import_to_results(
    folder: Path, pabx: FakePABX, ledger: tuple[str, ...], capsys: Capture
) -> None:
    """A list is added, thinned out, dialled and read, all by the variable's name."""
    write_contacts(folder / "c.csv", 6, bad=1)
    ran = run_here(capsys, "campaign", "add", "c.csv", *ledger)
    assert ran.code == 1
    assert "6 new contacts" in ran.out
    assert "the workers that run call them" in ran.out
    ran = run_here(capsys, "campaign", "withdraw", "C1", *ledger)
    assert ran.code == 0
    ran = run_here(capsys, "campaign", "weight", "2.5", *ledger)
    assert (ran.code, ran.out) == (0, "weight of campaign spring: 2.5\n")
    ran = run_here(capsys, "pause", *ledger)
    assert (ran.code, ran.out) == (0, "paused: campaign spring\n")
    ran = run_here(capsys, "status", *ledger)
    assert "campaign spring is paused (ordered): digitro resume" in ran.out
    ran = run_here(capsys, "campaign", "list", *ledger)
    assert ran.code == 0
    assert "spring: weight 2.5; 5 pending, 1 skipped; paused (ordered)" in ran.out
    assert run_here(capsys, "resume", *ledger).code == 0

    ran = run_here(capsys, "dial", *ledger)
    assert ran.code == 1
    assert "--ledger-env SHARED_LEDGER --campaign spring" in ran.out
    assert PASSWORD not in ran.out + ran.err
    assert len(pabx.calls) == 5
    status = run_here(capsys, "status", *ledger)
    assert "accepted      5" in status.out
    assert "is paused" not in status.out
    assert "dialled by 0 processes" in status.out
    ran = run_here(capsys, "results", *ledger, "--format", "jsonl")
    states = [json.loads(line)["state"] for line in ran.out.splitlines()]
    assert sorted(states) == ["accepted"] * 5 + ["skipped"]
    ran = run_here(capsys, "check", *ledger)
    assert "ok" in ran.out
    assert "5 accepted, 1 skipped" in ran.out


def test_orders_that_nobody_can_take(
    folder: Path, ledger: tuple[str, ...], capsys: Capture
) -> None:
    """What a database knows nothing of is refused in words, and nothing is printed."""
    named = ledger[:2]
    for words, problem in (
        (("pause", "--pabx", "nobody"), "no worker has told of a PABX"),
        (("pause", "--campaign", "nobody"), "campaign"),
        (("rate", "20", "--pabx", "nobody"), "no worker has told of a PABX"),
        (("campaign", "weight", "2", "--campaign", "nobody"), "campaign"),
    ):
        ran = run_here(capsys, *words, *named)
        assert (ran.code, ran.out) == (2, "")
        assert problem in ran.err
    assert not list(folder.iterdir())


def test_no_campaign_is_made_by_a_wrong_name(
    folder: Path, pabx: FakePABX, ledger: tuple[str, ...], capsys: Capture
) -> None:
    """What needs a campaign with contacts makes none where its name is mistaken."""
    (folder / "evidence.csv").write_text("id,outcome,evidence\nC1,accepted,log\n")
    for words in (
        ("campaign", "withdraw", "C1"),
        ("dial",),
        ("dial", "--limit", "2"),
        ("status",),
        ("reconcile", "C1", "accepted", "--evidence", "log"),
        ("reconcile", "--file", "evidence.csv"),
    ):
        ran = run_here(capsys, *words, *ledger[:2], "--campaign", "srping")
        assert (ran.code, ran.out) == (2, "")
        assert "there is no campaign srping" in ran.err
    address = os.environ[ledger[1]]
    for action, word in (("copy", "a.db"), ("restored", "--all-unknown")):
        named = (address, word, "--campaign", "srping")
        ran = run_here(capsys, "ledger", action, *named)
        assert (ran.code, ran.out) == (2, "")
        assert "there is no campaign srping" in ran.err
    assert run_here(capsys, "campaign", "list", *ledger[:2]).out == ""


def test_a_dry_run(
    folder: Path, pabx: FakePABX, ledger: tuple[str, ...], capsys: Capture
) -> None:
    """A list is checked, and what the database knows of it is not guessed at."""
    write_contacts(folder / "c.csv", 4)
    for before in ("", "4"):
        ran = run_here(capsys, "dial", "c.csv", "--dry-run", *ledger)
        assert ran.code == 0
        assert "not looked at: a dial compares the list with the data" in ran.out
        assert ("pending before" in ran.out) == bool(before)
        if not before:
            assert run_here(capsys, "campaign", "add", "c.csv", *ledger).code == 0
    assert not pabx.calls
