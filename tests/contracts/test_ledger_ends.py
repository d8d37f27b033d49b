"""The contract of a ledger about what is open or unknown, and slots held since."""

from collections.abc import Collection

import pytest
from ledgers import (
    NOW,
    Shelf,
    accept,
    claim,
    contacts,
    entry_of,
    intend,
    lose,
    new_contact,
    open_intents,
    settle,
    some,
    states,
)

from digitro_async import (
    IllegalTransitionError,
    LedgerError,
    RateLimit,
)
from digitro_async.ledger import Ledger, Reconciliation, State, Step
from digitro_async.ledger._reconciliation import QUARANTINE
from digitro_async.privacy import Personal

EVIDENCE = "call list of the 3rd"
CANARIES = ["04832817000", "C-4711-canary", "secret-4567", "Fulano de Tal"]


async def reopened(shelf: Shelf, ledger: Ledger) -> Ledger:
    """Kill the owner of a ledger and return the ledger, open again."""
    await shelf.lose_owner(ledger)
    again = shelf.ledger()
    await again.__aenter__()
    return again


class TestCrash:
    """Contacts that are open when their owner is gone."""

    async def test_states(self, shelf: Shelf, ledger: Ledger) -> None:
        """Claims return to pending; open intents are unknown and never pending."""
        numbers = await open_intents(ledger, 4)
        await accept(ledger, numbers[0], "1")
        await settle(ledger, numbers[1], Step.NOT_PLACED, "one", NOW)
        await ledger.add([new_contact(5), new_contact(6)])
        await claim(ledger, 1)
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
        assert [one.attempts for one in await claim(ledger, 9, max_attempts=1)] == [0]

    async def test_twice(self, ledger: Ledger) -> None:
        """A contact with a final outcome gets no other."""
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
            await claim(ledger, 1)
        if state in ("intent", "accepted"):
            await intend(ledger, 1, "one", NOW)
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
        for one in await claim(ledger, 2):
            await intend(ledger, one.number, "one", NOW)
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
    held = await ledger.occupied_slots(
        limit=RateLimit(calls, 10), quarantine=0, now=now, elsewhere=elsewhere
    )

    assert held.lost == []
    return held.cooling


class TestOccupiedSlots:
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
        await settle(ledger, number, step, "one", NOW)

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
