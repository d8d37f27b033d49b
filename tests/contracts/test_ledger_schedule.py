"""The contract of a schedule about who waits, who is claimed and who is refused."""

import pytest
from ledgers import NOW, OWNER, claim, contacts, entry_of, intend, new_contact, settle
from schedules import (
    LATER,
    Scene,
    claim_due,
    defer,
    numbers_claimed,
    plan,
    recalled,
    scene,
)

from digitro_async import ClaimLostError, LedgerError
from digitro_async.ledger import (
    AgreedCallback,
    ClaimOwner,
    Deferral,
    Refusal,
    State,
    Step,
    WaitKind,
)

__all__ = ["scene"]

OTHER = ClaimOwner("other")


class TestPutOff:
    """A claimed contact is pending until it is due."""

    async def test_is_due_again(self, scene: Scene) -> None:
        """A contact that is put off is left out until it is due, and comes then."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await defer(scene, 1)

        assert list(await claim_due(scene)) == []
        scene.now = LATER - 1
        assert list(await claim_due(scene)) == []
        scene.now = LATER
        (one,) = await claim_due(scene)

        assert (one.claimed.number, one.due, one.wait) == (1, LATER, WaitKind.DEFERRED)

    async def test_outlives_a_crash(self, scene: Scene) -> None:
        """A deferral outlives its owner, however that ends."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await defer(scene, 1)
        await scene.reopen()

        assert list(await claim_due(scene)) == []
        assert (await entry_of(scene.ledger, 1)).due == LATER

    async def test_keeps_its_due_through_a_crash(self, scene: Scene) -> None:
        """A contact that was claimed when its owner ended comes up as it was due."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await defer(scene, 1)
        scene.now = LATER
        await claim_due(scene)
        await scene.reopen()
        (one,) = await claim_due(scene, kinds=[WaitKind.DEFERRED])

        assert (one.due, one.wait) == (LATER, WaitKind.DEFERRED)

    async def test_not_by_a_run_without_rules(self, scene: Scene) -> None:
        """A run that applies no rules claims nobody who waits, and all others."""
        await scene.ledger.add(contacts(3))
        await claim_due(scene, 2)
        await defer(scene, 2)
        await scene.ledger.release(OWNER)

        assert [one.number for one in await claim(scene.ledger, 9)] == [1, 3]
        scene.now = LATER
        assert [one.number for one in await claim(scene.ledger, 9)] == [2]

    async def test_of_another_owner(self, scene: Scene) -> None:
        """A contact that the owner has no claim on stays as it is."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene, 1)
        deferrals = [Deferral(number=n, due=LATER, reason="x") for n in (1, 2, 3)]
        await scene.ledger.schedule.put_off(OTHER, deferrals, now=scene.now)

        assert (await entry_of(scene.ledger, 1)).state is State.CLAIMED
        assert (await entry_of(scene.ledger, 2)).due is None

    async def test_reason_and_record(self, scene: Scene) -> None:
        """A reader sees until when a contact waits, for what, and why."""
        await scene.ledger.add([new_contact(1, priority=5)])
        await claim_due(scene)
        await defer(scene, 1, reason="outside_hours")
        one = await entry_of(scene.ledger, 1)

        assert (one.due, one.wait, one.priority) == (LATER, WaitKind.DEFERRED, 5)
        assert (one.state, one.reason) == (State.PENDING, "outside_hours")

    async def test_what_it_waits_for_stays(self, scene: Scene) -> None:
        """A recall that is put off is a recall."""
        await recalled(scene)
        scene.now = LATER
        await claim_due(scene)
        await defer(scene, 1, due=LATER + 10, place=0)
        scene.now = LATER + 10
        (one,) = await claim_due(scene)

        assert (one.wait, one.due) == (WaitKind.RECALL, LATER + 10)

    async def test_withdrawn(self, scene: Scene) -> None:
        """A contact that waits can be withdrawn, and does not come up."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await defer(scene, 1)

        state = await scene.ledger.withdraw(1, reason="asked", now=scene.now)

        assert state is State.SKIPPED
        scene.now = LATER
        assert list(await claim_due(scene)) == []

    async def test_not_placed_after_all(self, scene: Scene) -> None:
        """A contact reconciled as not placed comes up again as it was due."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await defer(scene, 1, due=NOW + 1)
        scene.now = NOW + 1
        await claim_due(scene)
        await plan(scene, 1)
        await intend(scene.ledger, 1, "one", scene.now)
        await settle(scene.ledger, 1, Step.MARK_UNKNOWN, "one", scene.now, reason="x")
        scene.now += 10

        assert list(await claim_due(scene)) == []
        await scene.ledger.reconcile(
            1, accepted=False, evidence="call list", now=scene.now + 9_999
        )
        (one,) = await claim_due(scene)
        assert (one.wait, one.due) == (WaitKind.DEFERRED, NOW + 1)


