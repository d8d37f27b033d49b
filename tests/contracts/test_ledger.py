"""The contract of a ledger about contacts, claims and opening."""
# ruff: noqa: PT012 - errors come anywhere in a block

import inspect
import re
from typing import Any

import pytest
from ledgers import (
    LEASE,
    NOW,
    OWNER,
    Shelf,
    accept,
    claim,
    contacts,
    end_call,
    entry_of,
    intend,
    invalidate,
    new_contact,
    open_intents,
    release,
    seen_call,
    settle,
    shown_by,
    some,
    states,
)

from digitro_async import (
    CallEnd,
    ClaimLostError,
    Disposition,
    EndEvidence,
    IllegalTransitionError,
    LedgerError,
    LedgerInUseError,
    RateLimit,
)
from digitro_async.ledger import AddResult, CallEnds, Ledger, State, Step
from digitro_async.ledger._single_run import SingleRun
from digitro_async.privacy import Personal

EVIDENCE = "call list of the 3rd"
END = CallEnd(
    pabx="one", disposition=Disposition.BUSY, evidence=EndEvidence.CALL_ID, call_id="1"
)
CANARIES = ["04832817000", "C-4711-canary", "secret-4567", "Fulano de Tal"]


class TestAdd:
    """Contacts are put in once."""

    async def test_order_and_lines(self, ledger: Ledger) -> None:
        """New contacts get numbers in the order in which they are put in."""
        added = await ledger.add(contacts(3))

        assert added == [AddResult(True, 1), AddResult(True, 2), AddResult(True, 3)]
        assert [entry.line async for entry in ledger.entries()] == [1, 2, 3]
        assert [entry.number async for entry in ledger.entries()] == [1, 2, 3]

    async def test_twice(self, ledger: Ledger) -> None:
        """A contact that is there is not put in again; its first line is told."""
        await ledger.add(contacts(2))
        same = new_contact(2).destination
        again = await ledger.add(
            [new_contact(9, id="C2", destination=same), new_contact(3)]
        )

        assert again == [AddResult(False, 2), AddResult(True, 3)]
        assert some(await ledger.counts()) == {State.PENDING: 3}

    async def test_twice_at_once(self, ledger: Ledger) -> None:
        """Of two in one page that are the same contact the first is put in."""
        added = await ledger.add([new_contact(5), new_contact(6, id="C5")])

        assert added == [AddResult(True, 5), AddResult(False, 5)]

    async def test_identity_and_not_number(self, ledger: Ledger) -> None:
        """A contact is known by its identity: one number may be there twice."""
        same = Personal("04832817000")
        added = await ledger.add(
            [new_contact(1, destination=same), new_contact(2, destination=same)]
        )

        assert [one.new for one in added] == [True, True]

    async def test_what_comes_back(self, ledger: Ledger) -> None:
        """A claimed contact has all that it was put in with."""
        given = new_contact(
            1,
            pabx="matriz",
            fields={"user_data": "Açaí; Fulano\nß 漢 😀", "device_password": "x\x00y"},
        )
        await ledger.add([given])
        (contact,) = await claim(ledger, 10)

        assert contact.destination == given.destination
        assert contact.pabx == "matriz"
        assert contact.fields == given.fields
        assert contact.attempts == 0

    async def test_nothing(self, ledger: Ledger) -> None:
        """An empty page puts nothing in."""
        assert list(await ledger.add([])) == []

    async def test_a_final_contact_is_not_put_in_again(self, ledger: Ledger) -> None:
        """A contact that was called is known, however it ended."""
        (number,) = await open_intents(ledger, 1)
        await accept(ledger, number, "1")

        assert await ledger.add(contacts(1)) == [AddResult(False, 1)]
        assert list(await claim(ledger, 10)) == []


