"""The contract of a ledger, held against every kind of it."""
# ruff: noqa: PT012 - errors come anywhere in a block

import asyncio
import inspect
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from ledgers import (
    NOW,
    SHELVES,
    Shelf,
    accept,
    contacts,
    entry_of,
    lose,
    new_contact,
    open_intents,
    shown_by,
    some,
    states,
)

from digitro_async import (
    ClaimLostError,
    IllegalTransitionError,
    LedgerError,
    LedgerInUseError,
)
from digitro_async.ledger import AddResult, Ledger, Reconciliation, State, Step
from digitro_async.ledger._reconciliation import QUARANTINE
from digitro_async.privacy import Personal

EVIDENCE = "call list of the 3rd"
CANARIES = ["04832817000", "C-4711-canary", "secret-4567", "Fulano de Tal"]


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """Return where the ledger of this test stands."""
    return SHELVES[request.param](tmp_path)


@pytest_asyncio.fixture
async def ledger(shelf: Shelf) -> AsyncIterator[Ledger]:
    """Yield an open ledger."""
    async with shelf.ledger() as ledger:
        yield ledger


async def reopened(shelf: Shelf, ledger: Ledger) -> Ledger:
    """Kill the owner of a ledger and return the ledger, open again."""
    await shelf.lose_owner(ledger)
    again = shelf.ledger()
    await again.__aenter__()
    return again


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
        again = await ledger.add([new_contact(9, id="C2"), new_contact(3)])

        assert again == [AddResult(False, 2), AddResult(True, 3)]
        assert some(await ledger.counts()) == {State.PENDING: 3}

    async def test_twice_at_once(self, ledger: Ledger) -> None:
        """Of two in one page that are the same contact the first is put in."""
        added = await ledger.add([new_contact(5), new_contact(6, id="C5")])

        assert added == [AddResult(True, 5), AddResult(False, 5)]

    async def test_identity_and_not_number(self, ledger: Ledger) -> None:
        """What makes a contact is its identity: one number may be there twice."""
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
        (contact,) = await ledger.claim(10)

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
        assert list(await ledger.claim(10)) == []


class TestClaim:
    """Contacts are claimed in order, by one."""

    async def test_order_and_limit(self, ledger: Ledger) -> None:
        """As many are claimed as asked for, in the order of import."""
        await ledger.add(contacts(5))

        assert [one.number for one in await ledger.claim(2)] == [1, 2]
        assert [one.number for one in await ledger.claim(9)] == [3, 4, 5]
        assert list(await ledger.claim(9)) == []
        assert some(await ledger.counts()) == {State.CLAIMED: 5}

    async def test_after(self, ledger: Ledger) -> None:
        """Only contacts behind the given one are claimed."""
        await ledger.add(contacts(4))

        assert [one.number for one in await ledger.claim(9, after=2)] == [3, 4]

    async def test_max_attempts(self, ledger: Ledger) -> None:
        """A contact that had so many attempts is left, and counted as given up."""
        await ledger.add(contacts(2))
        for _ in range(2):
            (one,) = await ledger.claim(1)
            await ledger.intend(one.number, "one", NOW)
            await ledger.settle(
                one.number, Step.NOT_PLACED, "one", NOW, reason="connect"
            )
            await ledger.release([one.number])

        assert [one.number for one in await ledger.claim(9, max_attempts=2)] == [2]
        assert await ledger.count_exhausted(2) == 1
        assert await ledger.count_exhausted(3) == 0
        assert [one.attempts for one in await ledger.claim(9)] == [2]

    async def test_release(self, ledger: Ledger) -> None:
        """What is claimed of the given contacts is pending again."""
        numbers = await open_intents(ledger, 1)
        await ledger.add([new_contact(7), new_contact(8)])
        await ledger.claim(1)
        await ledger.release([*numbers, 2, 3, 999])

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
        await ledger.claim(4)
        await ledger.release()

        assert some(await ledger.counts()) == {
            State.ACCEPTED: 1,
            State.INTENT: 1,
            State.PENDING: 6,
        }
        assert second == 2

    async def test_invalidate(self, ledger: Ledger) -> None:
        """A claimed contact that can't be called is invalid for good."""
        await ledger.add(contacts(1))
        (one,) = await ledger.claim(1)
        await ledger.invalidate(one.number, "invalid_field")
        entry = await entry_of(ledger, 1)

        assert (entry.state, entry.reason) == (State.INVALID, "invalid_field")
        assert entry.settled_at is not None
        with pytest.raises(ClaimLostError):
            await ledger.intend(1, "one", NOW)

    async def test_invalidate_what_is_not_claimed(self, ledger: Ledger) -> None:
        """Only what is claimed can become invalid."""
        await ledger.add(contacts(1))
        for number in (1, 2):
            with pytest.raises(IllegalTransitionError) as caught:
                await ledger.invalidate(number, "x")

            assert caught.value.reason in ("not_claimed", "no_such_contact")
        assert some(await ledger.counts()) == {State.PENDING: 1}


