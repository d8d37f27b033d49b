"""``digitro worker`` and ``digitro dial`` over a database, as they are typed."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from command_line import (
    Capture,
    folder,
    pabx_with_config,
    run_here,
    start,
    wait_for,
    write_contacts,
)
from postgres_server import database, needs_postgres

from digitro_async.ledger import PostgresLedgerReader, State
from digitro_async.testing import FakePABX

__all__ = ["folder", "pabx_with_config"]  # fixtures

pytestmark = [needs_postgres, pytest.mark.timeout(300)]

QUICK = ["--look", "0.1", "--come-again", "0.5"]


@pytest.fixture
def url() -> Iterator[str]:
    """Return the address of a database."""
    with database() as address:
        yield address


def state_counts(url: str, campaign: str) -> dict[State, int]:
    """Return how many contacts are in each state, without those that nobody is in."""
    with PostgresLedgerReader(url, campaign) as reader:
        return {state: count for state, count in reader.counts().items() if count}


def test_dial(pabx: FakePABX, url: str, capsys: Capture, folder: Path) -> None:
    """A list is dialled through a database to its end, and again nobody is."""
    contacts = write_contacts(folder / "list.csv", 60)
    words = ["dial", contacts, "--ledger", url, "--campaign", "spring"]

    ran = run_here(capsys, *words)
    again = run_here(capsys, *words)

    assert (ran.code, again.code) == (0, 0), ran.err
    assert pabx.accepted == pabx.posts == 60
    assert state_counts(url, "spring") == {State.ACCEPTED: 60}
    assert "accepted        60" in ran.out


def test_a_pilot(pabx: FakePABX, url: str, capsys: Capture, folder: Path) -> None:
    """A pilot shares caps and pauses as a worker does, and leaves the rest pending."""
    contacts = write_contacts(folder / "list.csv", 30)
    words = ["dial", contacts, "--ledger", url, "--limit", "7"]
    ran = run_here(capsys, *words)

    assert ran.code == 1, ran.err
    assert state_counts(url, "default") == {State.ACCEPTED: 7, State.PENDING: 23}
    assert pabx.posts == 7
    with psycopg.connect(url) as connection:
        enrolled = connection.execute("SELECT count(*) FROM digitro.worker").fetchone()
    assert enrolled == (1,)


def test_until_done(pabx: FakePABX, url: str, capsys: Capture, folder: Path) -> None:
    """A worker dials every campaign with work, and ends when nothing is left."""
    for name in ("spring", "autumn"):
        contacts = write_contacts(folder / f"{name}.csv", 30)
        words = ["--ledger", url, "--campaign", name]
        assert run_here(capsys, "dial", contacts, *words, "--limit", 10).code == 1
    ran = run_here(capsys, "worker", "--ledger", url, "--until-done", *QUICK)

    assert ran.code == 0, ran.err
    assert state_counts(url, "spring") == {State.ACCEPTED: 30}
    assert state_counts(url, "autumn") == {State.ACCEPTED: 30}
    assert pabx.posts == 60


def test_one_campaign(pabx: FakePABX, url: str, capsys: Capture, folder: Path) -> None:
    """A worker of one campaign leaves the others alone."""
    for name in ("spring", "autumn"):
        contacts = write_contacts(folder / f"{name}.csv", 30)
        words = ["--ledger", url, "--campaign", name]
        run_here(capsys, "dial", contacts, *words, "--limit", 10)
    words = ["worker", "--ledger", url, "--campaign", "spring", "--until-done"]

    assert run_here(capsys, *words, *QUICK).code == 0
    assert state_counts(url, "autumn") == {State.ACCEPTED: 10, State.PENDING: 20}


@pytest.mark.parametrize("command", ["worker", "dial"])
def test_whose_time_is_over(
    pabx: FakePABX, url: str, capsys: Capture, folder: Path, command: str
) -> None:
    """Who dials forgets whose time is over, where that is set, and tells it once."""
    contacts = write_contacts(folder / "list.csv", 4)
    dial = ["dial", contacts, "--ledger", url, "--campaign", "spring"]
    first = run_here(capsys, *dial, "--limit", 2)
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE digitro.contact SET sent_at = sent_at - 8640000,"
            " settled_at = settled_at - 8640000 WHERE number = 1"
        )
    with (folder / "digitro.toml").open("a") as file:
        file.write('\n[ledger]\nforget_after = "99d"\n')
    words = ["worker", "--ledger", url, "--until-done", *QUICK]
    ran = run_here(capsys, *(words if command == "worker" else dial))
    with psycopg.connect(url) as connection:
        known = connection.execute(
            "SELECT destination <> '' FROM digitro.person ORDER BY number"
        ).fetchall()

    assert (first.code, ran.code) == (1, 0), ran.err
    assert "forgotten" not in first.err
    assert ran.err.count("forgotten: 1 contacts whose last call was more than 99") == 1
    assert [one for (one,) in known] == [False, True, True, True]
    assert state_counts(url, "spring") == {State.ACCEPTED: 4}
    assert pabx.posts == 4


@pytest.mark.parametrize("more", [[], ["--until-done"]])
def test_no_such_campaign(
    pabx: FakePABX, url: str, capsys: Capture, folder: Path, more: list[str]
) -> None:
    """A worker of a campaign that is not there is refused, and makes none."""
    contacts = write_contacts(folder / "list.csv", 3)
    named = ["--ledger", url, "--campaign"]
    run_here(capsys, "campaign", "add", contacts, *named, "spring")
    ran = run_here(capsys, "worker", *named, "spring", *named[2:], "nosuch", *more)

    assert (ran.code, ran.out) == (2, "")
    assert "there is no campaign nosuch" in ran.err
    listed = run_here(capsys, "campaign", "list", "--ledger", url).out
    assert listed == "spring: weight 1; 3 pending\n"
    assert pabx.posts == 0


def test_a_database_that_can_not_be_dialled(
    pabx: FakePABX, url: str, capsys: Capture, folder: Path
) -> None:
    """A server that is set up wrong, or a campaign that moved, ends it at once."""
    contacts = write_contacts(folder / "list.csv", 3)
    named = ["--ledger", url, "--campaign", "spring"]
    run_here(capsys, "campaign", "add", contacts, *named)
    unsafe = f"{url}?options=-csynchronous_commit%3Doff"
    wrong = run_here(capsys, "worker", "--ledger", unsafe)
    moved = run_here(capsys, "ledger", "copy", url, "moved.db", "--campaign", "spring")
    assert moved.code == 0, moved.err
    told = run_here(capsys, "status", *named).out
    assert told.startswith("campaign spring at 127.0.0.1:")
    assert " was moved to sqlite:///" in told
    for words in (named, named[:2]):
        ran = run_here(capsys, "worker", *words)
        assert ran.code == 2
        assert "campaign spring was moved to " in ran.err

    assert wrong.code == 2
    assert "can't be used: synchronous_commit is off" in wrong.err
    assert "again" not in wrong.err
    assert pabx.posts == 0


def test_a_paused_campaign(
    pabx: FakePABX, url: str, capsys: Capture, folder: Path
) -> None:
    """A campaign that was paused before a dial of it is not called until resumed."""
    contacts = write_contacts(folder / "list.csv", 3)
    named = ["--ledger", url, "--campaign", "spring"]
    run_here(capsys, "campaign", "add", contacts, *named)
    run_here(capsys, "pause", *named)
    with start("dial", *named, cwd=folder) as running:
        wait_for(
            lambda: (
                "cap 50 in 1 s" in run_here(capsys, "status", *named).out
                or "matriz: idle" in run_here(capsys, "status", *named).out
            )
        )
        time.sleep(2.5)  # signs of life, each of which tells of the pause
        assert pabx.posts == 0
        run_here(capsys, "resume", *named)
        running.process.communicate(timeout=120)
    assert (running.process.returncode, pabx.accepted) == (0, 3)


def test_sigterm(pabx: FakePABX, url: str, capsys: Capture, folder: Path) -> None:
    """SIGTERM lets calls finish, gives the rest back, and is exit code 0."""
    contacts = write_contacts(folder / "list.csv", 40)
    run_here(capsys, "dial", contacts, "--ledger", url, "--limit", 1)
    words = ["worker", "--ledger-env", "LEDGER", *QUICK]
    with start(*words, env={**os.environ, "LEDGER": url}, cwd=folder) as running:
        wait_for(lambda: pabx.posts == 40)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(timeout=120)
        assert running.process.returncode == 0

    assert state_counts(url, "default") == {State.ACCEPTED: 40}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--ledger", "list.db"], "--ledger must be postgresql://"),
        ([], "--ledger is missing"),
        (["--ledger", "postgresql://me@127.0.0.1:9/x"], "nothing listens there"),
        (
            ["--ledger", "postgresql://me@127.0.0.1:9/x", "--cap-lease", "1"],
            "lease must be at least twice",
        ),
    ],
)
def test_wrong_use(
    pabx: FakePABX, capsys: Capture, words: list[str], problem: str
) -> None:
    """What can't be used is said before anything is dialled."""
    ran = run_here(capsys, "worker", *words, "--answer", "2", "--beat", "0.5")

    assert ran.code == 2
    assert problem in ran.err
