"""How a schedule in a file is asked: by indexes, as a million contacts may wait."""

import sqlite3
from pathlib import Path

import pytest
from ledgers import LEASE, NOW, OWNER, contacts

from digitro_async.ledger import Deferral, SQLiteLedger, WaitKind

DEFERRED = 3_000


async def deferred_ledger(path: Path) -> None:
    """Make a ledger with contacts that wait, and statistics of nothing."""
    async with SQLiteLedger(path, synchronous="OFF") as ledger:
        await ledger.add(contacts(DEFERRED))
        await ledger.schedule.claim(DEFERRED, OWNER, LEASE, now=NOW, kinds=[None])
        deferrals = [
            Deferral(number=number, due=NOW + number, reason="hours")
            for number in range(1, DEFERRED + 1)
        ]
        await ledger.schedule.put_off(OWNER, deferrals, now=NOW)


async def statements_of(ledger: SQLiteLedger, act: object) -> list[str]:
    """Return the statements that a change runs, with their values."""
    seen: list[str] = []

    def watch(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(seen.append)

    def unwatch(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(None)

    await ledger._call(watch)
    await act  # type: ignore[misc]
    await ledger._call(unwatch)
    return [one for one in seen if " wait" in one or " attempt" in one]


def plan_of(path: Path, statement: str) -> list[str]:
    """Return how SQLite would go about a statement."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    finally:
        connection.close()
    return [str(row[3]) for row in rows]


def scans(plan: list[str]) -> list[str]:
    """Return the steps that read through a whole table."""
    return [
        step
        for step in plan
        if step.startswith("SCAN")
        and any(f" {name}" in step for name in ("wait", "contact", "attempt", "person"))
    ]


@pytest.mark.parametrize("kinds", [list(WaitKind), [WaitKind.CALLBACK]])
async def test_claims_of_due_contacts(tmp_path: Path, kinds: list[WaitKind]) -> None:
    """No statement of a claim of due contacts reads through a table."""
    path = tmp_path / "ledger.db"
    await deferred_ledger(path)
    async with SQLiteLedger(path) as ledger:
        act = ledger.schedule.claim(50, OWNER, LEASE, now=NOW + 60, kinds=kinds)
        statements = await statements_of(ledger, act)

    assert statements
    for statement in statements:
        assert scans(plan_of(path, statement)) == [], statement


async def test_attempts_by_number(tmp_path: Path) -> None:
    """Attempts of some contacts and numbers are found by indexes."""
    path = tmp_path / "ledger.db"
    await deferred_ledger(path)
    seen: list[str] = []
    async with SQLiteLedger(path) as ledger:
        # Late: the module is about this package's own statements.
        from digitro_async.ledger.sqlite._attempts_sql import attempts_of_contacts

        def look(connection: sqlite3.Connection) -> None:
            connection.set_trace_callback(seen.append)
            attempts_of_contacts(connection, [1, 2], {3, 4})
            connection.set_trace_callback(None)

        await ledger._call(look)

    asked = [one for one in seen if one.startswith("SELECT")]
    assert len(asked) == 3
    for statement in asked:
        assert scans(plan_of(path, statement)) == [], statement


async def test_finished_contacts_are_passed_once(tmp_path: Path) -> None:
    """Contacts that waited and are over are looked at by one claim, and by no other."""
    path = tmp_path / "ledger.db"
    await deferred_ledger(path)
    async with SQLiteLedger(path, synchronous="OFF") as ledger:
        for number in range(1, 101):
            await ledger.withdraw(number, reason="asked", now=NOW)
        claim = ledger.schedule.claim
        kinds = [WaitKind.DEFERRED]
        for _ in range(2):
            claimed = await claim(5, OWNER, LEASE, now=NOW + 200, kinds=kinds)
    connection = sqlite3.connect(path)
    (over,) = connection.execute("SELECT sum(is_over) FROM wait").fetchone()
    connection.close()

    assert over == 100
    assert [one.claimed.number for one in claimed] == [106, 107, 108, 109, 110]
