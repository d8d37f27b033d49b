"""The slots of earlier runs, as a run knows them."""

import asyncio
import time
from typing import Any

import pytest
from helpers import LOST, ScriptedTransport, make_pabx
from ledgers import (
    NOW,
    Shelf,
    accept,
    claim,
    contacts,
    intend,
    lose,
    open_intents,
    settle,
)
from slots_scene import CALL, begin, client_of, lose_some, pacer_of, slow, taken

from digitro_async import Campaign, LedgerError, RateLimit
from digitro_async.ledger import Ledger, MemoryLedger, Step
from digitro_async.ledger._ledger_clock import CLOCK
from digitro_async.ledger._occupied_slots import OccupiedSlots
from digitro_async.ledger._pabx_addresses import PABX_ADDRESSES
from digitro_async.ledger._reconciliation import QUARANTINE


async def held(ledger: Ledger, **given: Any) -> OccupiedSlots:
    """Return the slots that are held of a cap of 5 in 10 s."""
    asked = {"limit": RateLimit(5, 10), "quarantine": 120, "now": NOW + 1, **given}
    return await ledger.occupied_slots(**asked)


class TestEvents:
    """The slots that a ledger's events show."""

    async def test_lost_calls(self, shelf: Shelf) -> None:
        """A call without an answer holds its slot for the quarantine and a window."""
        async with shelf.ledger() as ledger:
            for number in await open_intents(ledger, 2):
                await lose(ledger, number)

            assert await held(ledger) == OccupiedSlots([], [NOW + 130] * 2)
            assert await held(ledger, now=NOW + 119) == OccupiedSlots(
                [], [NOW + 130] * 2
            )
            assert await held(ledger, now=NOW + 121) == OccupiedSlots(
                [NOW + 130] * 2, []
            )
            assert await held(ledger, now=NOW + 131) == OccupiedSlots([], [])

    async def test_lost_calls_that_must_have_been_counted(self, shelf: Shelf) -> None:
        """Where the PABX counts calls soon, one holds its slot so long after its end.

        When it was sent nobody wrote down: before its end.
        """
        limit = RateLimit(5, 10, counted_within=3)
        async with shelf.ledger() as ledger:
            for number in await open_intents(ledger, 2):
                await lose(ledger, number)
            before = await held(ledger, limit=limit, now=NOW + 2)
            after = await held(ledger, limit=limit, now=NOW + 9)

        assert before == OccupiedSlots([], [NOW + 14] * 2)
        assert after == OccupiedSlots([NOW + 14] * 2, [])

    async def test_an_answer_to_a_later_call(self, shelf: Shelf) -> None:
        """An answer to a later call frees a lost one's slot a window later."""
        async with shelf.ledger() as ledger:
            first, early, *_ = await open_intents(ledger, 2)
            await lose(ledger, first)
            await accept(ledger, early, "1", at=NOW + 2)

            assert (await held(ledger, now=NOW + 3)).lost == [NOW + 130]

            await ledger.add([*contacts(3)])
            (late,) = await claim(ledger, 1)
            await intend(ledger, late.number, "one", NOW + 3)
            await accept(ledger, late.number, "2", at=NOW + 4)

            assert await held(ledger, now=NOW + 5) == OccupiedSlots(
                [NOW + 12, NOW + 14, NOW + 14], []
            )

    @pytest.mark.parametrize(
        ("step", "reason", "expected"),
        [
            (Step.MARK_UNKNOWN, "timeout", OccupiedSlots([], [NOW + 130])),
            (Step.MARK_UNKNOWN, "connection_lost", OccupiedSlots([], [NOW + 130])),
            (Step.MARK_UNKNOWN, "cancelled", OccupiedSlots([], [NOW + 130])),
            (Step.MARK_UNKNOWN, "repeated_call_id", OccupiedSlots([], [NOW + 130])),
            (Step.MARK_UNKNOWN, None, OccupiedSlots([], [NOW + 130])),
            (Step.MARK_UNKNOWN, "server_fault", OccupiedSlots([NOW + 11], [])),
            (Step.MARK_UNKNOWN, "not_json", OccupiedSlots([NOW + 11], [])),
            (Step.REJECT, "status_400", OccupiedSlots([NOW + 11], [])),
            (Step.NOT_PLACED, "throttled", OccupiedSlots([NOW + 11], [])),
            (Step.NOT_PLACED, "status_401", OccupiedSlots([NOW + 11], [])),
            (Step.NOT_PLACED, None, OccupiedSlots([NOW + 11], [])),
            (Step.NOT_PLACED, "connect_failed", OccupiedSlots([], [])),
            (Step.NOT_PLACED, "cancelled", OccupiedSlots([], [])),
        ],
    )
    async def test_each_end(
        self, shelf: Shelf, step: Step, reason: str | None, expected: OccupiedSlots
    ) -> None:
        """The outcome of a call tells whether it was sent, and whether answered."""
        async with shelf.ledger() as ledger:
            (number,) = await open_intents(ledger, 1)
            await settle(ledger, number, step, "one", NOW + 1, reason=reason)

            assert await held(ledger) == expected

    async def test_no_more_than_the_cap(self, shelf: Shelf) -> None:
        """No more slots are taken than there are, those of lost calls first."""
        async with shelf.ledger() as ledger:
            numbers = await open_intents(ledger, 9)
            for number in numbers[:2]:
                await lose(ledger, number)
            for number in numbers[2:]:
                await accept(ledger, number, str(number))

            assert await held(ledger) == OccupiedSlots([NOW + 11] * 3, [NOW + 130] * 2)

    async def test_unsent_calls_hide_nobody(self, shelf: Shelf) -> None:
        """However many calls could not be sent since, a lost one is not forgotten."""
        async with shelf.ledger() as ledger:
            first, *others = await open_intents(ledger, 40)
            await lose(ledger, first)
            for number in others:
                await settle(
                    ledger,
                    number,
                    Step.NOT_PLACED,
                    "one",
                    NOW + 2,
                    reason="connect_failed",
                )

            assert (await held(ledger, now=NOW + 3)).lost == [NOW + 130]


