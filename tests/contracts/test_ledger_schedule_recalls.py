"""The contract of a schedule about recalls, callbacks, numbers and blocks."""

from typing import Any

from ledgers import (
    NOW,
    OWNER,
    an_end,
    claim,
    contacts,
    end_call,
    entry_of,
    intend,
    lose,
    new_contact,
    settle,
)
from schedules import (
    LATER,
    Scene,
    called_once,
    claim_due,
    contact_with,
    defer,
    dialled,
    numbers_claimed,
    numbers_of,
    plan,
    recalled,
    scene,
)

from digitro_async import Disposition
from digitro_async.ledger import (
    AgreedCallback,
    Change,
    NumberOfContact,
    State,
    Step,
    WaitKind,
)
from digitro_async.privacy import Personal

__all__ = ["scene"]


class TestRecall:
    """A contact whose call has ended is called again by a rule."""

    async def test_is_pending_until_due(self, scene: Scene) -> None:
        """A recalled contact is pending, and comes up when it is due."""
        await recalled(scene)
        one = await entry_of(scene.ledger, 1)

        assert (one.state, one.reason) == (State.PENDING, "busy")
        assert list(await claim_due(scene)) == []
        scene.now = LATER
        (planned,) = await claim_due(scene)
        assert (planned.wait, planned.due) == (WaitKind.RECALL, LATER)
        assert planned.claimed.attempts == 1

    async def test_never_twice(self, scene: Scene) -> None:
        """Nobody is recalled twice for one attempt, nor for an earlier one."""
        await recalled(scene)
        again: dict[str, Any] = {"due": LATER, "place": 0, "reason": "busy"}
        again["now"] = scene.now
        recall = scene.ledger.schedule.recall

        assert not await recall(1, attempts=1, **again)
        scene.now = LATER
        await claim_due(scene)
        assert not await recall(1, attempts=1, **again)
        await called_once(scene, 1, call_id="2")
        assert not await recall(1, attempts=1, **again)
        assert await recall(1, attempts=2, **again)

    async def test_not_without_an_end(self, scene: Scene) -> None:
        """Nobody is recalled whose call has no end, and nobody who is not there."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await called_once(scene, 1, disposition=None)
        given: dict[str, Any] = {"due": LATER, "place": 0, "reason": "busy"}
        given["now"] = scene.now

        assert not await scene.ledger.schedule.recall(1, attempts=1, **given)
        assert not await scene.ledger.schedule.recall(2, attempts=0, **given)
        assert not await scene.ledger.schedule.recall(9, attempts=1, **given)

    async def test_nobody_unknown(self, scene: Scene) -> None:
        """Nobody whose outcome is unknown is recalled, whatever is told of an end."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await plan(scene, 1)
        await intend(scene.ledger, 1, "one", scene.now)
        await lose(scene.ledger, 1)
        await end_call(scene.ledger, 1, an_end(Disposition.BUSY, None))

        assert not await scene.ledger.schedule.recall(
            1, attempts=1, due=LATER, place=0, reason="busy", now=scene.now
        )

    async def test_outlives_a_crash(self, scene: Scene) -> None:
        """A recall outlives its owner."""
        await recalled(scene)
        await scene.reopen()

        assert list(await claim_due(scene)) == []
        scene.now = LATER
        assert numbers_claimed(await claim_due(scene)) == [1]

    async def test_by_another_number(self, scene: Scene) -> None:
        """A recall tries the number of its place, also in a run without rules."""
        await scene.ledger.add([contact_with(1, "04811", "04822")])
        await claim_due(scene)
        await called_once(scene, 1)
        await scene.ledger.schedule.recall(
            1, attempts=1, due=NOW + 9, place=1, reason="busy", now=scene.now
        )
        scene.now = NOW + 9
        (planned,) = await claim_due(scene)
        await scene.ledger.release(OWNER)
        (plain,) = await claim(scene.ledger, 1)

        assert (planned.place, dialled(planned)) == (1, "04822")
        assert plain.destination.reveal() == "04822"

    async def test_shows_the_same_originating_number(self, scene: Scene) -> None:
        """A contact that comes up again has the originating number of its last call."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await called_once(scene, 1, originating="4830001111")
        await scene.ledger.schedule.recall(
            1, attempts=1, due=NOW + 9, place=0, reason="busy", now=scene.now
        )
        scene.now = NOW + 9
        (planned,) = await claim_due(scene)

        assert planned.originating == "4830001111"
        assert "4830001111" not in repr(planned)


class TestEnded:
    """Contacts are found whose calls ended in some ways."""

    async def test_by_disposition(self, scene: Scene) -> None:
        """Accepted contacts are found by disposition, in order, a page at a time."""
        await scene.ledger.add([new_contact(n, priority=n) for n in range(1, 5)])
        await claim_due(scene)
        ways = [Disposition.BUSY, Disposition.ANSWERED, Disposition.NO_ANSWER, None]
        for number, way in enumerate(ways, 1):
            await called_once(scene, number, key=number, disposition=way)
        ended = scene.ledger.schedule.ended
        some = {Disposition.BUSY, Disposition.NO_ANSWER}
        first, second = await ended(some, limit=9)

        assert (first.number, first.attempts, first.priority) == (1, 1, 1)
        assert (second.number, second.disposition) == (3, Disposition.NO_ANSWER)
        assert [one.destination.reveal() for one in first.numbers] == ["04832810001"]
        assert [one.number for one in await ended(some, limit=1)] == [1]
        assert [one.number for one in await ended(some, after=1, limit=9)] == [3]
        assert [one.number for one in await ended(some, numbers=[2, 3], limit=9)] == [3]
        assert list(await ended([], limit=9)) == []

    async def test_nobody_who_waits(self, scene: Scene) -> None:
        """Who is recalled already, or called again, is found no more."""
        await recalled(scene)

        assert list(await scene.ledger.schedule.ended([*Disposition], limit=9)) == []


class TestCallBack:
    """A call that was agreed on takes the place of all else."""

    async def test_of_a_pending_contact(self, scene: Scene) -> None:
        """A pending contact waits for its callback, with all that was agreed on."""
        await scene.ledger.add([contact_with(1, "04811", "04822")])
        callback = AgreedCallback(at=LATER, place=1, moved=2)

        state = await scene.ledger.schedule.call_back(1, callback, now=scene.now)

        assert state is State.PENDING
        assert list(await claim_due(scene)) == []
        scene.now = LATER
        (one,) = await claim_due(scene, kinds=[WaitKind.CALLBACK])
        assert (one.wait, one.due, one.place) == (WaitKind.CALLBACK, LATER, 1)
        assert one.callback == callback
        assert dialled(one) == "04822"

    async def test_of_an_accepted_contact(self, scene: Scene) -> None:
        """An accepted contact is pending, and keeps the place of its last attempt."""
        await scene.ledger.add([contact_with(1, "04811", "04822")])
        await claim_due(scene)
        await called_once(scene, 1, place=1)
        own_id = Personal("C1")

        state = await scene.ledger.schedule.call_back(
            own_id, AgreedCallback(at=LATER), now=scene.now
        )

        assert state is State.PENDING
        scene.now = LATER
        (one,) = await claim_due(scene)
        assert (one.place, one.callback) == (1, AgreedCallback(at=LATER))

    async def test_in_place_of_a_deferral(self, scene: Scene) -> None:
        """A callback takes the place of what the contact waited for."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await defer(scene, 1, due=LATER + 99)
        await scene.ledger.schedule.call_back(1, AgreedCallback(at=LATER), now=NOW)
        scene.now = LATER
        (one,) = await claim_due(scene)

        assert (one.wait, one.due) == (WaitKind.CALLBACK, LATER)

    async def test_any_other_stays(self, scene: Scene) -> None:
        """A contact that is claimed or unknown stays where it is."""
        await scene.ledger.add(contacts(2))
        await claim_due(scene)
        await plan(scene, 2)
        await intend(scene.ledger, 2, "one", scene.now)
        await lose(scene.ledger, 2)
        call_back = scene.ledger.schedule.call_back
        agreed = AgreedCallback(at=LATER)

        assert await call_back(1, agreed, now=NOW) is State.CLAIMED
        assert await call_back(2, agreed, now=NOW) is State.UNKNOWN
        assert (await entry_of(scene.ledger, 1)).due is None

    async def test_moved(self, scene: Scene) -> None:
        """A callback that is put off is as it is said to be from then on."""
        await scene.ledger.add(contacts(1))
        await scene.ledger.schedule.call_back(1, AgreedCallback(at=NOW), now=NOW)
        await claim_due(scene)
        moved = AgreedCallback(at=NOW + 5, moved=1, is_overdue=True)
        await defer(scene, 1, due=NOW + 5, callback=moved)
        scene.now = NOW + 5
        (one,) = await claim_due(scene)
        await defer(scene, 1, due=NOW + 6)
        scene.now = NOW + 6
        (again,) = await claim_due(scene)

        assert (one.wait, one.callback) == (WaitKind.CALLBACK, moved)
        assert again.callback == moved

    async def test_is_made_by_its_intent(self, scene: Scene) -> None:
        """A run that ended earlier leaves the callback; an intent makes it."""
        await scene.ledger.add(contacts(1))
        await scene.ledger.schedule.call_back(1, AgreedCallback(at=NOW), now=NOW)
        await claim_due(scene)
        await plan(scene, 1)
        await scene.reopen()
        (one,) = await claim_due(scene)
        await plan(scene, 1)
        await intend(scene.ledger, 1, "one", scene.now)
        await settle(scene.ledger, 1, Step.NOT_PLACED, "one", NOW, reason="timeout")
        await defer(scene, 1, due=NOW)
        (later,) = await claim_due(scene)

        assert one.callback == AgreedCallback(at=NOW)
        assert later.callback is None


