"""Persons are forgotten in a database: no table has them, and nobody calls them."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from command_line import run_here
from helpers import until
from ledgers import (
    LEASE,
    NOW,
    OWNER,
    accept,
    an_end,
    claim,
    contacts,
    end_call,
    intend,
    lose,
    new_contact,
    settle,
    some,
)
from postgres_server import database, needs_postgres, shared_server
from schedules import ALL_KINDS, key_of

from digitro_async import Disposition, LedgerError
from digitro_async.ledger import (
    AgreedCallback,
    AttemptPlan,
    NumberOfContact,
    PostgresLedger,
    State,
    Step,
)
from digitro_async.ledger._reconciliation import QUARANTINE
from digitro_async.ledger.transfer import copy_ledger, forget_contacts
from digitro_async.privacy import Personal

pytestmark = needs_postgres

CANARIES = (
    "04832817001",
    "04832817002",
    "C-4711-canary",
    "Fulano canary",
    "4832817001",
)
"""All that the campaign knows of one person."""

PERSON = new_contact(
    1,
    id="C-4711-canary",
    destination=Personal("04832817001"),
    fields={"user_data": "Fulano canary"},
    numbers=(
        NumberOfContact(destination=Personal("04832817001")),
        NumberOfContact(destination=Personal("04832817002"), kind="work"),
    ),
)


@pytest.fixture
def address() -> Iterator[str]:
    """Return the address of a database."""
    with database() as one:
        yield one


def ask(address: str, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    with contextlib.closing(psycopg.connect(address, autocommit=True)) as connection:
        cursor = connection.execute(statement.encode())
        return [] if cursor.description is None else cursor.fetchall()


def texts_of(address: str) -> str:
    """Return all rows of all tables of the schema, as text."""
    tables = ask(
        address, "SELECT tablename FROM pg_tables WHERE schemaname = 'digitro'"
    )
    found = []
    for (name,) in tables:
        found += ask(address, f"SELECT row_to_json(t)::text FROM digitro.{name} AS t")
    return "\n".join(text for (text,) in found)


async def fill(address: str) -> None:
    """Make a campaign that knows a person in many places, beside others."""
    async with PostgresLedger(address) as ledger:
        number = await ledger.begin_import(
            file="list of C-4711-canary.csv", size=1, digest=b"x", now=NOW
        )
        await ledger.add([PERSON, *contacts(4)[1:]], importing=number)
        await ledger.end_import(number, now=NOW)
        await ledger.schedule.claim(3, OWNER, LEASE, now=NOW, kinds=[None])
        plans = [
            AttemptPlan(number=1, place=0, key=4832817001),
            AttemptPlan(number=2, place=0, key=5),
        ]
        await ledger.schedule.plan(OWNER, plans, hold_numbers=True)
        for one in (1, 2):
            await intend(ledger, one, "one", NOW)
        await lose(ledger, 1)
        await ledger.reconcile(
            1, accepted=True, evidence="Fulano canary said so", now=NOW + 60
        )
        word = "BUSY 04832817001"
        await end_call(ledger, 1, an_end(Disposition.BUSY, None, word=word))
        await accept(ledger, 2, "2")
        await ledger.schedule.call_back(4, AgreedCallback(at=NOW + 9e6), now=NOW)
        await ledger.release(OWNER)


async def shown(address: str) -> list[tuple[State, int, str | None]]:
    """Return what a campaign shows of each contact."""
    async with PostgresLedger(address) as ledger:
        return [
            (one.state, one.attempts, one.evidence) async for one in ledger.entries()
        ]


async def test_nothing_is_left(address: str) -> None:
    """No table of the schema has a number, id or text of a forgotten person."""
    await fill(address)
    before, known = texts_of(address), await shown(address)
    summary = forget_contacts(address, contact=Personal("C-4711-canary"))
    after = texts_of(address)

    assert [one for one in CANARIES if one not in before] == []
    assert [one for one in CANARIES if one in after] == []
    assert (summary.forgotten, summary.skipped, summary.is_clean) == (1, 0, None)
    assert '"C2"' in after
    assert await shown(address) == [(*known[0][:2], "***"), *known[1:]]


async def test_evidence_stays(address: str) -> None:
    """States, counts, attempts and ends stay; the attempt has no number any more."""
    await fill(address)
    forget_contacts(address, contact=1)
    async with PostgresLedger(address) as ledger:
        (one,) = await ledger.schedule.attempts_of([1], ())
        noted = await ledger.schedule.note_keys(key_of, scheme="digits")
        again = await ledger.schedule.note_keys(key_of, scheme="another")

        expected = {State.ACCEPTED: 2, State.PENDING: 2}
        assert some(await ledger.counts()) == expected
        assert (one.key, one.began_at, one.disposition) == (None, NOW, Disposition.BUSY)
        assert (noted, again) == (0, 1)
        assert ask(address, "SELECT key FROM digitro.attempt WHERE contact = 1") == [
            (None,)
        ]


async def test_an_end_is_told_once(address: str) -> None:
    """A result whose word was erased is not handed on a second time."""
    await fill(address)
    told = "SELECT intent, told FROM digitro.call_end ORDER BY intent"
    before = ask(address, told)
    forget_contacts(address, contact=1)

    assert ask(address, told) == before
    assert ask(address, "SELECT word FROM digitro.call_end") == [("***",)]


@pytest.mark.parametrize("keep_hash", [True, False])
async def test_a_list_that_has_them_again(address: str, keep_hash: bool) -> None:
    """Who keeps the hash does not call a forgotten person again; who does not, does."""
    async with PostgresLedger(address) as ledger:
        await ledger.add([PERSON, new_contact(2)])
    summary = forget_contacts(address, contact=1, keep_hash=keep_hash)
    async with PostgresLedger(address) as ledger:
        added = await ledger.add([PERSON, new_contact(2)], update=True)
        claimed = [one.number for one in await claim(ledger, 9)]

    assert summary.skipped == 1
    assert [one.new for one in added] == [not keep_hash, False]
    assert added[0].difference is None
    assert claimed == ([2] if keep_hash else [2, 3])


async def test_nobody_calls_them(address: str) -> None:
    """No rule, callback or evidence lets a forgotten contact be pending again."""
    await fill(address)
    async with PostgresLedger(address) as ledger:
        await intend(ledger, (await claim(ledger, 1))[0].number, "one", NOW)
        await lose(ledger, 3)
    for number in (1, 3, 4):
        forget_contacts(address, contact=number, now=NOW + 9_999)
    async with PostgresLedger(address) as ledger:
        schedule = ledger.schedule
        ended = await schedule.ended(list(Disposition), limit=9)
        is_recalled = await schedule.recall(
            1, attempts=1, due=NOW, place=0, reason="busy", now=NOW
        )
        state = await schedule.call_back(1, AgreedCallback(at=NOW), now=NOW)
        with pytest.raises(LedgerError, match="was forgotten"):
            await ledger.reconcile(3, accepted=False, evidence="x", now=NOW + 9_999)
        found = await schedule.claim(9, OWNER, LEASE, now=NOW + 1e8, kinds=ALL_KINDS)

        assert (list(ended), is_recalled, state) == ([], False, State.ACCEPTED)
        assert list(found) == []


async def test_a_reason_that_names_them(address: str) -> None:
    """A withdrawal's reason that names the person goes with them, in all places."""
    async with PostgresLedger(address) as ledger:
        await ledger.add([PERSON])
        await ledger.withdraw(1, reason="Fulano canary asked", now=NOW)
    forget_contacts(address, contact=1)

    assert "canary" not in texts_of(address)
    assert [one[0] for one in await shown(address)] == [State.SKIPPED]