class TestIntend:
    """An intent is opened once."""

    async def test_entry(self, ledger: Ledger) -> None:
        """An intent counts an attempt and notes when and where it goes."""
        await open_intents(ledger, 1)
        entry = await entry_of(ledger, 1)

        assert (entry.state, entry.attempts) == (State.INTENT, 1)
        assert (entry.pabx, entry.sent_at, entry.settled_at) == ("one", NOW, None)

    async def test_pending(self, ledger: Ledger) -> None:
        """Nobody is called who was not claimed."""
        await ledger.add(contacts(1))
        with pytest.raises(ClaimLostError):
            await ledger.intend(1, "one", NOW)

        assert some(await ledger.counts()) == {State.PENDING: 1}

    async def test_nobody(self, ledger: Ledger) -> None:
        """Nobody is called whom the ledger does not know."""
        with pytest.raises(ClaimLostError):
            await ledger.intend(4711, "one", NOW)

    async def test_twice(self, ledger: Ledger) -> None:
        """A second intent of a contact fails, however soon it comes."""
        await ledger.add(contacts(1))
        await ledger.claim(1)
        first, *others = await asyncio.gather(
            *(ledger.intend(1, "one", NOW) for _ in range(5)), return_exceptions=True
        )

        assert first is None
        assert [type(error) for error in others] == [ClaimLostError] * 4
        assert (await entry_of(ledger, 1)).attempts == 1

    async def test_bad_ones_among_good_ones(self, ledger: Ledger) -> None:
        """One that fails does not keep others of the same commit from succeeding."""
        await ledger.add(contacts(200))
        await ledger.claim(150)
        results = await asyncio.gather(
            *(ledger.intend(number, "one", NOW) for number in range(1, 201)),
            return_exceptions=True,
        )

        assert [result is None for result in results] == [True] * 150 + [False] * 50
        assert some(await ledger.counts()) == {State.INTENT: 150, State.PENDING: 50}

    @pytest.mark.parametrize("step", [Step.ACCEPT, Step.REJECT, Step.MARK_UNKNOWN])
    async def test_after_the_call(self, ledger: Ledger, step: Step) -> None:
        """No intent is opened after an acceptance, a rejection or an unknown."""
        (number,) = await open_intents(ledger, 1)
        await ledger.settle(number, step, "one", NOW, call_id="1")
        await ledger.release([number])

        assert list(await ledger.claim(9)) == []
        with pytest.raises(ClaimLostError):
            await ledger.intend(number, "one", NOW)

    async def test_once_more_after_a_return(self, ledger: Ledger) -> None:
        """What was provably not placed may be tried again at once, and is counted."""
        (number,) = await open_intents(ledger, 1)
        await ledger.settle(number, Step.NOT_PLACED, "one", NOW, reason="connect")
        await ledger.intend(number, "two", NOW + 5)
        entry = await entry_of(ledger, number)

        assert (entry.attempts, entry.pabx, entry.sent_at) == (2, "two", NOW + 5)
        assert entry.reason is None