class TestNumbers:
    """A contact may have several numbers."""

    async def test_all_come_back(self, scene: Scene) -> None:
        """All numbers come back, with kinds and hours; the first is dialled."""
        several = (
            NumberOfContact(destination=Personal("04811"), kind="work"),
            NumberOfContact(
                destination=Personal("04822"), hours=((480, 720), (840, 1))
            ),
        )
        given = new_contact(1, destination=Personal("04811"), numbers=several)
        await scene.ledger.add([given, new_contact(2)])
        first, second = await claim_due(scene)

        assert first.numbers == several
        assert dialled(first) == "04811"
        assert second.numbers == (NumberOfContact(destination=Personal("04832810002")),)

    async def test_a_difference(self, scene: Scene) -> None:
        """Other numbers of a pending contact withhold it until it is decided."""
        await scene.ledger.add([contact_with(1, "04811", "04822")])
        other = contact_with(1, "04811", "04833")
        (told,) = await scene.ledger.add([other])
        (updated,) = await scene.ledger.add([other], update=True)
        (one,) = await claim_due(scene)

        assert told.difference is not None
        assert told.difference.fields == ("numbers",)
        assert told.difference.change is Change.WITHHELD
        assert updated.difference is not None
        assert updated.difference.change is Change.UPDATED
        assert numbers_of(one) == ["04811", "04833"]

    async def test_filled_in(self, scene: Scene) -> None:
        """A pending contact of one number takes over others: older imports had none."""
        await scene.ledger.add([new_contact(1, destination=Personal("04811"))])
        (told,) = await scene.ledger.add([contact_with(1, "04811", "04822")])
        (one,) = await claim_due(scene)

        assert (told.new, told.difference) == (False, None)
        assert numbers_of(one) == ["04811", "04822"]

    async def test_nothing_differs(self, scene: Scene) -> None:
        """The same numbers are no difference."""
        several = [contact_with(1, "04811", "04822"), new_contact(2)]
        await scene.ledger.add(several)

        assert [one.difference for one in await scene.ledger.add(several)] == [None] * 2

    async def test_priority(self, scene: Scene) -> None:
        """A list's priority is taken over silently, also back to none."""
        await scene.ledger.add([new_contact(1), new_contact(2, priority=4)])
        again = await scene.ledger.add([new_contact(1, priority=7), new_contact(2)])

        assert [one.difference for one in again] == [None, None]
        found = [one.priority async for one in scene.ledger.entries()]
        assert found == [7, 0]

    async def test_a_list_never_touches_waits(self, scene: Scene) -> None:
        """A contact that waits goes on waiting when its list is put in again."""
        await scene.ledger.add(contacts(1))
        await claim_due(scene)
        await defer(scene, 1)
        await scene.ledger.add([new_contact(1, priority=3)])
        one = await entry_of(scene.ledger, 1)

        assert (one.due, one.wait, one.priority) == (LATER, WaitKind.DEFERRED, 3)