async def test_while_somebody_dials(address: str) -> None:
    """A contact that a worker has claimed is not called; its other calls go on."""
    async with PostgresLedger(address) as ledger:
        await ledger.add([PERSON, new_contact(2), new_contact(3)])
        await claim(ledger, 3)
        await intend(ledger, 3, "one", NOW)
        summary = await asyncio.to_thread(forget_contacts, address, contact=1)
        with pytest.raises(LedgerError):
            await intend(ledger, 1, "one", NOW)
        await intend(ledger, 2, "one", NOW)
        with pytest.raises(LedgerError, match="on the wire"):
            await asyncio.to_thread(forget_contacts, address, contact=3)
        for number in (2, 3):
            await accept(ledger, number, str(number))

        assert summary.skipped == 1
        counts = some(await ledger.counts())
        assert counts == {State.SKIPPED: 1, State.ACCEPTED: 2}


async def test_a_call_on_the_wire(address: str) -> None:
    """A contact whose call may still be delivered is not forgotten yet."""
    async with PostgresLedger(address) as ledger:
        await ledger.set_setting(QUARANTINE, "50")
        await ledger.add(contacts(1))
        await claim(ledger, 1)
        await intend(ledger, 1, "one", NOW)
        await lose(ledger, 1)
    with pytest.raises(LedgerError, match="on the wire"):
        forget_contacts(address, contact=1, now=NOW + 49)

    assert forget_contacts(address, before=NOW + 9e9, now=NOW + 49).forgotten == 0
    assert forget_contacts(address, contact=1, now=NOW + 51).forgotten == 1