class TestSettle:
    """What a call came to is recorded once."""

    @pytest.mark.parametrize(
        ("step", "state"),
        [
            (Step.ACCEPT, State.ACCEPTED),
            (Step.REJECT, State.REJECTED),
            (Step.MARK_UNKNOWN, State.UNKNOWN),
            (Step.NOT_PLACED, State.CLAIMED),
        ],
    )
    async def test_states(self, ledger: Ledger, step: Step, state: State) -> None:
        """Each outcome leads where the table says, with its reason and time."""
        (number,) = await open_intents(ledger, 1)
        call_id = "7" if step is Step.ACCEPT else None
        settled = await ledger.settle(
            number, step, "one", NOW + 3, call_id=call_id, reason="because"
        )
        entry = await entry_of(ledger, number)

        assert settled is state
        assert (entry.state, entry.reason, entry.call_id) == (state, "because", call_id)
        assert entry.settled_at == NOW + 3

    async def test_without_intent(self, ledger: Ledger) -> None:
        """Nothing is settled that has no open intent."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        for nothing in (number, 99):
            with pytest.raises(IllegalTransitionError):
                await accept(ledger, nothing, "1")

        assert some(await ledger.counts()) == {State.UNKNOWN: 1}

    async def test_a_step_that_is_no_outcome(self, ledger: Ledger) -> None:
        """A step that no call ends in is refused."""
        (number,) = await open_intents(ledger, 1)
        with pytest.raises(IllegalTransitionError):
            await ledger.settle(number, Step.CLAIM, "one", NOW)

        assert some(await ledger.counts()) == {State.INTENT: 1}

    async def test_repeated_call_id(self, ledger: Ledger) -> None:
        """A call id that the PABX gave before makes an acceptance unknown."""
        first, second, third = await open_intents(ledger, 3)

        assert await accept(ledger, first, "same") is State.ACCEPTED
        assert await accept(ledger, second, "same") is State.UNKNOWN
        assert await accept(ledger, third, "other") is State.ACCEPTED
        entry = await entry_of(ledger, second)
        assert (entry.reason, entry.call_id) == ("repeated_call_id", None)

    async def test_repeated_call_id_at_once(self, ledger: Ledger) -> None:
        """Of several acceptances with one call id in one commit one counts."""
        numbers = await open_intents(ledger, 150)
        ids = ["same" if number % 50 == 0 else str(number) for number in numbers]
        settled = await asyncio.gather(*map(accept, [ledger] * 150, numbers, ids))

        assert settled.count(State.UNKNOWN) == 2
        assert some(await ledger.counts()) == {State.ACCEPTED: 148, State.UNKNOWN: 2}

    async def test_repeated_call_id_after_a_restart(
        self, shelf: Shelf, ledger: Ledger
    ) -> None:
        """Call ids are known after a restart too."""
        first, second = await open_intents(ledger, 2)
        await accept(ledger, first, "same")
        await ledger.settle(second, Step.NOT_PLACED, "one", NOW)
        again = await reopened(shelf, ledger)
        await again.claim(9)
        await again.intend(second, "one", NOW)

        assert await accept(again, second, "same") is State.UNKNOWN
        await again.__aexit__(None, None, None)

    async def test_call_ids_of_another_pabx(self, ledger: Ledger) -> None:
        """Two PABX may give the same call id."""
        await ledger.add(contacts(2))
        for one in await ledger.claim(2):
            await ledger.intend(one.number, f"p{one.number}", NOW)

        assert await accept(ledger, 1, "same", pabx="p1") is State.ACCEPTED
        assert await accept(ledger, 2, "same", pabx="p2") is State.ACCEPTED

    @pytest.mark.parametrize("odd", ["a\x00b", "\udc81", "a\nb\x1b[31m", "漢 ü/:7"])
    async def test_odd_call_ids(self, ledger: Ledger, odd: str) -> None:
        """A call id is kept as it is; half a surrogate pair, no text, as an escape."""
        first, second = await open_intents(ledger, 2)
        await accept(ledger, first, odd)
        entry = await entry_of(ledger, first)

        assert entry.call_id == odd.replace("\udc81", "\\udc81")
        assert await accept(ledger, second, odd) is State.UNKNOWN


class TestCrash:
    """What is open when its owner is gone."""

    async def test_states(self, shelf: Shelf, ledger: Ledger) -> None:
        """Claims return to pending; open intents are unknown and never pending."""
        numbers = await open_intents(ledger, 4)
        await accept(ledger, numbers[0], "1")
        await ledger.settle(numbers[1], Step.NOT_PLACED, "one", NOW)
        await ledger.add([new_contact(5), new_contact(6)])
        await ledger.claim(1)
        again = await reopened(shelf, ledger)

        assert again.recovered == 2
        assert await states(again) == {
            1: State.ACCEPTED,
            2: State.PENDING,
            3: State.UNKNOWN,
            4: State.UNKNOWN,
            5: State.PENDING,
            6: State.PENDING,
        }
        entry = await entry_of(again, 3)
        assert (entry.reason, entry.attempts) == ("owner_gone", 1)
        assert entry.settled_at is not None
        await again.__aexit__(None, None, None)

    async def test_late_outcome(self, shelf: Shelf, ledger: Ledger) -> None:
        """An outcome that comes after the recovery changes nothing."""
        (number,) = await open_intents(ledger, 1)
        again = await reopened(shelf, ledger)
        with pytest.raises(IllegalTransitionError):
            await accept(again, number, "1")

        assert some(await again.counts()) == {State.UNKNOWN: 1}
        await again.__aexit__(None, None, None)

    async def test_nothing_to_recover(self, shelf: Shelf, ledger: Ledger) -> None:
        """Nothing is recovered where nothing was open."""
        (number,) = await open_intents(ledger, 1)
        await accept(ledger, number, "1")
        again = await reopened(shelf, ledger)

        assert (ledger.recovered, again.recovered) == (0, 0)
        await again.__aexit__(None, None, None)

    async def test_settings_stay(self, shelf: Shelf, ledger: Ledger) -> None:
        """Settings outlive their owner."""
        await ledger.set_setting("a", "1")
        await ledger.set_setting("a", "2")
        again = await reopened(shelf, ledger)

        assert await again.get_setting("a") == "2"
        assert await again.get_setting("b") is None
        await again.__aexit__(None, None, None)

    async def test_identities_stay(self, shelf: Shelf, ledger: Ledger) -> None:
        """A contact is known again after a restart."""
        await ledger.set_setting("key", "another")
        await ledger.add(contacts(3))
        again = await reopened(shelf, ledger)

        assert [one.new for one in await again.add(contacts(3))] == [False] * 3
        await again.__aexit__(None, None, None)


class TestReconcile:
    """Evidence settles what is unknown."""

    async def test_accepted(self, ledger: Ledger) -> None:
        """A contact that was called is accepted for good."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        reconciled = await ledger.reconcile(
            "C1", accepted=True, evidence=EVIDENCE, now=NOW + 9
        )
        entry = await entry_of(ledger, number)

        assert reconciled == Reconciliation(number, State.ACCEPTED)
        assert (entry.state, entry.reason) == (State.ACCEPTED, "reconciled")
        assert (entry.settled_at, entry.attempts) == (NOW + 9, 1)

    async def test_not_placed(self, ledger: Ledger) -> None:
        """A contact that was not called may be called, with all its attempts."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        reconciled = await ledger.reconcile(
            f"#{number}", accepted=False, evidence=EVIDENCE, now=NOW + 9
        )

        assert reconciled == Reconciliation(number, State.PENDING)
        assert [one.attempts for one in await ledger.claim(9, max_attempts=1)] == [0]

    async def test_twice(self, ledger: Ledger) -> None:
        """What is settled is not settled again."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        await ledger.reconcile("C1", accepted=True, evidence=EVIDENCE, now=NOW + 9)
        for accepted in (True, False):
            with pytest.raises(IllegalTransitionError):
                await ledger.reconcile(
                    "C1", accepted=accepted, evidence=EVIDENCE, now=NOW + 9
                )

        assert some(await ledger.counts()) == {State.ACCEPTED: 1}

    @pytest.mark.parametrize("state", ["pending", "claimed", "intent", "accepted"])
    async def test_what_is_not_unknown(self, ledger: Ledger, state: str) -> None:
        """Only an unknown contact can be reconciled."""
        await ledger.add(contacts(1))
        if state != "pending":
            await ledger.claim(1)
        if state in ("intent", "accepted"):
            await ledger.intend(1, "one", NOW)
        if state == "accepted":
            await accept(ledger, 1, "1")
        with pytest.raises(IllegalTransitionError):
            await ledger.reconcile("C1", accepted=False, evidence=EVIDENCE, now=NOW + 9)

        assert await states(ledger) == {1: State(state)}

    @pytest.mark.parametrize("evidence", ["", "  \n", "x" * 1001])
    async def test_without_evidence(self, ledger: Ledger, evidence: str) -> None:
        """Nothing is settled without saying how it is known."""
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        with pytest.raises(LedgerError) as caught:
            await ledger.reconcile("C1", accepted=True, evidence=evidence, now=NOW + 9)

        assert caught.value.reason == "no_evidence"
        assert some(await ledger.counts()) == {State.UNKNOWN: 1}

    @pytest.mark.parametrize("name", ["C2", "#2", "#", "#x", "#²", "#" + "9" * 30, ""])
    async def test_no_such_contact(self, ledger: Ledger, name: str) -> None:
        """A name that nobody has is refused, and not repeated."""
        await open_intents(ledger, 1)
        with pytest.raises(LedgerError) as caught:
            await ledger.reconcile(name, accepted=True, evidence=EVIDENCE, now=NOW)

        assert caught.value.reason == "no_such_contact"

    async def test_ambiguous_id(self, ledger: Ledger) -> None:
        """An id that two contacts have is refused; their numbers are not."""
        same = [
            new_contact(line, id="S", identity=Personal(f"{line} x")) for line in (1, 2)
        ]
        await ledger.add(same)
        for one in await ledger.claim(2):
            await ledger.intend(one.number, "one", NOW)
            await lose(ledger, one.number)
        with pytest.raises(LedgerError) as caught:
            await ledger.reconcile("S", accepted=True, evidence=EVIDENCE, now=NOW + 9)
        await ledger.reconcile("#2", accepted=True, evidence=EVIDENCE, now=NOW + 9)

        assert caught.value.reason == "ambiguous_contact"
        assert await states(ledger) == {1: State.UNKNOWN, 2: State.ACCEPTED}

    async def test_quarantine(self, ledger: Ledger) -> None:
        """Nothing is settled while the call may still be delivered."""
        await ledger.set_setting(QUARANTINE, "120")
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        with pytest.raises(LedgerError, match="for 20 s") as caught:
            await ledger.reconcile(
                "C1", accepted=True, evidence=EVIDENCE, now=NOW + 100
            )
        await ledger.reconcile("C1", accepted=False, evidence=EVIDENCE, now=NOW + 120)

        assert caught.value.reason == "quarantine"
        assert await states(ledger) == {number: State.PENDING}

    async def test_quarantine_when_the_clock_was_set_back(self, ledger: Ledger) -> None:
        """A clock that was set back only makes the quarantine longer."""
        await ledger.set_setting(QUARANTINE, "120")
        (number,) = await open_intents(ledger, 1)
        await lose(ledger, number)
        with pytest.raises(LedgerError, match="too early"):
            await ledger.reconcile(
                "C1", accepted=False, evidence=EVIDENCE, now=NOW - 3600
            )


