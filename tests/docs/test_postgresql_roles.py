"""Roles that were granted what docs/postgresql.md says may do what it says."""

import io
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from command_line import (
    Capture,
    folder,
    number,
    pabx_with_config,
    run_here,
    write_contacts,
)
from pages import blocks_of
from postgres_server import database, needs_postgres

from digitro_async.ledger import State, open_ledger_reader
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

pytestmark = needs_postgres

QUICK = ("--look", "0.05", "--come-again", "0.1")
RULES = """
[[hours]]
name = "always"
week = { all = ["00:00-24:00"] }
[[cap]]
name = "once"
most = 1
clock = "lifetime"
"""
RULED = ("--rules", "rules.toml", "--no-wait")
SPRING = ("--campaign", "spring")


@pytest.fixture
def url(folder: Path, pabx: FakePABX, capsys: Capture) -> Iterator[str]:
    """Make a database as the page says, and return its address for its owner."""
    (folder / "rules.toml").write_text(RULES)
    write_contacts(folder / "c.csv", 6)
    write_contacts(folder / "first.csv", 1)
    (block,) = blocks_of("postgresql", "Roles", "sql")
    with database(migrated=False) as owner:
        first = ("--ledger", owner, "--campaign", "first")
        assert run_here(capsys, "campaign", "add", "first.csv", *first).code == 0
        ran = run_here(capsys, "worker", "--ledger", owner, "--until-done", *QUICK)
        assert ran.code == 0, ran.err
        superuser = owner.replace("//digitro@", "//postgres@")
        with psycopg.connect(superuser, autocommit=True) as server:
            server.execute(block.encode())
        try:
            yield owner
        finally:
            with psycopg.connect(superuser, autocommit=True) as server:
                for role in ("dialler", "looker"):
                    server.execute(f"DROP OWNED BY {role}".encode())
                    server.execute(f"DROP ROLE {role}".encode())


def as_role(url: str, role: str) -> tuple[str, ...]:
    """Return the options that name the campaign, for a role."""
    return "--ledger", url.replace("//digitro@", f"//{role}@"), *SPRING


def test_dialler(
    url: str, pabx: FakePABX, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A role that owns nothing dials by rules, works, blocks, calls back and reads."""
    ledger = as_role(url, "dialler")

    def said(*words: str, code: int = 0) -> str:
        ran = run_here(capsys, *words, *ledger)
        assert ran.code == code, (words, ran.err)
        return ran.out

    said("campaign", "add", "c.csv")
    monkeypatch.setattr("sys.stdin", io.StringIO(number(5)))
    assert "blocked" in said("campaign", "block")
    said("campaign", "call-back", "--id", "C4", "--at", "2030-12-01T12:00-03:00")
    said("dial", *RULED, "--limit", "2", code=1)
    said("worker", "--until-done", *RULED, *QUICK)
    assert "be called back" in said("status", code=1)
    assert "accepted" in said("report")
    said("campaign", "withdraw", "--id", "C4")
    monkeypatch.setattr("sys.stdin", io.StringIO(number(5)))
    said("campaign", "unblock")
    assert "#2,C1,3,accepted" in said("results", "--format", "csv")
    with open_ledger_reader(url, campaign="spring") as reader:
        assert reader.counts()[State.ACCEPTED] == 3
    assert pabx.posts == 4
    forget = run_here(capsys, "ledger", "forget", ledger[1], "C1", *SPRING)
    assert forget.code == 2
    assert "as the owner of the tables" in forget.err
    owned = run_here(capsys, "ledger", "forget", url, "C1", *SPRING)
    assert owned.code == 0, owned.err


def test_dialler_who_is_to_forget(
    url: str, folder: Path, pabx: FakePABX, capsys: Capture
) -> None:
    """A role that may not forget persons says so, where its configuration wants it."""
    with (folder / "digitro.toml").open("a") as file:
        file.write('\n[ledger]\nforget_after = "99d"\n')
    ran = run_here(capsys, "dial", "c.csv", *as_role(url, "dialler"))

    assert (ran.code, pabx.posts) == (2, 1)  # the one is the owner's
    assert "as the owner of the tables" in ran.err


def test_looker(url: str, pabx: FakePABX, capsys: Capture) -> None:
    """A role that may only read is told all, and changes nothing."""
    ledger = as_role(url, "looker")
    run_here(capsys, "dial", "c.csv", "--ledger", url, *SPRING, "--limit", "2")
    dry = ("dial", "--rules", "rules.toml", "--dry-run")
    explain = ("contacts", "explain", number(0), "--rules", "rules.toml")
    assert run_here(capsys, "status", *ledger).code in {0, 1}
    assert "accepted" in run_here(capsys, "report", *ledger).out
    assert "accepted" in run_here(capsys, "results", *ledger).out
    assert "dialled now              4" in run_here(capsys, *dry, *ledger).out
    assert "2 of this number" in run_here(capsys, *explain, *ledger).out
    ran = run_here(capsys, "campaign", "withdraw", "--id", "C4", *ledger)

    assert ran.code == 3
    assert "not allowed" in ran.err


def test_later_tables(url: str) -> None:
    """Tables that a later version makes are theirs as well."""
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("CREATE TABLE digitro.later (number bigint)")
        owner.execute("CREATE SEQUENCE digitro.later_numbers")
    with psycopg.connect(as_role(url, "dialler")[1], autocommit=True) as dialler:
        dialler.execute(
            "INSERT INTO digitro.later SELECT nextval('digitro.later_numbers')"
        )
    with psycopg.connect(as_role(url, "looker")[1], autocommit=True) as looker:
        assert looker.execute("SELECT number FROM digitro.later").fetchall() == [(1,)]