async def test_before_a_day(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By time those are forgotten whose last call was before, page by page."""
    monkeypatch.setattr("digitro_async.ledger.transfer._postgres_forget._PAGE", 2)
    async with PostgresLedger(address) as ledger:
        await ledger.add(contacts(7))
        await claim(ledger, 6)
        for number in range(1, 7):
            at = NOW + number * 100
            await intend(ledger, number, "one", at)
            await settle(ledger, number, Step.REJECT, "one", at, reason="x")
    async with PostgresLedger(address, campaign="other") as ledger:
        await ledger.add(contacts(1))
    summary = forget_contacts(address, before=NOW + 550)
    again = forget_contacts(address, before=NOW + 550)
    async with PostgresLedger(address) as ledger:
        ids = [one.id is None async for one in ledger.entries()]

    assert ids == [True] * 5 + [False] * 2
    assert (summary.forgotten, summary.skipped, again.forgotten) == (5, 0, 0)
    assert '"C1"' in texts_of(address)  # of the other campaign


async def test_one_that_is_held(address: str) -> None:
    """Whoever changes a contact of a page is waited for, and holds up nobody else."""
    await fill(address)
    holder = psycopg.connect(address)
    holder.execute("SELECT 1 FROM digitro.contact WHERE number = 1 FOR UPDATE")
    forgetting = asyncio.create_task(
        asyncio.to_thread(forget_contacts, address, before=NOW + 9e6, now=NOW + 9e6)
    )
    second = "SELECT destination FROM digitro.person WHERE number = 2"
    await until(lambda: ask(address, second) == [("",)])
    assert not forgetting.done()
    holder.rollback()
    holder.close()

    assert (await forgetting).forgotten == 2
    assert [one for one in CANARIES if one in texts_of(address)] == []


async def test_what_is_written_stays_written(address: str) -> None:
    """Nobody changes events and ends otherwise, and no other role even so."""
    await fill(address)
    forget_contacts(address, contact=1)
    name = address.rsplit("/", 1)[1]
    restricted = shared_server().address(name, "restricted")
    with shared_server().connect("postgres", "postgres") as connection:
        connection.execute("DROP ROLE IF EXISTS restricted")
        connection.execute("CREATE ROLE restricted LOGIN")
    granted = (
        "GRANT USAGE ON SCHEMA digitro TO restricted;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA digitro"
        " TO restricted; GRANT USAGE ON ALL SEQUENCES IN SCHEMA digitro TO restricted"
    )
    ask(address, granted)
    refused = (
        (address, "UPDATE digitro.event SET reason = 'x' WHERE contact = 1"),
        (address, "UPDATE digitro.event SET reason = '***' WHERE contact = 2"),
        (address, "UPDATE digitro.event SET reason = '***', at = 1 WHERE contact = 1"),
        (address, "UPDATE digitro.call_end SET word = 'x' WHERE contact = 1"),
        (address, "UPDATE digitro.call_end SET disposition = 1"),
        (restricted, "UPDATE digitro.event SET reason = '***' WHERE contact = 1"),
        (restricted, "UPDATE digitro.call_end SET word = '***' WHERE contact = 1"),
        (address, "DELETE FROM digitro.event WHERE contact = 1"),
    )
    for by, statement in refused:
        with pytest.raises(psycopg.errors.RaiseException):
            ask(by, statement)
    with pytest.raises(LedgerError, match="owner of the tables"):
        forget_contacts(restricted, contact=2)
    with shared_server().connect(name, "postgres") as connection:
        connection.execute("DROP OWNED BY restricted")
        connection.execute("DROP ROLE restricted")


async def test_a_copy_of_it(address: str, tmp_path: Path) -> None:
    """A campaign with forgotten persons is carried to a file, equal to what it was."""
    await fill(address)
    forget_contacts(address, contact=1)
    before = await shown(address)
    copy_ledger(address, tmp_path / "b.db", keep_source=True)

    assert b"canary" not in (tmp_path / "b.db").read_bytes()
    assert await shown(address) == before


def test_command(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command forgets a contact of a campaign, or those of before a day."""
    asyncio.run(fill(address))
    given = [
        ["C-4711-canary", "--keep-hash", "--campaign", "default"],
        ["--before", "0d"],
        ["C-4711-canary"],
        ["C2", "--campaign", "nowhere"],
    ]
    done = [run_here(capsys, "ledger", "forget", address, *words) for words in given]
    told = "".join(one.out + one.err for one in done)

    assert done[0].code == 0
    assert "forgotten         1" in done[0].out
    assert "vacuumed" in done[0].out
    assert [one.code != 0 for one in done] == [False, False, True, True]
    assert "canary" not in told