async def cooling(
    ledger: Ledger,
    *,
    calls: int = 9,
    now: float = NOW,
    elsewhere: Collection[str] = (),
) -> list[float]:
    """Return until when slots of a cap with a window of 10 s are taken."""
    held = await ledger.held_slots(
        calls=calls, window=10, quarantine=0, now=now, elsewhere=elsewhere
    )

    assert held.lost == []
    return held.cooling


class TestHeldSlots:
    """Rate slots outlive a run."""

    async def test_last_calls(self, ledger: Ledger) -> None:
        """The slots of the last calls are held for a window from their answers."""
        for number in await open_intents(ledger, 4):
            await accept(ledger, number, str(number), at=NOW + number)

        assert await cooling(ledger, calls=3, now=NOW + 5) == [
            NOW + 12,
            NOW + 13,
            NOW + 14,
        ]

    async def test_over(self, ledger: Ledger) -> None:
        """Slots whose window is over are free, and so are those of other PABX."""
        for number in await open_intents(ledger, 3):
            await accept(ledger, number, str(number), at=NOW + number)

        assert await cooling(ledger, now=NOW + 12) == [NOW + 13]
        assert not await cooling(ledger, now=NOW + 20)
        assert not await cooling(ledger, now=NOW + 5, elsewhere=["one"])

    @pytest.mark.parametrize("step", [Step.REJECT, Step.MARK_UNKNOWN, Step.NOT_PLACED])
    async def test_whatever_it_came_to(self, ledger: Ledger, step: Step) -> None:
        """A call that the PABX may have counted holds its slot."""
        (number,) = await open_intents(ledger, 1)
        await ledger.settle(number, step, "one", NOW)

        assert await cooling(ledger) == [NOW + 10]

    async def test_clock_set_back(self, ledger: Ledger) -> None:
        """Calls from an hour ahead hold their slots for one window, the last ones."""
        for number in await open_intents(ledger, 5):
            await accept(ledger, number, str(number), at=NOW + 3600 - number)

        assert await cooling(ledger, calls=3) == [NOW + 10] * 3

    async def test_order_is_that_of_events(self, ledger: Ledger) -> None:
        """The last calls are the last by order, also if the clock was set back."""
        numbers = await open_intents(ledger, 3)
        for number, at in zip(numbers, (NOW + 3600, NOW, NOW + 1), strict=True):
            await accept(ledger, number, str(number), at=at)

        assert await cooling(ledger, calls=2, now=NOW + 2) == [NOW + 10, NOW + 11]

    async def test_open_intents_of_a_lost_owner(
        self, shelf: Shelf, ledger: Ledger
    ) -> None:
        """An intent that was found open holds its slot from then on."""
        await open_intents(ledger, 2)
        again = await reopened(shelf, ledger)
        entry = await entry_of(again, 1)
        assert entry.settled_at is not None
        now = entry.settled_at

        assert await cooling(again, now=now) == [now + 10] * 2

        await again.__aexit__(None, None, None)