class TestClaim:
    """Contacts are claimed by what they waited for."""

    async def test_kinds(self, scene: Scene) -> None:
        """Only contacts of the kinds asked for are claimed."""
        await scene.ledger.add(contacts(3))
        await claim_due(scene, 2)
        await defer(scene, 1, due=NOW)
        await scene.ledger.release(OWNER)
        callback = AgreedCallback(at=NOW)
        await scene.ledger.schedule.call_back(2, callback, now=scene.now)

        fresh = await claim_due(scene, kinds=[None])
        agreed = await claim_due(scene, kinds=[WaitKind.CALLBACK])
        others = await claim_due(scene, kinds=[WaitKind.DEFERRED, WaitKind.RECALL])

        assert numbers_claimed(fresh) == [3]
        assert numbers_claimed(agreed) == [2]
        assert numbers_claimed(others) == [1]

    async def test_order(self, scene: Scene) -> None:
        """Who waits comes by priority and then by due; fresh ones by import."""
        given = [(1, 0), (2, 9), (3, 0), (4, 9), (5, 0), (6, 3)]
        await scene.ledger.add(
            [new_contact(line, priority=priority) for line, priority in given]
        )
        await claim_due(scene, 4)
        for number, due in ((1, NOW + 4), (2, NOW + 3), (3, NOW + 2), (4, NOW + 1)):
            await defer(scene, number, due=due)
        scene.now = NOW + 9

        waited = await claim_due(scene, kinds=list(WaitKind))
        fresh = await claim_due(scene, kinds=[None])

        assert numbers_claimed(waited) == [4, 2, 3, 1]
        assert numbers_claimed(fresh) == [5, 6]

    async def test_limit_over_priorities(self, scene: Scene) -> None:
        """The limit holds over all priorities and kinds together."""
        await scene.ledger.add([new_contact(n, priority=n % 3) for n in range(1, 7)])
        await claim_due(scene)
        for number in range(1, 7):
            await defer(scene, number, due=NOW - number)

        assert numbers_claimed(await claim_due(scene, 3)) == [5, 2, 4]
        assert numbers_claimed(await claim_due(scene, 3)) == [1, 6, 3]

    async def test_priority(self, scene: Scene) -> None:
        """Only contacts of one priority are claimed, if one is asked for."""
        await scene.ledger.add([new_contact(n, priority=n % 2) for n in range(1, 5)])

        assert list(await scene.ledger.schedule.priorities()) == [1, 0]
        assert numbers_claimed(await claim_due(scene, priority=1)) == [1, 3]
        assert list(await scene.ledger.schedule.priorities()) == [0]
        assert numbers_claimed(await claim_due(scene, priority=0)) == [2, 4]
        assert list(await scene.ledger.schedule.priorities()) == []

    async def test_after_is_about_fresh_ones(self, scene: Scene) -> None:
        """A start behind a contact leaves out fresh ones alone."""
        await scene.ledger.add(contacts(4))
        await claim_due(scene, 1)
        await defer(scene, 1, due=NOW)

        assert numbers_claimed(await claim_due(scene, after=3)) == [1, 4]

    async def test_narrowed(self, scene: Scene) -> None:
        """Range, PABX and attempts leave out contacts that wait as well."""
        several = [new_contact(1), new_contact(2, pabx="two"), new_contact(3)]
        await scene.ledger.add(several)
        await claim_due(scene)
        for number in (1, 2, 3):
            await defer(scene, number, due=NOW)

        within = await claim_due(scene, within=range(3, 9))
        of_pabx = await claim_due(scene, pabx=["two"])
        tired = await claim_due(scene, max_attempts=0)

        assert numbers_claimed(within) == [3]
        assert numbers_claimed(of_pabx) == [2]
        assert list(tired) == []
        assert numbers_claimed(await claim_due(scene, pabx=[None])) == [1]

    async def test_under_a_lease_that_is_over(self, scene: Scene) -> None:
        """Who is claimed under a lease that is over can be claimed by another."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene, 2)
        await defer(scene, 1, due=NOW)
        await claim_due(scene, 2, lease=5.0)
        scene.now += 10

        taken = await claim_due(scene, owner=OTHER)

        assert numbers_claimed(taken) == [1, 2]
        with pytest.raises(ClaimLostError):
            await intend(scene.ledger, 1, "one", scene.now)

    async def test_comes_up_each_time(self, scene: Scene) -> None:
        """A contact that was looked at while it was withheld comes up later."""
        await scene.ledger.add([new_contact(1)])
        await claim_due(scene)
        await defer(scene, 1, due=NOW)
        other = new_contact(1, fields={"user_data": "other"})
        await scene.ledger.add([other])

        assert list(await claim_due(scene)) == []
        await scene.ledger.add([new_contact(1)])
        (one,) = await claim_due(scene)
        assert one.wait is WaitKind.DEFERRED


class TestRefuse:
    """A rule may forbid a call for good."""

    async def test_is_skipped(self, scene: Scene) -> None:
        """A refused contact is skipped, with its reason."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        refusals = [Refusal(number=1, reason="blocked")]
        await scene.ledger.schedule.refuse(OWNER, refusals, now=scene.now)
        one = await entry_of(scene.ledger, 1)

        assert (one.state, one.reason) == (State.SKIPPED, "blocked")
        assert one.settled_at == scene.now
        with pytest.raises(ClaimLostError):
            await intend(scene.ledger, 1, "one", scene.now)

    async def test_of_another_owner(self, scene: Scene) -> None:
        """A contact that the owner has no claim on stays as it is."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        refusals = [Refusal(number=1, reason="blocked")]
        await scene.ledger.schedule.refuse(OTHER, refusals, now=scene.now)

        assert (await entry_of(scene.ledger, 1)).state is State.CLAIMED


class TestWaiting:
    """It is known how many wait."""

    async def test_counts(self, scene: Scene) -> None:
        """Those that wait are counted by kind and reason, with the first due."""
        await recalled(scene, 4, due=LATER + 50)
        for number, reason in ((1, "hours"), (2, "hours"), (3, "spacing")):
            await defer(scene, number, due=LATER + number, reason=reason)
        counts = await scene.ledger.schedule.waiting(now=scene.now)

        assert dict(counts.kinds) == {WaitKind.DEFERRED: 3, WaitKind.RECALL: 1}
        assert dict(counts.reasons) == {"hours": 2, "spacing": 1}
        assert counts.next_due == LATER + 1

    async def test_who_is_due_waits_no_more(self, scene: Scene) -> None:
        """Who is due already is not counted, and nobody who is claimed."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await defer(scene, 1)
        counts = await scene.ledger.schedule.waiting(now=LATER)

        assert (dict(counts.kinds), counts.next_due) == ({}, None)

    async def test_out_of_attempts(self, scene: Scene) -> None:
        """Who is out of attempts waits for no call."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await plan(scene, 1)
        await intend(scene.ledger, 1, "one", scene.now)
        await settle(
            *(scene.ledger, 1, Step.NOT_PLACED, "one", scene.now), reason="refused"
        )
        await defer(scene, 1)
        await defer(scene, 2, due=LATER + 1)
        waits = [
            await scene.ledger.schedule.waiting(now=scene.now, max_attempts=most)
            for most in (1, 2)
        ]
        with scene.shelf.reader() as reader:
            found = reader.waiting(scene.now, max_attempts=1)

        assert [one.next_due for one in waits] == [LATER + 1, LATER]
        assert found == waits[0]
        assert dict(found.kinds) == {WaitKind.DEFERRED: 1}

    async def test_of_some_pabx(self, scene: Scene) -> None:
        """Those are counted that some PABX must take, or that any may take."""
        given = zip((1, 2, 3), ("one", "two", None), strict=True)
        await scene.ledger.add([new_contact(line, pabx=name) for line, name in given])
        await claim_due(scene)
        for number in (1, 2, 3):
            await defer(scene, number, due=LATER + number)

        async def next_due(*names: str | None) -> float | None:
            waits = await scene.ledger.schedule.waiting(now=scene.now, pabx=names)
            return waits.next_due

        assert await next_due("two") == LATER + 2
        assert await next_due("two", None) == LATER + 2
        assert await next_due(None) == LATER + 3
        assert await next_due("three") is None

    async def test_by_a_reader(self, scene: Scene) -> None:
        """A reader beside the ledger counts the same."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await defer(scene, 1)
        expected = await scene.ledger.schedule.waiting(now=scene.now)
        with scene.shelf.reader() as reader:
            found = reader.waiting(scene.now)

        assert found == expected


async def test_not_open(scene: Scene) -> None:
    """A schedule of a ledger that was left says so."""
    schedule = scene.ledger.schedule
    await scene.ledger.__aexit__(None, None, None)

    with pytest.raises(LedgerError):
        await schedule.waiting(now=NOW)
    with pytest.raises(LedgerError):
        await schedule.blocks()
