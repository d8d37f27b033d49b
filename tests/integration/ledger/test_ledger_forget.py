"""Persons are forgotten: nothing of them is in the file, and nobody calls them."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from command_line import run_here
from ledgers import (
    ENDS,
    NOW,
    OWNER,
    accept,
    an_end,
    claim,
    contacts,
    end_call,
    entry_of,
    intend,
    lose,
    new_contact,
    settle,
    some,
)
from schedules import key_of

from digitro_async import ConfigurationError, Disposition, LedgerError
from digitro_async.ledger import (
    AgreedCallback,
    AttemptPlan,
    NumberOfContact,
    SQLiteLedger,
    SQLiteLedgerReader,
    State,
    Step,
)
from digitro_async.ledger._reconciliation import QUARANTINE
from digitro_async.ledger.transfer import forget_contacts
from digitro_async.privacy import Personal

CANARIES = (
    "04832817001",
    "04832817002",
    "C-4711-canary",
    "Fulano canary",
    "4832817001",
)
"""All that the ledger knows of one person."""

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
def path(tmp_path: Path) -> Path:
    """Return where the ledger of this test stands."""
    return tmp_path / "ledger.db"


async def fill(path: Path) -> None:
    """Make a ledger that knows a person in many places, beside others."""
    async with SQLiteLedger(path, synchronous="OFF") as ledger:
        number = await ledger.begin_import(
            file="list of C-4711-canary.csv", size=1, digest=b"x", now=NOW
        )
        await ledger.add([PERSON, new_contact(2), new_contact(3)], importing=number)
        await ledger.end_import(number, now=NOW)
        await ledger.schedule.claim(3, OWNER, 9e9, now=NOW, kinds=[None])
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
        await ledger.release(OWNER)


def bytes_of(path: Path) -> bytes:
    """Return all bytes of a ledger's files."""
    files = [Path(f"{path}{end}") for end in (*ENDS, ".lock")]
    return b"".join(one.read_bytes() for one in files if one.exists())


async def shown(path: Path) -> list[tuple[State, int, str | None]]:
    """Return what a ledger shows of each contact."""
    with SQLiteLedgerReader(path) as reader:
        return [(one.state, one.attempts, one.evidence) for one in reader.entries()]


async def test_nothing_is_left(path: Path) -> None:
    """No number, id or data of a forgotten person stands in any file of the ledger."""
    await fill(path)
    before, known = bytes_of(path), await shown(path)
    summary = forget_contacts(path, contact=Personal("C-4711-canary"))
    after = bytes_of(path)

    assert all(one.encode() in before for one in CANARIES)
    assert [one for one in CANARIES if one.encode() in after] == []
    assert (summary.forgotten, summary.skipped, summary.is_clean) == (1, 0, True)
    assert b"C2" in after
    assert await shown(path) == [(*known[0][:2], "***"), *known[1:]]


async def test_evidence_stays(path: Path) -> None:
    """States, counts, attempts and ends stay; the attempt has no number any more."""
    await fill(path)
    forget_contacts(path, contact=1)
    async with SQLiteLedger(path) as ledger:
        (one,) = await ledger.schedule.attempts_of([1], ())
        noted = await ledger.schedule.note_keys(key_of, scheme="digits")

        expected = {State.ACCEPTED: 2, State.PENDING: 1}
        assert some(await ledger.counts()) == expected
        assert (one.key, one.began_at, one.disposition) == (None, NOW, Disposition.BUSY)
        assert noted == 0


@pytest.mark.parametrize("keep_hash", [True, False])
async def test_a_list_that_has_them_again(path: Path, keep_hash: bool) -> None:
    """Who keeps the hash does not call a forgotten person again; who does not, does."""
    async with SQLiteLedger(path) as ledger:
        await ledger.add([PERSON, new_contact(2)])
    summary = forget_contacts(path, contact=1, keep_hash=keep_hash)
    async with SQLiteLedger(path) as ledger:
        added = await ledger.add([PERSON, new_contact(2)], update=True)
        claimed = [one.number for one in await claim(ledger, 9)]

    assert summary.skipped == 1
    assert [one.new for one in added] == [not keep_hash, False]
    assert added[0].difference is None
    assert claimed == ([2] if keep_hash else [2, 3])