class TestOpening:
    """One owner, while it is open."""

    async def test_two_owners(self, shelf: Shelf, ledger: Ledger) -> None:
        """A ledger that is open is not opened again."""
        with pytest.raises(LedgerInUseError) as caught:
            await shelf.ledger().__aenter__()

        assert caught.value.reason == "in_use"
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

    async def intend() -> None:
        await ledger.intend(1, "one", NOW)

    return [
        lambda: ledger.add(contacts(1)),
        lambda: ledger.begin_import(now=NOW),
        lambda: ledger.end_import(1, now=NOW),
        ledger.imports,
        lambda: ledger.claim(1),
        lambda: ledger.release([1]),
        lambda: ledger.invalidate(1, "x"),
        intend,
        lambda: accept(ledger, 1, "1"),
        lambda: ledger.reconcile("#1", accepted=True, evidence="x", now=NOW),
        ledger.counts,
        lambda: ledger.count_exhausted(1),
        entries,
        lambda: ledger.held_slots(calls=1, window=1, quarantine=0, now=NOW),
        lambda: ledger.set_setting("a", "b"),
        lambda: ledger.get_setting("a"),
        lambda: ledger.doubt([1], "one", 1.0),
    ]


def test_all_acts_are_tried() -> None:
    """The list of all that can be done names every method of the port."""
    source = inspect.getsource(acts)
    methods = {name for name in vars(Ledger) if not name.startswith("_")}

    assert {name for name in methods if f"ledger.{name}" not in source} == {
        "recovered",
        "settle",  # which ``accept`` calls
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
    shown += [repr(one) for one in await ledger.claim(1)]
    shown += [repr(entry) async for entry in ledger.entries()]
    try:
        await ledger.reconcile("#1", accepted=True, evidence="x", now=NOW)
    except LedgerError as error:
        shown.append(shown_by(error))
    try:
        await ledger.intend(1, "one", NOW)
        await ledger.intend(1, "one", NOW)
    except LedgerError as error:
        shown.append(shown_by(error))

    assert len(shown) == 7
    assert [one for one in CANARIES if any(one in text for text in shown)] == []