class TestClaim:
    """Contacts are claimed in order, by one."""

    async def test_order_and_limit(self, ledger: Ledger) -> None:
        """As many are claimed as asked for, in the order of import."""
        await ledger.add(contacts(5))

        assert [one.number for one in await claim(ledger, 2)] == [1, 2]
        assert [one.number for one in await claim(ledger, 9)] == [3, 4, 5]
        assert list(await claim(ledger, 9)) == []
        assert some(await ledger.counts()) == {State.CLAIMED: 5}

    async def test_after(self, ledger: Ledger) -> None:
        """Only contacts behind the given one are claimed."""
        await ledger.add(contacts(4))

        assert [one.number for one in await claim(ledger, 9, after=2)] == [3, 4]

    async def test_max_attempts(self, ledger: Ledger) -> None:
        """A contact that had ``max_attempts`` is left, and out of attempts."""
        await ledger.add(contacts(2))
        for _ in range(2):
            (one,) = await claim(ledger, 1)
            await intend(ledger, one.number, "one", NOW)
            await settle(
                ledger, one.number, Step.NOT_PLACED, "one", NOW, reason="connect"
            )
            await release(ledger, [one.number])

        assert [one.number for one in await claim(ledger, 9, max_attempts=2)] == [2]
        assert await ledger.count_exhausted(2) == 1
        assert await ledger.count_exhausted(3) == 0
        assert [one.attempts for one in await claim(ledger, 9)] == [2]

    async def test_release(self, ledger: Ledger) -> None:
        """Those of the given contacts that are claimed become pending again."""
        numbers = await open_intents(ledger, 1)
        await ledger.add([new_contact(7), new_contact(8)])
        await claim(ledger, 1)
        await release(ledger, [*numbers, 2, 3, 999])

        assert await states(ledger) == {
            1: State.INTENT,
            2: State.PENDING,
            3: State.PENDING,
        }

    async def test_release_all(self, ledger: Ledger) -> None:
        """All that is claimed is given back, and nothing else."""
        (first, second, *_) = await open_intents(ledger, 2)
        await accept(ledger, first, "1")
        await ledger.add([new_contact(number) for number in range(3, 9)])
        await claim(ledger, 4)
        await release(ledger)

        assert some(await ledger.counts()) == {
            State.ACCEPTED: 1,
            State.INTENT: 1,
            State.PENDING: 6,
        }
        assert second == 2

    async def test_invalidate(self, ledger: Ledger) -> None:
        """A claimed contact that can't be called is invalid for good."""
        await ledger.add(contacts(1))
        (one,) = await claim(ledger, 1)
        await invalidate(ledger, one.number, "invalid_field")
        entry = await entry_of(ledger, 1)

        assert (entry.state, entry.reason) == (State.INVALID, "invalid_field")
        assert entry.settled_at is not None
        with pytest.raises(ClaimLostError):
            await intend(ledger, 1, "one", NOW)

    async def test_invalidate_what_is_not_claimed(self, ledger: Ledger) -> None:
        """Only what is claimed can become invalid."""
        await ledger.add(contacts(1))
        for number in (1, 2):
            with pytest.raises(IllegalTransitionError) as caught:
                await invalidate(ledger, number, "x")

            assert caught.value.reason in ("not_claimed", "no_such_contact")
        assert some(await ledger.counts()) == {State.PENDING: 1}


class TestOpening:
    """One owner, while it is open."""

    @pytest.mark.parametrize("shelf", ["memory", "sqlite"], indirect=True)
    async def test_two_owners(self, shelf: Shelf, ledger: Ledger) -> None:
        """A ledger that is open is not opened again."""
        with pytest.raises(LedgerInUseError) as caught:
            await shelf.ledger().__aenter__()

        assert caught.value.reason == "in_use"
        # It names the ledger and the way out.
        assert re.match(
            r"(ledger0\.db|the ledger in memory) is open already.*: (let|share) ",
            str(caught.value),
        )
        assert some(await ledger.counts()) == {}

    async def test_not_open(self, shelf: Shelf) -> None:
        """Nothing can be done with a ledger before it is entered and after."""
        ledger = shelf.ledger()
        for _ in range(2):
            for act in acts(ledger):
                with pytest.raises(LedgerError) as caught:
                    await act()

                assert caught.value.reason == "closed"
            async with shelf.ledger() as once:
                await once.add(contacts(1))

    async def test_a_failed_block_closes_it(self, shelf: Shelf) -> None:
        """A ledger is closed however its block ends."""
        with pytest.raises(ZeroDivisionError):
            async with shelf.ledger() as ledger:
                await ledger.add(contacts(1))
                raise ZeroDivisionError
        async with shelf.ledger() as again:
            assert some(await again.counts()) == {State.PENDING: 1}


