"""The contract of a ledger about owners and leases, held against every kind of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from ledgers import (
    NOW,
    SHELVES,
    Shelf,
    accept,
    claim,
    contacts,
    intend,
    release,
    settle,
    some,
    states,
)

from digitro_async import (
    ClaimLostError,
    ConfigurationError,
    IllegalTransitionError,
    LedgerInUseError,
)
from digitro_async.ledger import ClaimOwner, Ledger, State, Step, new_owner

ONE, OTHER = ClaimOwner("one", "host a"), ClaimOwner("other")
LEASE = 60.0


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return the clock by which leases end."""
    return Clock()


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Shelf:
    """Return where the ledger of this test stands."""
    return SHELVES[request.param](tmp_path, clock)


@pytest_asyncio.fixture
async def ledger(shelf: Shelf) -> AsyncIterator[Ledger]:
    """Yield an open ledger of six contacts."""
    async with shelf.ledger() as ledger:
        await ledger.add(contacts(6))
        yield ledger


async def claimed(
    ledger: Ledger, limit: int, owner: ClaimOwner, lease: float = LEASE
) -> list[int]:
    """Claim contacts and return their numbers."""
    return [one.number for one in await ledger.claim(limit, owner, lease)]


class TestClaims:
    """A claim is one owner's."""

    async def test_two_owners(self, ledger: Ledger) -> None:
        """Two owners get different contacts, also where they claim at once."""
        pages = await asyncio.gather(
            *(claimed(ledger, 2, owner) for owner in (ONE, OTHER, ONE, OTHER))
        )

        assert sorted(number for page in pages for number in page) == [1, 2, 3, 4, 5, 6]

    async def test_release(self, ledger: Ledger) -> None:
        """An owner gives back its own claims and nobody else's."""
        assert await claimed(ledger, 2, ONE) == [1, 2]
        assert await claimed(ledger, 2, OTHER) == [3, 4]

        await release(ledger, owner=OTHER)
        await release(ledger, [1, 3], owner=OTHER)

        assert some(await ledger.counts()) == {State.CLAIMED: 2, State.PENDING: 4}
        assert await claimed(ledger, 9, OTHER) == [3, 4, 5, 6]

    async def test_release_of_some(self, ledger: Ledger) -> None:
        """Of the contacts that are named, an owner gives its own back."""
        await claimed(ledger, 3, ONE)
        await claimed(ledger, 1, OTHER)
        await release(ledger, [2, 4, 6, 99], owner=ONE)

        found = await states(ledger)
        assert [number for number in found if found[number] is State.CLAIMED] == [
            *(1, 3, 4)
        ]

    async def test_release_leaves_intents(self, ledger: Ledger) -> None:
        """An intent is given back by nobody."""
        await claimed(ledger, 2, ONE)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        await release(ledger, owner=ONE)

        assert (await states(ledger))[1] is State.INTENT

    async def test_acts_of_another(self, ledger: Ledger) -> None:
        """Nobody begins, ends or refuses the call of another owner's contact."""
        await claimed(ledger, 2, ONE)
        with pytest.raises(ClaimLostError):
            await intend(ledger, 1, "p", NOW, owner=OTHER)
        with pytest.raises(IllegalTransitionError):
            await ledger.invalidate(1, OTHER, "x")
        await intend(ledger, 1, "p", NOW, owner=ONE)
        with pytest.raises(IllegalTransitionError):
            await accept(ledger, 1, "7", owner=OTHER)

        assert (await states(ledger))[1] is State.INTENT
        assert await accept(ledger, 1, "7", owner=ONE) is State.ACCEPTED

    async def test_acts_of_two_in_one_commit(self, ledger: Ledger) -> None:
        """Intents of two owners may share a commit; each has its own contacts alone."""
        await claimed(ledger, 3, ONE)
        await claimed(ledger, 3, OTHER)
        results = await asyncio.gather(
            *(intend(ledger, number, "p", NOW, owner=ONE) for number in range(1, 7)),
            *(intend(ledger, number, "p", NOW, owner=OTHER) for number in (4, 5, 1)),
            return_exceptions=True,
        )

        assert [result is None for result in results] == [
            *([True] * 3 + [False] * 3),
            *(True, True, False),
        ]

    async def test_a_claim_goes_on_after_a_return(self, ledger: Ledger) -> None:
        """A contact not placed is still its owner's, which may give it back."""
        await claimed(ledger, 1, ONE)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        await settle(ledger, 1, Step.NOT_PLACED, "p", NOW, owner=ONE)
        await release(ledger, owner=OTHER)
        assert (await states(ledger))[1] is State.CLAIMED

        await release(ledger, owner=ONE)
        assert (await states(ledger))[1] is State.PENDING

    async def test_an_owner_that_claimed_nothing(self, ledger: Ledger) -> None:
        """Who claimed nothing has nothing to give back, to call or to recover."""
        await claimed(ledger, 1, ONE)
        await release(ledger, owner=OTHER)
        with pytest.raises(ClaimLostError):
            await intend(ledger, 1, "p", NOW, owner=OTHER)

        assert await ledger.recover(OTHER) == 0
        assert (await states(ledger))[1] is State.CLAIMED

    async def test_a_late_outcome_of_an_earlier_owner(self, ledger: Ledger) -> None:
        """A late outcome of a stopped owner is not taken for another's call."""
        await claimed(ledger, 1, ONE)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        await ledger.recover(ONE)
        await ledger.reconcile("#1", accepted=False, evidence="log", now=NOW + 9)
        await claimed(ledger, 1, OTHER)
        await intend(ledger, 1, "p", NOW, owner=OTHER)
        with pytest.raises(IllegalTransitionError):
            await accept(ledger, 1, "7", owner=ONE)

        assert (await states(ledger))[1] is State.INTENT


