"""The contract of the feed of results: in order, each at least once, none left out."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from ledgers import (
    NOW,
    Shelf,
    accept,
    an_end,
    claim,
    contacts,
    end_call,
    intend,
    lose,
    new_contact,
    open_intents,
    settle,
)
from result_feeds import FED_SHELVES, feed_of, forget_position, read_all, said

from digitro_async import Disposition
from digitro_async.ledger import Ledger, State, Step


@pytest.fixture(params=list(FED_SHELVES))
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """Return where the ledger of a test stands."""
    return FED_SHELVES[request.param](tmp_path)


@pytest.fixture
async def ledger(shelf: Shelf) -> AsyncIterator[Ledger]:
    """Open the ledger of a test."""
    async with shelf.ledger() as ledger:
        yield ledger


async def test_outcomes_and_ends(shelf: Shelf, ledger: Ledger) -> None:
    """Every outcome and every end is a result, and what was not placed is none."""
    await open_intents(ledger, 5)
    await accept(ledger, 1, "11")
    await settle(ledger, 2, Step.REJECT, "one", NOW, reason="status_400")
    await lose(ledger, 3)
    await settle(ledger, 4, Step.NOT_PLACED, "one", NOW, reason="throttled")
    heard: dict[str, Any] = {
        "rang_at": NOW + 2,
        "answered_at": NOW + 5,
        "ended_at": NOW + 65,
    }
    await end_call(ledger, 1, an_end(Disposition.ANSWERED, "11", key=1, **heard))
    async with feed_of(shelf) as feed:
        results = await read_all(feed)

    assert said(results) == [
        (1, State.ACCEPTED),
        (2, State.REJECTED),
        (3, State.UNKNOWN),
        (1, Disposition.ANSWERED),
    ]
    accepted, rejected, _, answered = results
    assert accepted.own_id is not None
    assert accepted.own_id.reveal() == "C1"
    assert (accepted.call_id, accepted.pabx) == ("11", "one")
    assert rejected.reason == "status_400"
    assert answered.end is not None
    assert (answered.end.ring_seconds, answered.end.talk_seconds) == (3, 60)
    assert answered.call_id == "11"
    assert len({one.id for one in results}) == 4


async def test_next_after_confirmed(shelf: Shelf, ledger: Ledger) -> None:
    """What was confirmed comes no more, also to the next process; the rest does."""
    await open_intents(ledger, 5)
    for number in range(1, 6):
        await accept(ledger, number, str(number))
    async with feed_of(shelf) as feed:
        first = await feed.read(2) or await feed.read(2)
        assert first is not None
        await feed.confirm(first)
        unconfirmed = await feed.read(2)
    async with feed_of(shelf) as feed:
        rest = await read_all(feed)

    assert unconfirmed is not None
    assert said(list(first.results)) == [(1, State.ACCEPTED), (2, State.ACCEPTED)]
    assert said(rest) == [(number, State.ACCEPTED) for number in (3, 4, 5)]
    assert [one.id for one in unconfirmed.results] == [one.id for one in rest[:2]]


async def test_pages(shelf: Shelf, ledger: Ledger) -> None:
    """Whatever the size of a page, everything comes once."""
    await open_intents(ledger, 7)
    for number in range(1, 8):
        await accept(ledger, number, str(number))
        await end_call(ledger, number, an_end(Disposition.BUSY, str(number)))
    found = []
    for most in (1, 2, 3, 100):
        async with feed_of(shelf) as feed:
            found.append(await read_all(feed, most))
        forget_position(shelf)

    assert len(found[0]) == 14
    ids = [sorted(one.id for one in results) for results in found]
    assert ids == [ids[0]] * 4


async def test_ends_of_one_commit(shelf: Shelf, ledger: Ledger) -> None:
    """Ends that were told together come by pages, with none left out."""
    await open_intents(ledger, 9)
    for number in range(1, 10):
        await accept(ledger, number, str(number))
    for number in (9, 2, 5, 1, 8, 3, 7, 4, 6):
        end = an_end(Disposition.NO_ANSWER, str(number))
        ledger.ends.record(number, end, on_done=lambda *_: None)
    await end_call(ledger, 9, an_end(Disposition.NO_ANSWER, "9"))
    async with feed_of(shelf) as feed:
        results = await read_all(feed, 2)

    ends = [one.contact for one in results if one.end is not None]
    assert sorted(ends) == list(range(1, 10))


async def test_end_told_after_all(shelf: Shelf, ledger: Ledger) -> None:
    """An end that is told after none was seen is another result."""
    await open_intents(ledger, 1)
    await accept(ledger, 1, "1")
    await end_call(ledger, 1, an_end(Disposition.NONE_SEEN))
    async with feed_of(shelf) as feed:
        before = await read_all(feed)
        await end_call(ledger, 1, an_end(Disposition.BUSY))
        after = await read_all(feed)

    assert said(before) == [(1, State.ACCEPTED), (1, Disposition.NONE_SEEN)]
    assert said(after) == [(1, Disposition.BUSY)]
    assert before[1].id != after[0].id


async def test_end_after_a_doubted_one(shelf: Shelf, ledger: Ledger) -> None:
    """An end is handed on though the last one before it was taken back."""
    await open_intents(ledger, 2)
    await accept(ledger, 2, "2")
    await accept(ledger, 1, "1")
    await end_call(ledger, 2, an_end(Disposition.BUSY, "2"))
    async with feed_of(shelf) as feed:
        await read_all(feed)
        await ledger.doubt([2], "one", NOW + 3)
        await end_call(ledger, 1, an_end(Disposition.FAX, "1"))
        results = await read_all(feed)

    assert said(results) == [(2, State.UNKNOWN), (1, Disposition.FAX)]


async def test_reconciled(shelf: Shelf, ledger: Ledger) -> None:
    """What evidence said of an unknown contact is a result with that evidence."""
    await open_intents(ledger, 2)
    await lose(ledger, 1)
    await lose(ledger, 2)
    at = NOW + 100_000
    await ledger.reconcile(1, accepted=True, evidence="she called", now=at)
    await ledger.reconcile(2, accepted=False, evidence="call list", now=at)
    async with feed_of(shelf) as feed:
        results = await read_all(feed)

    assert said(results)[2:] == [(1, State.ACCEPTED), (2, State.PENDING)]
    assert [one.evidence for one in results[2:]] == ["she called", "call list"]


async def test_withdrawn_and_recovered(shelf: Shelf, ledger: Ledger) -> None:
    """A withdrawn contact is a result, and a call whose owner died."""
    await ledger.add(contacts(3))
    await ledger.withdraw(3, reason="withdrawn", now=NOW)
    await claim(ledger, 2)
    await intend(ledger, 1, "one", NOW)
    await shelf.lose_owner(ledger)
    async with shelf.ledger() as again:
        assert again.recovered == 1
        async with feed_of(shelf) as feed:
            results = await read_all(feed)

    assert said(results) == [(3, State.SKIPPED), (1, State.UNKNOWN)]
    assert results[0].reason == "withdrawn"


async def test_one_at_a_time(shelf: Shelf, ledger: Ledger) -> None:
    """A second process finds nothing until the first one is gone."""
    await open_intents(ledger, 1)
    await accept(ledger, 1, "1")
    async with feed_of(shelf) as second:
        async with feed_of(shelf) as first:
            page = await first.read(10) or await first.read(10)
            assert page is not None
            assert await second.read(10) is None
            assert second.is_elsewhere
        results = await read_all(second)

    assert [one.id for one in results] == [one.id for one in page.results]


async def test_signs_that_a_database_holds_none_of(
    shelf: Shelf, ledger: Ledger
) -> None:
    """Ids and words come as they were given, whatever a database makes of them."""
    odd = "a\x00b\ue000c"
    await ledger.add([new_contact(1, id=odd)])
    await claim(ledger, 1)
    await intend(ledger, 1, "one", NOW)
    await accept(ledger, 1, odd)
    await end_call(ledger, 1, an_end(Disposition.BUSY, odd, key=1, word=odd))
    async with feed_of(shelf) as feed:
        accepted, ended = await read_all(feed)

    assert accepted.own_id is not None
    assert accepted.own_id.reveal() == accepted.call_id == odd
    assert ended.own_id == accepted.own_id
    assert ended.end is not None
    assert ended.end.call_id == ended.end.word == odd
