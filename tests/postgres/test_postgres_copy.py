"""A ledger is copied from a file to PostgreSQL and back, whole or not at all."""

import contextlib
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from filled_ledgers import contents, fill, reason_of
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from ledgers import contacts, shown_by
from postgres_server import PASSWORD, database, needs_postgres, shared_server
from test_ledger_machine_moves import MovingMachine

from digitro_async import LedgerError
from digitro_async.ledger import SQLiteLedger, State
from digitro_async.ledger.transfer import copy_ledger, settle_ledger
from digitro_async.ledger.transfer._postgres_copy import PostgresEnd

pytestmark = needs_postgres


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of an empty database."""
    with database() as one:
        yield one


@contextlib.contextmanager
def connected(address: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Connect to a database while the block runs."""
    with contextlib.closing(psycopg.connect(address, autocommit=True)) as connection:
        yield connection


def claim(connection: psycopg.Connection[tuple[Any, ...]], seconds: float) -> int:
    """Claim everybody who can be claimed, and return how many that are."""
    rows = connection.execute(
        "SELECT * FROM digitro.claim_contacts(1, 'other', '', %s, 99, 1, 99, 9,"
        " NULL, NULL)",
        (seconds,),
    )
    return len(rows.fetchall()) - 1


def files_of(path: Path) -> list[Path]:
    """Return the files of a ledger and those beside it."""
    return list(path.parent.glob(f"{path.name}*"))


async def test_there_and_back(tmp_path: Path, address: str) -> None:
    """What comes back is what was there, and each is only dialled where it is now."""
    path, back = tmp_path / "a.db", tmp_path / "b.db"
    before = await fill(path)
    there = copy_ledger(path, address)
    again = copy_ledger(path, address)
    home = copy_ledger(address, back)

    assert await contents(back) == before
    assert [one.rows for one in there.tables] == [one.rows for one in home.tables]
    assert (there.was_done, again.was_done) == (False, True)
    assert await reason_of(path) == "moved"
    with pytest.raises(LedgerError, match="was moved to sqlite"):
        copy_ledger(address, tmp_path / "c.db")


async def test_among_other_campaigns(tmp_path: Path, address: str) -> None:
    """Several campaigns in one database keep their own events, and their order."""
    before = []
    for campaign in ("one", "two"):
        before.append(await fill(tmp_path / f"{campaign}.db"))
        copy_ledger(tmp_path / f"{campaign}.db", address, campaign=campaign)
    for campaign in ("one", "two"):
        copy_ledger(address, tmp_path / f"{campaign}2.db", campaign=campaign)

    assert [await contents(tmp_path / f"{one}2.db") for one in ("one", "two")] == before


async def test_a_backup_is_not_dialled(tmp_path: Path, address: str) -> None:
    """A backup of a campaign says whose it is; the campaign is dialled on."""
    await fill(tmp_path / "a.db")
    copy_ledger(tmp_path / "a.db", address)
    copy_ledger(address, tmp_path / "back.db", keep_source=True)

    assert await reason_of(tmp_path / "back.db") == "backup"
    with connected(address) as connection:
        assert claim(connection, 60.0) == 2


async def test_a_campaign_that_is_dialled_is_not_moved(
    tmp_path: Path, address: str
) -> None:
    """Claims under a live lease are refused; when it is over they are closed."""
    await fill(tmp_path / "a.db")
    copy_ledger(tmp_path / "a.db", address)
    with connected(address) as connection:
        assert claim(connection, 60.0) == 2
        with pytest.raises(LedgerError, match="2 contacts are claimed"):
            copy_ledger(address, tmp_path / "b.db")
        assert not (tmp_path / "b.db").exists()
        connection.execute("UPDATE digitro.owner SET lease_until = clock_timestamp()")
    copy_ledger(address, tmp_path / "b.db")

    states = [one.state for one in await contents(tmp_path / "b.db")]
    assert states.count(State.PENDING) == 2


async def test_nobody_claims_from_a_campaign_that_moved(
    tmp_path: Path, address: str
) -> None:
    """Who had it open already gets no contacts any more, and can put none in."""
    await fill(tmp_path / "a.db")
    copy_ledger(tmp_path / "a.db", address)
    copy_ledger(address, tmp_path / "b.db")
    with connected(address) as connection:
        assert claim(connection, 60.0) == 0
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("UPDATE digitro.campaign SET contacts = contacts + 1")

    assert caught.value.sqlstate == "DG010"


