"""What every ledger does with contacts that are withdrawn, and with parts of a list."""

import pytest
from ledgers import (
    NOW,
    OWNER,
    Shelf,
    accept,
    claim,
    contacts,
    entry_of,
    new_contact,
    open_intents,
    settle,
    some,
)

from digitro_async import ClaimLostError, LedgerError
from digitro_async.ledger import ClaimOwner, Ledger, State, Step
from digitro_async.privacy import Personal

OTHER = ClaimOwner("other")


async def withdraw(ledger: Ledger, number: int) -> State:
    """Withdraw a contact by its number."""
    return await ledger.withdraw(number, reason="operator", now=NOW)


class TestWithdrawal:
    """A contact that is to be called no more."""

    async def test_pending(self, ledger: Ledger) -> None:
        """It is skipped, with the reason and the time, and nobody claims it again."""
        await ledger.add(contacts(3))
        assert await withdraw(ledger, 2) is State.SKIPPED

        found = await entry_of(ledger, 2)
        assert (found.state, found.reason, found.settled_at, found.attempts) == (
            *(State.SKIPPED, "operator", NOW, 0),
        )
        assert [one.number for one in await claim(ledger, 9)] == [1, 3]
        assert some(await ledger.counts()) == {State.SKIPPED: 1, State.CLAIMED: 2}

    async def test_withheld(self, ledger: Ledger) -> None:
        """A contact that waits for a decision needs none after it was withdrawn."""
        await ledger.add(contacts(1))
        other = new_contact(1, destination=Personal("04832817777"))
        await ledger.add([other])
        assert (await entry_of(ledger, 1)).state is State.WITHHELD

        assert await withdraw(ledger, 1) is State.SKIPPED
        await ledger.add([other], update=True)
        assert await claim(ledger, 9) == []

    async def test_claimed(self, ledger: Ledger) -> None:
        """Its owner loses it alone, and learns why when the call is about to begin."""
        await ledger.add(contacts(3))
        await claim(ledger, 9)
        assert await withdraw(ledger, 2) is State.SKIPPED

        await ledger.intend(1, OWNER, "one", NOW)
        with pytest.raises(ClaimLostError) as caught:
            await ledger.intend(2, OWNER, "one", NOW)
        await ledger.intend(3, OWNER, "one", NOW)

        assert caught.value.reason == "withdrawn"
        await ledger.release(OWNER)
        assert some(await ledger.counts()) == {State.SKIPPED: 1, State.INTENT: 2}

    async def test_another_reason_of_a_lost_claim(self, ledger: Ledger) -> None:
        """A claim that was given back or never there is lost without a withdrawal."""
        await ledger.add(contacts(2))
        await claim(ledger, 1)
        await ledger.release(OWNER)
        for number in (1, 2, 99):
            with pytest.raises(ClaimLostError) as caught:
                await ledger.intend(number, OWNER, "one", NOW)
            assert caught.value.reason in {"claim_lost", "no_such_contact"}

    async def test_between_two_attempts(self, ledger: Ledger) -> None:
        """A contact whose attempt was not placed is not tried again."""
        (number,) = await open_intents(ledger, 1)
        await settle(ledger, number, Step.NOT_PLACED, "one", NOW, reason="timeout")
        assert await withdraw(ledger, number) is State.SKIPPED

        with pytest.raises(ClaimLostError, match="withdrawn"):
            await ledger.intend(number, OWNER, "one", NOW)
        assert (await entry_of(ledger, number)).attempts == 1

    async def test_too_late(self, ledger: Ledger) -> None:
        """A contact with a call on the wire, or whose call is over, stays as it is."""
        on_wire, accepted, lost = await open_intents(ledger, 3)
        await accept(ledger, accepted, "7")
        await settle(ledger, lost, Step.MARK_UNKNOWN, "one", NOW, reason="timeout")
        before = [one async for one in ledger.entries()]

        assert await withdraw(ledger, on_wire) is State.INTENT
        assert await withdraw(ledger, accepted) is State.ACCEPTED
        assert await withdraw(ledger, lost) is State.UNKNOWN
        assert [one async for one in ledger.entries()] == before

    async def test_twice(self, ledger: Ledger) -> None:
        """A second withdrawal changes nothing, its reason and time neither."""
        await ledger.add(contacts(1))
        await withdraw(ledger, 1)
        again = await ledger.withdraw(1, reason="another", now=NOW + 1)

        assert again is State.SKIPPED
        assert (await entry_of(ledger, 1)).reason == "operator"

    async def test_by_id(self, ledger: Ledger) -> None:
        """A contact is named as for a reconciliation: by id, number or text."""
        await ledger.add([*contacts(2), new_contact(3, id="#1")])
        for named in (Personal("C2"), 1):
            state = await ledger.withdraw(named, reason="x", now=NOW)
            assert state is State.SKIPPED
        with pytest.raises(LedgerError) as caught:
            await ledger.withdraw("#1", reason="x", now=NOW)
        assert caught.value.reason == "ambiguous_contact"
        with pytest.raises(LedgerError) as caught:
            await ledger.withdraw(Personal("C9"), reason="x", now=NOW)
        assert caught.value.reason == "no_such_contact"

    async def test_it_outlives_the_owner(self, shelf: Shelf) -> None:
        """After a crash a contact is withdrawn still, and adding it changes nothing."""
        ledger = shelf.ledger()
        await ledger.__aenter__()
        await ledger.add(contacts(2))
        await claim(ledger, 9)
        await withdraw(ledger, 1)
        await shelf.lose_owner(ledger)
        async with shelf.ledger() as ledger:
            await ledger.add(contacts(2))
            assert [one.number for one in await claim(ledger, 9)] == [2]


class TestParts:
    """Claims of a part of the list."""

    async def test_within(self, ledger: Ledger) -> None:
        """Only contacts with numbers in the range are claimed."""
        await ledger.add(contacts(9))
        part = range(4, 8)

        assert [one.number for one in await claim(ledger, 2, within=part)] == [4, 5]
        found = await claim(ledger, 9, OTHER, within=part, after=6)
        assert [one.number for one in found] == [7]
        found = await claim(ledger, 9, OTHER, within=part, after=1)
        assert [one.number for one in found] == [6]
        assert await claim(ledger, 9, within=part) == []
        assert await claim(ledger, 9, within=range(8, 8)) == []
        assert await claim(ledger, 9, within=range(100, 200)) == []
        found = await claim(ledger, 9)
        assert [one.number for one in found] == [1, 2, 3, 8, 9]

    async def test_pabx(self, ledger: Ledger) -> None:
        """Only contacts that these PABX must take are claimed, None: those of any."""
        pabx = ["one", None, "two", "one", None, "two"]
        await ledger.add(
            [new_contact(line, pabx=name) for line, name in enumerate(pabx, 1)]
        )

        found = await claim(ledger, 1, pabx=["one"])
        assert [(one.number, one.pabx) for one in found] == [(1, "one")]
        found = await claim(ledger, 9, pabx=[None, "two"], within=range(1, 4))
        assert [one.number for one in found] == [2, 3]
        assert await claim(ledger, 9, pabx=["three"]) == []
        assert await claim(ledger, 9, pabx=[]) == []
        found = await claim(ledger, 9, pabx=[None, "one", "two"])
        assert [one.number for one in found] == [4, 5, 6]
        assert some(await ledger.counts()) == {State.CLAIMED: 6}