class TestBlocks:
    """Nobody calls a number that is blocked."""

    async def test_block_and_unblock(self, scene: Scene) -> None:
        """A number is blocked by a keyed hash, with terms, until it is taken off."""
        schedule = scene.ledger.schedule
        await schedule.block(7, reason="asked", until=None, now=NOW)
        await schedule.block(8, reason="court", until=LATER, now=NOW + 1)
        found = {one.hash: one for one in await schedule.blocks()}
        one = found[schedule.block_hash(8)]

        assert set(found) == {schedule.block_hash(7), schedule.block_hash(8)}
        assert (one.reason, one.until, one.since) == ("court", LATER, NOW + 1)
        assert await schedule.unblock(7)
        assert not await schedule.unblock(7)
        assert [one.reason for one in await schedule.blocks()] == ["court"]

    async def test_the_last_terms_hold(self, scene: Scene) -> None:
        """A number that is blocked again has the new terms."""
        schedule = scene.ledger.schedule
        await schedule.block(7, reason="asked", until=LATER, now=NOW)
        await schedule.block(7, reason="court", until=None, now=NOW + 1)
        (one,) = await schedule.blocks()

        assert (one.reason, one.until, one.since) == ("court", None, NOW + 1)

    async def test_changes(self, scene: Scene) -> None:
        """Whether blocks have changed is told by a value that differs."""
        schedule = scene.ledger.schedule
        before = await schedule.blocks_changed()
        assert await schedule.blocks_changed() == before
        await schedule.block(7, reason="asked", until=None, now=NOW)
        blocked = await schedule.blocks_changed()
        assert blocked != before
        await schedule.unblock(7)

        assert await schedule.blocks_changed() != blocked

    async def test_outlives_a_crash(self, scene: Scene) -> None:
        """A block outlives the process that blocked, and is known by the same hash."""
        digest = scene.ledger.schedule.block_hash(7)
        await scene.ledger.schedule.block(7, reason="asked", until=None, now=NOW)
        await scene.reopen()
        (one,) = await scene.ledger.schedule.blocks()

        assert one.hash == digest == scene.ledger.schedule.block_hash(7)

    async def test_hash(self, scene: Scene) -> None:
        """The hash of a number tells nothing without its key, and is shown nowhere."""
        schedule = scene.ledger.schedule
        await schedule.block(7, reason="asked", until=None, now=NOW)
        (one,) = await schedule.blocks()

        assert schedule.block_hash(7) != schedule.block_hash(8)
        assert len(one.hash) >= 16
        assert one.hash.hex() not in repr(one)
