"""The contract of a schedule about attempts: by which number, and what came of it."""

from ledgers import (
    NOW,
    OWNER,
    accept,
    an_end,
    claim,
    contacts,
    end_call,
    intend,
    lose,
    new_contact,
    release,
    settle,
)
from schedules import (
    LATER,
    Scene,
    attempts,
    called_once,
    claim_due,
    contact_with,
    defer,
    plain_key,
    plan,
    recalled,
    scene,
)

from digitro_async import Disposition, Outcome
from digitro_async.ledger import (
    AttemptPlan,
    ClaimOwner,
    LedgerAttempt,
    State,
    Step,
)

__all__ = ["scene"]

LONG_KEY = 19_999_999_999_999_999_999_999
"""Longer than what a database takes for a number."""


def told(attempt: LedgerAttempt) -> tuple[object, ...]:
    """Return what most tests ask of an attempt."""
    key = plain_key(attempt)
    return key, attempt.place, attempt.began_at, attempt.state, attempt.outcome


class TestPlan:
    """Every attempt has its number before its intent."""

    async def test_of_a_claimed_contact(self, scene: Scene) -> None:
        """A plan of a claimed contact is shown before its intent."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)

        assert await plan(scene, 1, key=7, place=2, originating="4830000000") == []
        (one,) = await attempts(scene, 1)
        assert told(one) == (7, 2, None, State.CLAIMED, None)
        assert (one.contact, one.originating) == (1, "4830000000")

    async def test_without_a_claim(self, scene: Scene) -> None:
        """A contact that the owner has no claim on is left out."""
        await scene.ledger.add(contacts(3))
        await claim_due(scene, 1)
        await claim_due(scene, 1, owner=ClaimOwner("other"))
        plans = [AttemptPlan(number=n, place=0, key=n) for n in (1, 2, 3, 9)]
        left = await scene.ledger.schedule.plan(OWNER, plans, hold_numbers=False)

        assert list(left) == [2, 3, 9]
        assert [one.contact for one in await attempts(scene, 1, 2, 3)] == [1]

    async def test_gives_way(self, scene: Scene) -> None:
        """A plan without an intent gives way to the next plan of its contact."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await plan(scene, 1, key=7)
        await plan(scene, 1, key=8, place=1)

        assert [plain_key(one) for one in await attempts(scene, 1)] == [8]

    async def test_is_no_attempt(self, scene: Scene) -> None:
        """A plan that no intent followed is not shown once nobody has a claim."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await plan(scene, 1)
        await plan(scene, 2, key=8)
        await defer(scene, 1)
        await release(scene.ledger, [2])

        assert list(await attempts(scene, 1, 2)) == []
        scene.now = LATER
        await claim_due(scene)
        assert list(await attempts(scene, 1, 2)) == []

    async def test_after_a_crash(self, scene: Scene) -> None:
        """A plan whose owner ended before its intent is no attempt."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await plan(scene, 1)
        await scene.reopen()

        assert list(await attempts(scene, 1)) == []
        await claim_due(scene)
        assert await plan(scene, 1, key=9) == []
        assert [plain_key(one) for one in await attempts(scene, 1)] == [9]

    async def test_of_a_run_without_rules(self, scene: Scene) -> None:
        """A plan of an earlier run says nothing of a call that applies no rules."""
        await scene.ledger.add([contact_with(1, "04811", "04822")])
        await claim_due(scene)
        await plan(scene, 1, key=4822, place=1)
        await scene.reopen()
        await claim(scene.ledger, 1)
        await intend(scene.ledger, 1, "one", scene.now)
        (one,) = await attempts(scene, 1)

        assert told(one) == (None, 0, scene.now, State.INTENT, None)

    async def test_long_keys(self, scene: Scene) -> None:
        """A key may be longer than a database's numbers, and is found all the same."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await plan(scene, 1, key=LONG_KEY)

        assert await plan(scene, 2, key=LONG_KEY) == [2]
        (one,) = await scene.ledger.schedule.attempts_of((), {LONG_KEY, 5})
        assert (one.contact, plain_key(one)) == (1, LONG_KEY)


class TestHoldNumbers:
    """One number is not called for two contacts at once."""

    async def test_planned_or_on_the_wire(self, scene: Scene) -> None:
        """A contact is left out while another one's call to its number goes on."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)

        assert await plan(scene, 1) == []
        assert await plan(scene, 2) == [2]
        await intend(scene.ledger, 1, "one", scene.now)
        assert await plan(scene, 2) == [2]
        await accept(scene.ledger, 1, "1")
        assert await plan(scene, 2) == []

    async def test_in_one_plan(self, scene: Scene) -> None:
        """Of two contacts of one number in one plan the first is planned."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        plans = [AttemptPlan(number=number, place=0, key=7) for number in (2, 1)]
        left = await scene.ledger.schedule.plan(OWNER, plans, hold_numbers=True)

        assert list(left) == [1]

    async def test_not_asked_for(self, scene: Scene) -> None:
        """Nobody is left out for that where it is not asked for."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await plan(scene, 1)

        assert await plan(scene, 2, hold_numbers=False) == []

    async def test_again_by_itself(self, scene: Scene) -> None:
        """A contact's own plan never leaves it out."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await plan(scene, 1)

        assert await plan(scene, 1) == []

    async def test_no_stale_plans(self, scene: Scene) -> None:
        """Plans of before a new claim hold no number: nobody waits for ever."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await plan(scene, 1, hold_numbers=False)
        await plan(scene, 2, hold_numbers=False)
        await release(scene.ledger)
        await claim_due(scene)

        assert await plan(scene, 1) == []
        assert await plan(scene, 2) == [2]