def acts(ledger: Ledger) -> list[Any]:
    """Return all that can be done with a ledger, to be done later."""

    async def entries() -> None:
        async for _ in ledger.entries():
            pass

    async def intending() -> None:
        await ledger.intend(1, OWNER, "one", NOW)

    return [
        lambda: ledger.add(contacts(1)),
        lambda: ledger.begin_import(now=NOW),
        lambda: ledger.end_import(1, now=NOW),
        ledger.imports,
        lambda: ledger.begin_run(OWNER, SingleRun()),
        lambda: ledger.claim(1, OWNER, LEASE),
        lambda: ledger.renew(OWNER, LEASE),
        lambda: ledger.release(OWNER, [1]),
        lambda: ledger.recover(OWNER),
        lambda: ledger.invalidate(1, OWNER, "x"),
        intending,
        lambda: accept(ledger, 1, "1"),
        lambda: ledger.withdraw("#1", reason="x", now=NOW),
        lambda: ledger.reconcile("#1", accepted=True, evidence="x", now=NOW),
        ledger.counts,
        lambda: ledger.count_exhausted(1),
        entries,
        lambda: ledger.occupied_slots(limit=RateLimit(1), quarantine=0, now=NOW),
        lambda: ledger.set_setting("a", "b"),
        lambda: ledger.get_setting("a"),
        lambda: ledger.doubt([1], "one", 1.0),
        lambda: ledger.ends.expect(OWNER, {"one": 1.0}),
        lambda: end_call(ledger, 1, END),
        ledger.ends.awaited,
        lambda: ledger.ends.settle_seen(1, seen_call(), now=NOW),
        ledger.ends.counts,
    ]


def test_all_acts_are_tried() -> None:
    """The list of all that can be done names every method of the port."""
    source = inspect.getsource(acts)
    methods = {name for name in vars(Ledger) if not name.startswith("_")}
    of_ends = {name for name in vars(CallEnds) if not name.startswith("_")}

    assert {name for name in methods if f"ledger.{name}" not in source} == {
        "recovered",
        "end_run",  # which never fails
        "on_loss",  # nor does this
        "settle",  # which ``accept`` calls
    }
    assert {name for name in of_ends if f"ledger.ends.{name}" not in source} == {
        "record",  # which ``end_call`` calls
    }


async def test_nothing_private_is_shown(ledger: Ledger) -> None:
    """No value and no error shows a number, an id or a field of a call."""
    given = new_contact(
        1,
        id=CANARIES[1],
        destination=Personal(CANARIES[0]),
        fields={"device_password": CANARIES[2], "user_data": CANARIES[3]},
    )
    await ledger.add([given])
    shown = [repr(given), str(given), repr(ledger)]
    shown += [repr(one) for one in await claim(ledger, 1)]
    shown += [repr(entry) async for entry in ledger.entries()]
    try:
        await ledger.reconcile("#1", accepted=True, evidence="x", now=NOW)
    except LedgerError as error:
        shown.append(shown_by(error))
    try:
        await intend(ledger, 1, "one", NOW)
        await intend(ledger, 1, "one", NOW)
    except LedgerError as error:
        shown.append(shown_by(error))

    assert len(shown) == 7
    assert [one for one in CANARIES if any(one in text for text in shown)] == []
