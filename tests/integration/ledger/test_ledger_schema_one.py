# A ledger's files are looked at between its steps.
"""A ledger of the first schema, in which a PABX may have given a call id twice."""

import contextlib
import sqlite3
import time
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from cpu_time import cpu_seconds
from ledgers import (
    accept,
    claim,
    intend,
    some,
)

from digitro_async.ledger import SQLiteLedger, State
from digitro_async.ledger._codes import STATE_CODES, STEP_CODES
from digitro_async.ledger._state import Step

ACCEPTED, PENDING = STATE_CODES[State.ACCEPTED], STATE_CODES[State.PENDING]
AT = 1_700_000_000.0

Calls = list[tuple[str | None, str | None]]
"""For each contact the PABX and the call id that it was accepted with."""


def old_ledger(path: Path, calls: Calls, order: list[int] | None = None) -> None:
    """Make a file as the first version left it: accepted calls, then one pending."""
    folder = resources.files("digitro_async.ledger.sqlite") / "sql"
    script = (folder / "0001_ledger.sql").read_text(encoding="utf-8")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(script)
        connection.execute("BEGIN")
        connection.execute("PRAGMA user_version = 1")
        connection.execute("INSERT INTO identity_key VALUES (1, ?)", (b"k" * 32,))
        for number, (pabx, call_id) in enumerate([*calls, (None, None)], 1):
            state = PENDING if call_id is None else ACCEPTED
            connection.execute(
                "INSERT INTO contact (number, hash, line, state, attempts, pabx,"
                " call_id, sent_at, settled_at) VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)",
                (number, b"%d" % number, number, state, pabx, call_id, AT, AT),
            )
            connection.execute(
                "INSERT INTO person (number, id, destination) VALUES (?, ?, '0')",
                (number, f"C{number}"),
            )
        for number in order or range(1, len(calls) + 1):
            for step, said in (
                (Step.INTEND, None),
                (Step.ACCEPT, calls[number - 1][1]),
            ):
                connection.execute(
                    "INSERT INTO event (contact, step, at, pabx, call_id)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (number, STEP_CODES[step], AT, calls[number - 1][0], said),
                )
        connection.execute("COMMIT")
    path.chmod(0o600)


def query(path: Path, sql: str) -> list[Any]:
    """Return what a file answers."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


EVENTS = (
    "SELECT sequence, contact, step, at, pabx, call_id, reason"
    "  FROM event ORDER BY sequence"
)
"""The columns that the first version had."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "old.db"


async def states(path: Path) -> list[State]:
    """Open a ledger and return where its contacts are, in their order."""
    async with SQLiteLedger(path) as ledger:
        return [entry.state async for entry in ledger.entries()]


async def test_repeated_id(path: Path) -> None:
    """The first acceptance with an id stands; later ones are unknown and say why."""
    old_ledger(path, [("one", "A"), ("one", "B"), ("one", "A"), ("one", "A")])
    before = query(path, EVENTS)
    found = await states(path)
    events = query(path, EVENTS)
    added = events[len(before) :]

    assert found == [
        *(State.ACCEPTED, State.ACCEPTED, State.UNKNOWN, State.UNKNOWN),
        State.PENDING,
    ]
    assert events[: len(before)] == before
    assert [(one[1], one[2], one[4:]) for one in added] == [
        (number, STEP_CODES[Step.MARK_UNKNOWN], ("one", "A", "repeated_call_id"))
        for number in (3, 4)
    ]
    assert all(abs(one[3] - time.time()) < 60 for one in added)
    assert query(path, "SELECT call_id, reason, attempts, settled_at FROM contact") == [
        *(("A", None, 1, AT), ("B", None, 1, AT)),
        *[(None, "repeated_call_id", 1, AT)] * 2,
        (None, None, 1, AT),
    ]


async def test_order_is_that_of_the_record(path: Path) -> None:
    """The first is who was accepted first, not who stands first in the list."""
    old_ledger(path, [("one", "A"), ("one", "A")], order=[2, 1])

    assert await states(path) == [State.UNKNOWN, State.ACCEPTED, State.PENDING]


async def test_what_is_not_repeated(path: Path) -> None:
    """Ids of two PABX may be the same, and an id without a PABX tells nothing."""
    old_ledger(path, [("one", "A"), ("two", "A"), (None, "A"), (None, "A")])

    assert (await states(path))[:4] == [State.ACCEPTED] * 4
    assert len(query(path, "SELECT * FROM event")) == 8


async def test_it_is_dialled_on(path: Path) -> None:
    """Such a ledger goes on: what is unknown is reconciled, a third A is found."""
    old_ledger(path, [("one", "A"), ("one", "A")])
    async with SQLiteLedger(path) as ledger:
        await ledger.reconcile("C2", accepted=False, evidence="x", now=time.time())
        (contact, _) = await claim(ledger, 2)
        await intend(ledger, contact.number, "one", time.time())
        state = await accept(ledger, contact.number, "A")
    async with SQLiteLedger(path) as ledger:
        counts = some(await ledger.counts())

    assert state is State.UNKNOWN
    assert counts == {State.ACCEPTED: 1, State.UNKNOWN: 1, State.PENDING: 1}


async def test_a_large_one(path: Path) -> None:
    """Many repeated ids take no long time."""
    old_ledger(path, [("one", str(number // 2)) for number in range(20_000)])
    found: list[State] = []

    async def open_it() -> None:
        found.extend(await states(path))

    assert await cpu_seconds(open_it) < 20
    assert found.count(State.ACCEPTED) == found.count(State.UNKNOWN) == 10_000