class TestOutcomes:
    """An attempt tells what came of it."""

    async def test_on_the_wire(self, scene: Scene) -> None:
        """An attempt whose call is on the wire has begun, and no outcome."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await plan(scene, 1)
        await intend(scene.ledger, 1, "one", scene.now)
        (one,) = await attempts(scene, 1)

        assert told(one) == (7, 0, scene.now, State.INTENT, None)

    async def test_accepted_and_ended(self, scene: Scene) -> None:
        """An accepted one tells of its call's end as soon as that is known."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await called_once(scene, 1, disposition=None)
        (before,) = await attempts(scene, 1)
        end = an_end(Disposition.ANSWERED, answered_at=NOW + 5, ended_at=NOW + 65)
        await end_call(scene.ledger, 1, end)
        (one,) = await attempts(scene, 1)

        assert told(one) == told(before)
        assert told(one) == (7, 0, NOW, State.ACCEPTED, Outcome.ACCEPTED)
        assert (before.answered_at, before.ended_at, before.disposition) == (None,) * 3
        assert (one.answered_at, one.ended_at) == (NOW + 5, NOW + 65)
        assert one.disposition is Disposition.ANSWERED

    async def test_unknown(self, scene: Scene) -> None:
        """One that nobody knows the outcome of is unknown, also after a crash."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await plan(scene, 1)
        await plan(scene, 2, key=8)
        await intend(scene.ledger, 1, "one", scene.now)
        await intend(scene.ledger, 2, "one", scene.now)
        await lose(scene.ledger, 1)
        await scene.reopen()
        found = await attempts(scene, 1, 2)

        assert [one.outcome for one in found] == [Outcome.UNKNOWN] * 2
        assert [one.began_at for one in found] == [NOW] * 2

    async def test_not_placed(self, scene: Scene) -> None:
        """One that was provably not placed is not sent, until another intent."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await plan(scene, 1)
        await intend(scene.ledger, 1, "one", scene.now)
        await settle(scene.ledger, 1, Step.NOT_PLACED, "one", NOW, reason="timeout")
        (before,) = await attempts(scene, 1)
        scene.now += 3
        await intend(scene.ledger, 1, "one", scene.now)
        (one,) = await attempts(scene, 1)

        assert before.outcome is Outcome.NOT_SENT
        assert told(one) == (7, 0, NOW + 3, State.INTENT, None)

    async def test_all_are_kept(self, scene: Scene) -> None:
        """Each attempt keeps its number, its times and its outcome, in order."""
        await recalled(scene, due=NOW + 9)
        scene.now = NOW + 9
        await claim_due(scene)
        await called_once(scene, 1, key=8, place=1, call_id="2", disposition=None)
        first, second = await attempts(scene, 1)

        assert told(first) == (7, 0, NOW, State.ACCEPTED, Outcome.ACCEPTED)
        assert (first.disposition, first.answered_at) == (Disposition.BUSY, NOW + 5)
        assert told(second) == (8, 1, NOW + 9, State.ACCEPTED, Outcome.ACCEPTED)
        assert second.disposition is None

    async def test_none_is_lost_by_evidence(self, scene: Scene) -> None:
        """Evidence that the last call was not placed leaves earlier attempts."""
        await recalled(scene, due=NOW + 9)
        scene.now = NOW + 9
        await claim_due(scene)
        await plan(scene, 1, key=8)
        await intend(scene.ledger, 1, "one", scene.now)
        await lose(scene.ledger, 1)
        await scene.ledger.reconcile(1, accepted=False, evidence="x", now=NOW + 9_999)
        await claim_due(scene)
        await plan(scene, 1, key=9)
        found = await attempts(scene, 1)

        assert [plain_key(one) for one in found] == [7, 8, 9]
        outcomes = [Outcome.ACCEPTED, Outcome.NOT_SENT, None]
        assert [one.outcome for one in found] == outcomes

    async def test_doubted(self, scene: Scene) -> None:
        """One whose answer may be another call's may have rung, after all."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await plan(scene, 1)
        await intend(scene.ledger, 1, "one", scene.now)
        await settle(scene.ledger, 1, Step.NOT_PLACED, "one", NOW, reason="status_400")
        await release(scene.ledger)
        await claim_due(scene)
        await scene.ledger.doubt([1], "one", NOW + 2)
        (one,) = await attempts(scene, 1)

        assert (plain_key(one), one.outcome) == (7, Outcome.UNKNOWN)


class TestAttemptsOf:
    """Attempts are found by contact, by number and by time."""

    async def test_by_number(self, scene: Scene) -> None:
        """Attempts of any contact by a number are found by its key, each once."""
        await scene.ledger.add(contacts(4))
        await claim_due(scene)
        for number, key in ((1, 7), (2, 8), (3, 7)):
            await called_once(scene, number, key=key, hold_numbers=False)
        found = await scene.ledger.schedule.attempts_of([3, 4], {7})

        assert [one.contact for one in found] == [1, 3]
        assert [one.contact for one in await attempts(scene, 2)] == [2]
        assert list(await attempts(scene)) == []

    async def test_since(self, scene: Scene) -> None:
        """Attempts are found that began since a moment, closed or not; no plans."""
        await recalled(scene, 3, due=NOW + 9)
        scene.now = NOW + 9
        await claim_due(scene)
        await called_once(scene, 3, call_id="33")
        await plan(scene, 1, key=9)
        since = scene.ledger.schedule.attempts_since

        assert [one.began_at for one in await since(NOW)] == [NOW, NOW + 9]
        assert [one.began_at for one in await since(NOW + 1)] == [NOW + 9]
        assert list(await since(NOW + 10)) == []

    async def test_counts(self, scene: Scene) -> None:
        """What is counted is what all attempts that may have rung come to."""
        await recalled(scene, 3, due=NOW + 9)
        scene.now = NOW + 9
        await claim(scene.ledger, 9)
        await called_once(scene, 3, call_id="33", disposition=Disposition.ANSWERED)
        await called_once(scene, 1, key=9, disposition=None)
        await scene.ledger.add([new_contact(number) for number in range(4, 9)])
        await claim(scene.ledger, 9)
        for number in range(4, 8):
            await intend(scene.ledger, number, "one", scene.now)
        await lose(scene.ledger, 4)
        await settle(scene.ledger, 5, Step.REJECT, "one", NOW + 10, reason="x")
        await settle(scene.ledger, 6, Step.NOT_PLACED, "one", NOW + 10, reason="x")
        every = await scene.ledger.schedule.attempts_since(0.0)
        counts = await scene.ledger.schedule.count_attempts()

        rang = [
            one for one in every if one.outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN}
        ]
        assert counts.calls == len(rang) == 4
        assert counts.ends == {Disposition.BUSY: 1, Disposition.ANSWERED: 1}

    async def test_counts_of_nobody(self, scene: Scene) -> None:
        """A campaign in which nobody was called counts nothing."""
        await scene.ledger.add(contacts(2))
        counts = await scene.ledger.schedule.count_attempts()

        assert (counts.calls, counts.ends) == (0, {})

    async def test_nothing_personal_is_shown(self, scene: Scene) -> None:
        """Neither the key nor the originating number stands in a text."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await plan(scene, 1, key=4832817777, originating="4830001111")
        (one,) = await attempts(scene, 1)

        assert "4832817777" not in repr(one)
        assert "4830001111" not in repr(one)