async def test_a_claim_of_the_last_moment(tmp_path: Path, address: str) -> None:
    """A copy waits for a claim that is being made, and is refused because of it."""
    await fill(tmp_path / "a.db")
    copy_ledger(tmp_path / "a.db", address)
    problems: list[LedgerError] = []

    def copy() -> None:
        try:
            copy_ledger(address, tmp_path / "b.db")
        except LedgerError as error:
            problems.append(error)

    thread = threading.Thread(target=copy)
    with connected(address) as claiming, connected(address) as watching:
        with claiming.transaction():
            assert claim(claiming, 60.0) == 2
            thread.start()
            waits = (
                "SELECT count(*) FROM pg_locks WHERE NOT granted"
                " AND mode = 'ShareRowExclusiveLock'"
            )
            while watching.execute(waits).fetchone() == (0,):
                assert thread.is_alive()
        thread.join()

    assert [one.reason for one in problems] == ["in_use"]
    assert files_of(tmp_path / "b.db") == []


async def test_a_copy_that_stops(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of it in a database is no ledger; the same copy makes it one."""
    path = tmp_path / "a.db"
    before = await fill(path)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_ledger(path, address, progress=stop)
    assert await contents(path) == before
    with monkeypatch.context() as patch:
        patch.setattr(PostgresEnd, "commit", stop)
        with pytest.raises(KeyboardInterrupt):
            copy_ledger(path, address)
    assert await reason_of(path) == "moved"
    with pytest.raises(LedgerError) as caught:
        copy_ledger(address, tmp_path / "b.db")
    assert caught.value.reason == "unfinished_copy"
    copy_ledger(path, address)
    copy_ledger(address, tmp_path / "b.db")

    assert await contents(tmp_path / "b.db") == before


async def test_a_copy_from_a_database_that_stops(tmp_path: Path, address: str) -> None:
    """A campaign of which no copy was made can be dialled on."""
    await fill(tmp_path / "a.db")
    copy_ledger(tmp_path / "a.db", address)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_ledger(address, tmp_path / "b.db", progress=stop)
    with connected(address) as connection:
        assert claim(connection, 60.0) == 2


async def test_passwords_are_never_shown(tmp_path: Path, address: str) -> None:
    """Neither a ledger nor an error shows the password of an address."""
    name = address.rpartition("/")[2]
    secret = shared_server().address(name, "secretive", PASSWORD)
    with connected(address) as connection:
        connection.execute("GRANT ALL ON SCHEMA digitro TO secretive")
        connection.execute(
            "GRANT ALL ON ALL TABLES IN SCHEMA digitro TO secretive;"
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA digitro TO secretive"
        )
    path = tmp_path / "a.db"
    await fill(path)
    summary = copy_ledger(path, secret)
    with pytest.raises(LedgerError) as moved:
        await contents(path)
    wrong = shared_server().address(name, "secretive", f"{PASSWORD}x")
    await fill(tmp_path / "b.db")
    with pytest.raises(LedgerError) as refused:
        copy_ledger(tmp_path / "b.db", wrong, keep_source=True)

    for text in (str(summary), shown_by(moved.value), shown_by(refused.value)):
        assert "canary" not in text
    assert "refuses the user or the password" in str(refused.value)


async def test_a_moved_campaign_is_settled(tmp_path: Path, address: str) -> None:
    """Where the file that it was moved to is lost, the campaign is an older state."""
    await fill(tmp_path / "a.db")
    copy_ledger(tmp_path / "a.db", address)
    copy_ledger(address, tmp_path / "lost.db")
    summary = settle_ledger(address)
    with connected(address) as connection:
        left = claim(connection, 60.0)

    assert (summary.unknown, left) == (2, 0)


class ThereAndBackMachine(MovingMachine):
    """A ledger in a file, which moves to a database and back to another file."""

    address = ""

    def carry(self, source: Path, target: Path) -> None:
        """Copy the ledger from one file to another, by way of a database."""
        campaign = uuid.uuid4().hex
        there = copy_ledger(source, self.address, campaign=campaign)
        back = copy_ledger(self.address, target, campaign=campaign)

        assert [one.rows for one in there.tables] == [one.rows for one in back.tables]


def test_random_lives(address: str) -> None:
    """Whatever happens to a ledger that moves, it holds what the model says."""
    ThereAndBackMachine.address = address
    run_state_machine_as_test(
        ThereAndBackMachine,
        settings=settings(
            max_examples=3,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_many_random_lives(address: str) -> None:
    """Whatever happens in 100 lives, a ledger that moves holds what the model says."""
    ThereAndBackMachine.address = address
    run_state_machine_as_test(
        ThereAndBackMachine, settings=settings(max_examples=100, deadline=None)
    )


async def test_a_long_list(tmp_path: Path, address: str) -> None:
    """Many pages are carried in their order."""
    path = tmp_path / "a.db"
    async with SQLiteLedger(path, synchronous="OFF") as ledger:
        await ledger.add(contacts(3_500))
    copy_ledger(path, address)
    copy_ledger(address, tmp_path / "b.db")

    numbers = [one.number for one in await contents(tmp_path / "b.db")]
    assert numbers == list(range(1, 3_501))
