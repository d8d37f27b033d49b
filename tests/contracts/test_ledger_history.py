"""The contract of what a ledger's reader tells of the past."""

import pytest
from ledgers import (
    NOW,
    OWNER,
    MemoryShelf,
    Shelf,
    accept,
    an_end,
    contacts,
    end_call,
    invalidate,
    lose,
    open_intents,
    settle,
)

from digitro_async import Disposition
from digitro_async.ledger import Ledger, LedgerReader, State, Step

CALLS = {Step.INTEND, Step.ACCEPT, Step.REJECT, Step.MARK_UNKNOWN, Step.NOT_PLACED}


def steps_of(reader: LedgerReader, after: int = 0) -> list[tuple[object, ...]]:
    """Return the steps of calls, without their sequence numbers."""
    return [one[1:] for one in reader.steps(after) if one.step in CALLS]


async def test_steps_of_calls(shelf: Shelf, ledger: Ledger) -> None:
    """A reader tells every intent and what came of it, in order, with its reason."""
    accepted, lost, refused = await open_intents(ledger, 3)
    await accept(ledger, accepted, "7")
    await lose(ledger, lost)
    await settle(ledger, refused, Step.NOT_PLACED, "one", NOW + 2, reason="connect")
    with shelf.reader() as reader:
        told = steps_of(reader)
        numbers = [one.sequence for one in reader.steps()]

    assert sorted(told[:3], key=str) == [
        (number, Step.INTEND, NOW, "one", None) for number in (1, 2, 3)
    ]
    assert told[3:] == [
        (accepted, Step.ACCEPT, NOW + 1, "one", None),
        (lost, Step.MARK_UNKNOWN, NOW + 1, "one", "timeout"),
        (refused, Step.NOT_PLACED, NOW + 2, "one", "connect"),
    ]
    assert numbers == sorted(set(numbers))


async def test_later_steps(shelf: Shelf, ledger: Ledger) -> None:
    """A reader that knows the last step is told only of those that came after it."""
    first, second = await open_intents(ledger, 2)
    await accept(ledger, first, "7")
    with shelf.reader() as reader:
        *_, last = reader.steps()
        assert steps_of(reader, last.sequence) == []

        await lose(ledger, second)

        told = steps_of(reader, last.sequence)
    assert [one[:2] for one in told] == [(second, Step.MARK_UNKNOWN)]


async def test_evidence_is_not_told(shelf: Shelf, ledger: Ledger) -> None:
    """The evidence of a reconciliation, which people write, is in no step."""
    (number,) = await open_intents(ledger, 1)
    await lose(ledger, number)
    await ledger.reconcile(
        number, accepted=True, evidence="canary of Maria", now=NOW + 9_999
    )
    with shelf.reader() as reader:
        told = [*reader.steps()]

    assert told
    assert "canary" not in repr(told)


async def test_ends_of_calls(shelf: Shelf, ledger: Ledger) -> None:
    """A reader tells the end of each call, with the time when the call began."""
    first, second, _ = await open_intents(ledger, 3)
    await ledger.ends.expect(OWNER, {"one": 60.0})
    for number in (first, second):
        await accept(ledger, number, str(number))
    answered = an_end(
        Disposition.ANSWERED,
        str(first),
        rang_at=NOW + 2,
        answered_at=NOW + 9,
        ended_at=NOW + 30,
    )
    await end_call(ledger, first, answered)
    await end_call(ledger, second, an_end(Disposition.BUSY, str(second)))
    with shelf.reader() as reader:
        told = sorted(one[:7] for one in reader.ends())

    assert told == [
        (first, "one", NOW, Disposition.ANSWERED, NOW + 2, NOW + 9, NOW + 30),
        (second, "one", NOW, Disposition.BUSY, None, None, None),
    ]


async def test_contacts_of_a_kind(shelf: Shelf, ledger: Ledger) -> None:
    """A reader lists the first contacts of some states, with the number to dial."""
    await ledger.add(contacts(6))
    claimed = await ledger.claim(4, OWNER, 60.0)
    for one in claimed:
        await invalidate(ledger, one.number, "invalid_field")
    with shelf.reader() as reader:
        listed = reader.list_contacts([State.INVALID, State.UNKNOWN], 3)
        others = reader.list_contacts([State.UNKNOWN], 3)

    assert [one.number for one in listed] == [1, 2, 3]
    assert {one.state for one in listed} == {State.INVALID}
    assert {one.reason for one in listed} == {"invalid_field"}
    assert listed[0].destination is not None
    assert listed[0].destination.reveal() == "04832810001"
    assert "0483281" not in repr(listed)
    assert list(others) == []


async def test_an_empty_ledger(shelf: Shelf, ledger: Ledger) -> None:
    """A ledger without a contact has no past."""
    await ledger.add([])
    with shelf.reader() as reader:
        assert [*reader.steps()] == []
        assert [*reader.ends()] == []
        assert [*reader.list_contacts(list(State), 9)] == []


async def test_later_ends(shelf: Shelf, ledger: Ledger) -> None:
    """A reader that knows the last end is told of those alone that came after it."""
    if isinstance(shelf, MemoryShelf):
        pytest.skip("a ledger in memory tells the end of each last call")
    await open_intents(ledger, 3)
    for number in (1, 2, 3):
        await accept(ledger, number, str(number))
    await end_call(ledger, 2, an_end(Disposition.NONE_SEEN, "2"))
    await end_call(ledger, 1, an_end(Disposition.BUSY, "1"))
    with shelf.reader() as reader:
        seen = [*reader.ends()]
        place = seen[-1].told, seen[-1].intent
        assert [*reader.ends(place)] == []
        counted = reader.count_told(place[0])

        await end_call(ledger, 2, an_end(Disposition.FAX, "2"))
        await end_call(ledger, 3, an_end(Disposition.BUSY, "3"))

        later = [*reader.ends(place)]
        fence = reader.fence()
        counts = reader.count_told(place[0]), reader.count_told(fence.told)

    assert [one.contact for one in seen] == [2, 1]
    assert [one.contact for one in later] == [2, 3]
    assert counted == 2
    assert counts == (1, 3)
    assert fence.told == later[-1].told
