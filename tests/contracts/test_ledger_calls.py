"""The contract of a ledger about intents and outcomes."""

import asyncio

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
    open_intents,
    release,
    settle,
    some,
)

from digitro_async import (
    ClaimLostError,
    IllegalTransitionError,
)
from digitro_async.ledger import Ledger, State, Step

EVIDENCE = "call list of the 3rd"
CANARIES = ["04832817000", "C-4711-canary", "secret-4567", "Fulano de Tal"]


async def reopened(shelf: Shelf, ledger: Ledger) -> Ledger:
    """Kill the owner of a ledger and return the ledger, open again."""
    await shelf.lose_owner(ledger)
    again = shelf.ledger()
    await again.__aenter__()
    return again


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
            await intend(ledger, 1, "one", NOW)

        assert some(await ledger.counts()) == {State.PENDING: 1}

    async def test_nobody(self, ledger: Ledger) -> None:
        """Nobody is called whom the ledger does not know."""
        with pytest.raises(ClaimLostError):
            await intend(ledger, 4711, "one", NOW)

    async def test_twice(self, ledger: Ledger) -> None:
        """A second intent of a contact fails, however soon it comes."""
        await ledger.add(contacts(1))
        await claim(ledger, 1)
        first, *others = await asyncio.gather(
            *(intend(ledger, 1, "one", NOW) for _ in range(5)), return_exceptions=True
        )

        assert first is None
        assert [type(error) for error in others] == [ClaimLostError] * 4
        assert (await entry_of(ledger, 1)).attempts == 1

    async def test_bad_ones_among_good_ones(self, ledger: Ledger) -> None:
        """One that fails does not keep others of the same commit from succeeding."""
        await ledger.add(contacts(200))
        await claim(ledger, 150)
        results = await asyncio.gather(
            *(intend(ledger, number, "one", NOW) for number in range(1, 201)),
            return_exceptions=True,
        )

        assert [result is None for result in results] == [True] * 150 + [False] * 50
        assert some(await ledger.counts()) == {State.INTENT: 150, State.PENDING: 50}

    @pytest.mark.parametrize("step", [Step.ACCEPT, Step.REJECT, Step.MARK_UNKNOWN])
    async def test_after_the_call(self, ledger: Ledger, step: Step) -> None:
        """No intent is opened after an acceptance, a rejection or an unknown."""
        (number,) = await open_intents(ledger, 1)
        await settle(ledger, number, step, "one", NOW, call_id="1")
        await release(ledger, [number])

        assert list(await claim(ledger, 9)) == []
        with pytest.raises(ClaimLostError):
            await intend(ledger, number, "one", NOW)

    async def test_once_more_after_a_return(self, ledger: Ledger) -> None:
        """A call that was provably not placed may be tried again, and counts."""
        (number,) = await open_intents(ledger, 1)
        await settle(ledger, number, Step.NOT_PLACED, "one", NOW, reason="connect")
        await intend(ledger, number, "two", NOW + 5)
        entry = await entry_of(ledger, number)

        assert (entry.attempts, entry.pabx, entry.sent_at) == (2, "two", NOW + 5)
        assert entry.reason is None


class TestSettle:
    """The outcome of a call is recorded once."""

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
        settled = await settle(
            ledger, number, step, "one", NOW + 3, call_id=call_id, reason="because"
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
            await settle(ledger, number, Step.CLAIM, "one", NOW)

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
        await settle(ledger, second, Step.NOT_PLACED, "one", NOW)
        again = await reopened(shelf, ledger)
        await claim(again, 9)
        await intend(again, second, "one", NOW)

        assert await accept(again, second, "same") is State.UNKNOWN
        await again.__aexit__(None, None, None)

    async def test_call_ids_of_another_pabx(self, ledger: Ledger) -> None:
        """Two PABX may give the same call id."""
        await ledger.add(contacts(2))
        for one in await claim(ledger, 2):
            await intend(ledger, one.number, f"p{one.number}", NOW)

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