async def test_nobody_calls_them(path: Path) -> None:
    """No rule, callback or evidence lets a forgotten contact be pending again."""
    await fill(path)
    async with SQLiteLedger(path) as ledger:
        await intend(ledger, (await claim(ledger, 1))[0].number, "one", NOW)
        await lose(ledger, 3)
    for number in (1, 3):
        forget_contacts(path, contact=number, now=NOW + 9_999)
    async with SQLiteLedger(path) as ledger:
        schedule = ledger.schedule
        ended = await schedule.ended([*Disposition], limit=9)
        is_recalled = await schedule.recall(
            1, attempts=1, due=NOW, place=0, reason="busy", now=NOW
        )
        state = await schedule.call_back(1, AgreedCallback(at=NOW), now=NOW)
        with pytest.raises(LedgerError, match="was forgotten"):
            await ledger.reconcile(3, accepted=False, evidence="x", now=NOW + 9_999)

        assert (list(ended), is_recalled, state) == ([], False, State.ACCEPTED)
        assert list(await claim(ledger, 9)) == []


async def test_a_call_on_the_wire(path: Path) -> None:
    """A contact whose call may still be delivered is not forgotten yet."""
    async with SQLiteLedger(path) as ledger:
        await ledger.set_setting(QUARANTINE, "50")
        await ledger.add(contacts(1))
        await claim(ledger, 1)
        await intend(ledger, 1, "one", NOW)
    with pytest.raises(LedgerError, match="on the wire"):
        forget_contacts(path, contact=1, now=NOW + 49)

    assert forget_contacts(path, before=NOW + 9e9, now=NOW + 49).forgotten == 0
    assert forget_contacts(path, contact=1, now=NOW + 51).forgotten == 1


async def test_before_a_day(path: Path) -> None:
    """By time those are forgotten whose last call was before; nobody to be called."""
    async with SQLiteLedger(path) as ledger:
        await ledger.add(contacts(4))
        await claim(ledger, 3)
        for number in (1, 2, 3):
            at = NOW + number * 100
            await intend(ledger, number, "one", at)
            await settle(ledger, number, Step.REJECT, "one", at, reason="x")
    summary = forget_contacts(path, before=NOW + 250)
    again = forget_contacts(path, before=NOW + 250)
    async with SQLiteLedger(path) as ledger:
        ids = [one.id is None async for one in ledger.entries()]

        assert ids == [True, True, False, False]
        assert (await entry_of(ledger, 4)).state is State.PENDING
    assert (summary.forgotten, summary.skipped, again.forgotten) == (2, 0, 0)


async def test_more_than_are_erased_at_once(path: Path) -> None:
    """Of many contacts nothing is left either, and each is counted once."""
    most = 20_001
    async with SQLiteLedger(path) as ledger:
        await ledger.add(contacts(most))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE contact SET state = 8, settled_at = ?", (NOW,))
        connection.commit()
    summary = forget_contacts(path, before=NOW + 1, now=NOW)

    assert (summary.forgotten, summary.skipped) == (most, 0)
    assert not [
        text
        for text in (b"04832810001", b"048328120001", b"C20001")
        if text in bytes_of(path)
    ]


async def test_a_reason_that_names_them(path: Path) -> None:
    """A withdrawal's reason that names the person goes with them, in all places."""
    async with SQLiteLedger(path) as ledger:
        await ledger.add([PERSON])
        await ledger.withdraw(1, reason="Fulano canary asked", now=NOW)
    forget_contacts(path, contact=1)

    assert b"canary" not in bytes_of(path)


async def test_somebody_reads(path: Path) -> None:
    """It is told where a reader keeps the log from being emptied, and done later."""
    await fill(path)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN").execute("SELECT count(*) FROM contact").fetchall()
    summary = forget_contacts(path, contact=1)
    reader.close()
    again = forget_contacts(path, contact=1)

    assert (summary.is_clean, again.is_clean) == (False, True)
    assert [one for one in CANARIES if one.encode() in bytes_of(path)] == []


async def test_who_is_meant(path: Path) -> None:
    """One contact or a time is to be named, and one that is there."""
    await fill(path)
    with pytest.raises(ConfigurationError):
        forget_contacts(path)
    with pytest.raises(LedgerError, match="no such contact"):
        forget_contacts(path, contact=99)


def test_command(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command forgets a contact, or those of before a day."""
    asyncio.run(fill(path))
    given = [
        ["C-4711-canary", "--keep-hash"],
        ["--before", "0d"],
        ["--before", "yesterday"],
        [],
    ]
    done = [run_here(capsys, "ledger", "forget", path, *words) for words in given]
    told = "".join(one.out + one.err for one in done)

    assert [one.code for one in done] == [0, 0, 2, 2]
    assert "forgotten         1" in done[0].out
    assert "canary" not in told