class TestLeases:
    """An owner whose lease is over may lose what it did not begin."""

    async def test_within(self, ledger: Ledger, clock: Clock) -> None:
        """Nobody takes a claim over before its lease ends."""
        await claimed(ledger, 6, ONE)
        clock.now += LEASE - 0.001

        assert await claimed(ledger, 9, OTHER) == []

    async def test_over(self, ledger: Ledger, clock: Clock) -> None:
        """A claim without an intent is another's once the lease is over."""
        await claimed(ledger, 6, ONE)
        clock.now += LEASE

        assert await claimed(ledger, 4, OTHER) == [1, 2, 3, 4]
        with pytest.raises(ClaimLostError):
            await intend(ledger, 1, "p", NOW, owner=ONE)
        await intend(ledger, 1, "p", NOW, owner=OTHER)
        await intend(ledger, 5, "p", NOW, owner=ONE)  # nobody took it

    async def test_over_with_an_intent(self, ledger: Ledger, clock: Clock) -> None:
        """An intent is never taken over, however long its owner says nothing."""
        await claimed(ledger, 2, ONE)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        clock.now += 1000 * LEASE

        assert await claimed(ledger, 2, OTHER) == [2, 3]
        assert (await states(ledger))[1] is State.INTENT
        assert await accept(ledger, 1, "7", owner=ONE) is State.ACCEPTED

    async def test_renew(self, ledger: Ledger, clock: Clock) -> None:
        """A sign of life begins the lease anew, for all that was claimed before."""
        await claimed(ledger, 6, ONE)
        clock.now += LEASE / 2
        await ledger.renew(ONE, LEASE)
        clock.now += LEASE - 1

        assert await claimed(ledger, 9, OTHER) == []

    async def test_claiming_is_a_sign_of_life(
        self, ledger: Ledger, clock: Clock
    ) -> None:
        """To claim begins the lease anew, also where nothing is left."""
        await claimed(ledger, 6, ONE)
        clock.now += LEASE / 2
        assert await claimed(ledger, 1, ONE) == []
        clock.now += LEASE - 1

        assert await claimed(ledger, 9, OTHER) == []

    async def test_own_claims_are_not_claimed_again(
        self, ledger: Ledger, clock: Clock
    ) -> None:
        """An owner that comes back late does not get twice what it has."""
        await claimed(ledger, 4, ONE)
        clock.now += 2 * LEASE

        assert await claimed(ledger, 9, ONE) == [5, 6]

    async def test_attempts_count(self, ledger: Ledger, clock: Clock) -> None:
        """A contact out of attempts is taken over from nobody."""
        await claimed(ledger, 2, ONE)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        await settle(ledger, 1, Step.NOT_PLACED, "p", NOW, reason="connect", owner=ONE)
        clock.now += LEASE
        page = await ledger.claim(9, OTHER, LEASE, max_attempts=1)

        assert [one.number for one in page] == [2, 3, 4, 5, 6]