class TestRuns:
    """The slots that the next run reserves."""

    async def test_killed(self, shelf: Shelf) -> None:
        """Calls that were on the wire when the process was killed hold their slots."""
        ledger = await shelf.ledger().__aenter__()
        await begin(ledger)
        await ledger.add(contacts(3))
        for one in await claim(ledger, 3):
            await intend(ledger, one.number, "one", time.time())
        await shelf.lose_owner(ledger)
        async with shelf.ledger() as again:
            assert taken(await begin(again)) == (0, 3)

    async def test_same_client(self, shelf: Shelf) -> None:
        """A client that made the calls itself does not hold their slots twice."""
        async with shelf.ledger() as ledger:
            await ledger.add(contacts(2))
            client = client_of(ScriptedTransport([LOST]), make_pabx(rate=RateLimit(9)))
            for _ in range(2):
                async with Campaign(ledger, client, call=CALL).run() as results:
                    async for _ in results:
                        pass

            assert len(pacer_of(client)._lost) <= 1
            assert pacer_of(client)._left >= 8


class TestNames:
    """The address counts."""

    async def test_renamed(self, shelf: Shelf) -> None:
        """A PABX that was renamed finds the slots of its calls under the old name."""
        async with shelf.ledger() as ledger:
            await begin(ledger, slow("old"))
            await lose_some(ledger, "old")

            assert taken(await begin(ledger, slow("new")), "new") == (1, 2)

    async def test_moved(self, shelf: Shelf) -> None:
        """A name that is at another address now does not take slots along."""
        async with shelf.ledger() as ledger:
            await begin(ledger)
            await lose_some(ledger)
            client = await begin(ledger, slow("one", "http://127.0.0.2:9"))

            assert taken(client) == (0, 0)

    async def test_swapped(self, shelf: Shelf) -> None:
        """Two PABX that swap their names keep their own slots."""
        there = "http://127.0.0.2:9"
        async with shelf.ledger() as ledger:
            await begin(ledger, slow("a"), slow("b", there))
            await lose_some(ledger, "a")
            client = await begin(ledger, slow("a", there), slow("b"))

            assert taken(client, "a") == (0, 0)
            assert taken(client, "b") == (1, 2)

    @pytest.mark.parametrize("kept", [None, "", "7", "[]", '{"one": 7}', "{"])
    async def test_unknown_places(self, shelf: Shelf, kept: str | None) -> None:
        """A PABX of which nobody knows where it was may have been here."""
        async with shelf.ledger() as ledger:
            if kept is not None:
                await ledger.set_setting(PABX_ADDRESSES, kept)
            await lose_some(ledger, "old")

            assert taken(await begin(ledger, slow("new")), "new") == (1, 2)

    async def test_two_names_hold_once(self, shelf: Shelf) -> None:
        """Two names of one address hold a call's slot once, in each of their caps."""
        async with shelf.ledger() as ledger:
            await begin(ledger)
            await lose_some(ledger)
            other = make_pabx("two", rate=RateLimit(9, 7200.0))
            client = await begin(ledger, slow(), other)
            pacers = client.dispatcher._router.admissions["two"].standing.pacer.pacers  # type: ignore[union-attr]

            assert [len(one._cooling) for one in pacers.values()] == [1, 1]
            assert [len(one._lost) for one in pacers.values()] == [2, 2]


