"""The contract of a schedule about attempts that nobody planned, and about call ids."""

import attrs
from ledgers import (
    NOW,
    accept,
    an_end,
    claim,
    contacts,
    end_call,
    entry_of,
    intend,
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
    key_of,
    plain_key,
    plan,
    recalled,
    scene,
)

from digitro_async import Disposition, Outcome
from digitro_async.ledger import AgreedCallback, LedgerAttempt, State, Step

__all__ = ["scene"]


def told(attempt: LedgerAttempt) -> tuple[object, ...]:
    """Return what is asked of an attempt."""
    key = plain_key(attempt)
    return key, attempt.place, attempt.began_at, attempt.state, attempt.outcome


class TestNoteKeys:
    """Attempts of runs without rules get their numbers later."""

    async def test_of_runs_without_rules(self, scene: Scene) -> None:
        """An attempt that nobody planned is there, and gets its number."""
        await scene.ledger.add(contacts(2))
        await claim(scene.ledger, 9)
        await intend(scene.ledger, 1, "one", NOW)
        await accept(scene.ledger, 1, "1")
        (before,) = await attempts(scene, 1)
        noted = await scene.ledger.schedule.note_keys(key_of, scheme="digits")
        (one,) = await scene.ledger.schedule.attempts_of([], {4832810001})

        assert told(before) == (None, 0, NOW, State.ACCEPTED, Outcome.ACCEPTED)
        assert noted == 1
        assert one == attrs.evolve(before, key=4832810001)

    async def test_once(self, scene: Scene) -> None:
        """Numbers are noted once by each scheme."""
        await scene.ledger.add(contacts(1))
        await claim(scene.ledger, 9)
        await intend(scene.ledger, 1, "one", NOW)
        await accept(scene.ledger, 1, "1")
        note = scene.ledger.schedule.note_keys

        assert await note(key_of, scheme="digits") == 1
        assert await note(key_of, scheme="digits") == 0
        assert await note(lambda number: key_of(number) + 1, scheme="other") == 1
        assert [plain_key(one) for one in await attempts(scene, 1)] == [4832810002]

    async def test_after_a_recall(self, scene: Scene) -> None:
        """Who was called without rules and then recalled keeps that attempt."""
        await scene.ledger.add(contacts(1))
        await claim(scene.ledger, 9)
        await intend(scene.ledger, 1, "one", NOW)
        await accept(scene.ledger, 1, "1")
        await end_call(scene.ledger, 1, an_end(Disposition.BUSY))
        await scene.ledger.schedule.recall(
            1, attempts=1, due=NOW + 9, place=0, reason="busy", now=NOW + 8
        )
        scene.now = NOW + 9
        await claim(scene.ledger, 9)
        await intend(scene.ledger, 1, "one", NOW + 9)
        await scene.ledger.schedule.note_keys(key_of, scheme="digits")
        found = await attempts(scene, 1)

        assert [one.began_at for one in found] == [NOW, NOW + 9]
        assert [plain_key(one) for one in found] == [4832810001] * 2
        assert found[0].disposition is Disposition.BUSY

    async def test_fewer_numbers(self, scene: Scene) -> None:
        """An attempt by a number that its contact has no more counts for the first."""
        await scene.ledger.add([contact_with(1, "04811", "04822", "04833", id="C1")])
        await claim_due(scene)
        await plan(scene, 1, key=4833, place=2)
        await intend(scene.ledger, 1, "one", NOW)
        await settle(scene.ledger, 1, Step.NOT_PLACED, "one", NOW, reason="cancelled")
        fewer = contact_with(1, "04811", "04822", id="C1")
        await release(scene.ledger)
        await scene.ledger.add([fewer], update=True)
        await scene.ledger.schedule.note_keys(key_of, scheme="digits")
        await scene.ledger.schedule.note_keys(
            lambda number: key_of(number) + 1, scheme="other"
        )

        assert [plain_key(one) for one in await attempts(scene, 1)] == [4812]

    async def test_of_who_is_called_no_more(self, scene: Scene) -> None:
        """An attempt that was not placed led to a pending contact, whatever came."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await plan(scene, 1)
        await intend(scene.ledger, 1, "one", NOW)
        await settle(scene.ledger, 1, Step.NOT_PLACED, "one", NOW, reason="cancelled")
        await release(scene.ledger)
        await scene.ledger.withdraw(1, reason="asked", now=NOW)
        (one,) = await attempts(scene, 1)

        assert told(one) == (7, 0, NOW, State.PENDING, Outcome.NOT_SENT)


async def test_an_earlier_call_id(scene: Scene) -> None:
    """An acceptance with the call id of an earlier attempt is unknown."""
    await recalled(scene, 2, due=NOW + 9)
    scene.now = NOW + 9
    await claim_due(scene)
    await called_once(scene, 2, call_id="22", disposition=None)
    await plan(scene, 1, key=9)
    await intend(scene.ledger, 1, "one", scene.now)

    assert await accept(scene.ledger, 1, "2") is State.UNKNOWN
    assert (await entry_of(scene.ledger, 1)).reason == "repeated_call_id"


async def test_an_end_after_a_callback(scene: Scene) -> None:
    """The end of a call in which a callback was agreed on is that attempt's."""
    await scene.ledger.add(contacts(1))
    await claim_due(scene)
    await called_once(scene, 1, disposition=None)
    await scene.ledger.schedule.call_back(1, AgreedCallback(at=LATER), now=NOW + 30)
    end = an_end(Disposition.ANSWERED, answered_at=NOW + 5, ended_at=NOW + 65)
    await end_call(scene.ledger, 1, end)
    (one,) = await attempts(scene, 1)

    assert (one.outcome, one.ended_at) == (Outcome.ACCEPTED, NOW + 65)