class TestRecover:
    """Contacts that an owner left open when it went are closed."""

    async def test_by_owner(self, ledger: Ledger) -> None:
        """Its claims are pending again and its intents unknown; others keep theirs."""
        await claimed(ledger, 2, ONE)
        await claimed(ledger, 2, OTHER)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        await intend(ledger, 3, "p", NOW, owner=OTHER)

        assert await ledger.recover(ONE) == 1
        assert list((await states(ledger)).values()) == [
            *(State.UNKNOWN, State.PENDING, State.INTENT, State.CLAIMED),
            *(State.PENDING, State.PENDING),
        ]
        assert ledger.recovered == 1
        assert await ledger.recover(ONE) == 0

    async def test_its_entry(self, ledger: Ledger, clock: Clock) -> None:
        """An intent that was recovered says so."""
        await claimed(ledger, 1, ONE)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        clock.now += 7
        await ledger.recover(ONE)
        (entry, *_) = [one async for one in ledger.entries()]

        assert (entry.reason, entry.settled_at) == ("owner_gone", NOW + 7)

    async def test_all_whose_leases_are_over(
        self, ledger: Ledger, clock: Clock
    ) -> None:
        """Without a name, every owner is recovered whose lease is over."""
        await claimed(ledger, 2, ONE)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        clock.now += LEASE / 2
        await claimed(ledger, 2, OTHER)
        await intend(ledger, 3, "p", NOW, owner=OTHER)
        assert await ledger.recover() == 0
        clock.now += LEASE / 2

        assert await ledger.recover() == 1
        assert list((await states(ledger)).values())[:4] == [
            *(State.UNKNOWN, State.PENDING, State.INTENT, State.CLAIMED)
        ]

    async def test_never_again(self, ledger: Ledger) -> None:
        """A call whose owner is gone is not made again, and its outcome not taken."""
        await claimed(ledger, 1, ONE)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        await ledger.recover(ONE)

        assert 1 not in await claimed(ledger, 9, OTHER)
        with pytest.raises(IllegalTransitionError):
            await accept(ledger, 1, "7", owner=ONE)
        with pytest.raises(ClaimLostError):
            await intend(ledger, 1, "p", NOW, owner=OTHER)

    async def test_opening_recovers_everybody(
        self, shelf: Shelf, ledger: Ledger
    ) -> None:
        """A ledger that one process has at a time closes all that it finds open."""
        await claimed(ledger, 2, ONE)
        await claimed(ledger, 2, OTHER)
        await intend(ledger, 1, "p", NOW, owner=ONE)
        await intend(ledger, 3, "p", NOW, owner=OTHER)
        await shelf.lose_owner(ledger)
        async with shelf.ledger() as again:
            assert again.recovered == 2
            assert await claimed(again, 9, ONE) == [2, 4, 5, 6]


class TestRuns:
    """One owner dials, where rate slots are not shared."""

    async def test_one_at_a_time(self, ledger: Ledger) -> None:
        """A second run is refused while one goes on, and told what to do."""
        holder = Clock()
        await ledger.begin_run(ONE, holder)
        with pytest.raises(LedgerInUseError, match="let it end, or drain it") as caught:
            await ledger.begin_run(OTHER, holder)
        await ledger.end_run(OTHER, holds_slots=True)  # which does not dial
        with pytest.raises(LedgerInUseError):
            await ledger.begin_run(OTHER, holder)
        await ledger.end_run(ONE, holds_slots=False)
        await ledger.begin_run(OTHER, holder)

        assert caught.value.reason == "running"

    async def test_who_holds_the_slots(self, ledger: Ledger) -> None:
        """Only who dialled last, and held all slots then, holds them now."""
        one, other = Clock(), Clock()
        assert not await ledger.begin_run(ONE, one)
        await ledger.end_run(ONE, holds_slots=False)
        assert not await ledger.begin_run(ONE, one)
        await ledger.end_run(ONE, holds_slots=True)
        assert await ledger.begin_run(OTHER, one)
        await ledger.end_run(OTHER, holds_slots=True)
        assert not await ledger.begin_run(ONE, other)
        await ledger.end_run(ONE, holds_slots=True)

        assert not await ledger.begin_run(ONE, one)

    async def test_a_holder_that_is_gone(self, ledger: Ledger) -> None:
        """Nobody holds the slots of an object that is gone."""
        await ledger.begin_run(ONE, Clock())
        await ledger.end_run(ONE, holds_slots=True)

        assert not await ledger.begin_run(ONE, Clock())


class TestOwner:
    """An owner has an id that nobody else has."""

    def test_new(self) -> None:
        """New owners differ, and show what they are called."""
        owners = {new_owner("host") for _ in range(100)}

        assert len({one.id for one in owners}) == 100
        assert {one.label for one in owners} == {"host"}

    @pytest.mark.parametrize("given", ["", "a\nb", "x" * 65, 7, None])
    def test_bad_ids(self, given: str) -> None:
        """An id is short text that can be shown."""
        with pytest.raises(ConfigurationError, match="id of an owner"):
            ClaimOwner(given)

    async def test_claims_of_one_id(self, ledger: Ledger) -> None:
        """An owner is known by its id, whatever its label."""
        await claim(ledger, 2, ClaimOwner("one", "host b"))
        await release(ledger, owner=ONE)

        assert some(await ledger.counts()) == {State.PENDING: 6}