class Interrupted(MemoryLedger):
    """A ledger that stops at one of its calls, or fails there."""

    def __init__(self) -> None:
        super().__init__()
        self.countdown = -1
        self.fails = False
        self.asked = 0
        self.stopped = asyncio.Event()

    async def get_setting(self, name: str) -> str | None:
        """Return a setting of the campaign."""
        await self.step()
        return await super().get_setting(name)

    async def set_setting(self, name: str, value: str) -> None:
        """Keep a setting of the campaign."""
        await self.step()
        await super().set_setting(name, value)

    async def occupied_slots(self, **given: Any) -> OccupiedSlots:
        """Return the rate slots that calls of earlier runs hold."""
        await self.step()
        slots = await super().occupied_slots(**given)
        await self.step()
        return slots

    async def step(self) -> None:
        """Wait for ever or fail, where that is wanted here."""
        self.asked += 1
        self.countdown -= 1
        if self.countdown == 0:
            if self.fails:
                raise LedgerError("it failed", reason="failed")
            self.stopped.set()
            await asyncio.Event().wait()


@pytest.mark.parametrize("fails", [False, True], ids=["cancelled", "failed"])
@pytest.mark.parametrize("place", range(1, 12))
async def test_a_run_that_ends_in_its_first_step(place: int, fails: bool) -> None:
    """A run that ends before it holds all slots leaves the next one to read them."""
    async with Interrupted() as ledger:
        await begin(ledger)
        await lose_some(ledger)
        await ledger.set_setting(CLOCK, "")  # so that all is written again
        await ledger.set_setting(PABX_ADDRESSES, "")
        await ledger.set_setting(QUARANTINE, "0")
        client = client_of(ScriptedTransport(), slow())
        run = Campaign(ledger, client, call=CALL).run()
        ledger.countdown, ledger.fails, ledger.asked = place, fails, 0
        entering = asyncio.ensure_future(run.__aenter__())
        stopped = asyncio.ensure_future(ledger.stopped.wait())
        await asyncio.wait([entering, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not entering.done():
            entering.cancel()
            await asyncio.wait([entering])
        if ledger.countdown > 0:  # there was no such place
            await run.__aexit__(None, None, None)
            assert ledger.asked < 11
            return
        ledger.countdown = -1
        async with Campaign(ledger, client, call=CALL).run():
            assert taken(client) == (1, 2)
