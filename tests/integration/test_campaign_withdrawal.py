"""Contacts that are withdrawn while a campaign is dialled."""

import asyncio
from typing import Any

from campaigns import contacts, scripted, shelf
from helpers import ScriptedTransport, take_into, until
from ledgers import Shelf, new_contact, some, states

from digitro_async import CallResult, NotSentError, Outcome
from digitro_async.ledger import State
from digitro_async.protocol import Observation

__all__ = ["shelf"]  # a fixture

IN_FLIGHT = 10


class GatedTransport(ScriptedTransport):
    """Answers nothing before its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def exchange(self, *given: Any) -> Observation:
        """Make one attempt, once the gate is open."""
        self.on_wire += 1
        await self.gate.wait()
        self.on_wire -= 1
        return await super().exchange(*given)


async def test_claimed_contacts(shelf: Shelf) -> None:
    """Contacts of the run that are withdrawn are not called, and the others are."""
    transport = GatedTransport()
    taken: list[CallResult] = []
    async with shelf.ledger() as ledger:
        campaign, _ = scripted(ledger, transport)
        await campaign.add(contacts(200))
        async with campaign.run() as results:
            taking = asyncio.create_task(take_into(taken, results))
            await until(lambda: transport.on_wire == IN_FLIGHT)
            for number in (150, 160, 200):
                state = await ledger.withdraw(number, reason="operator", now=1.0)
                assert state is State.SKIPPED
            assert await ledger.withdraw(1, reason="x", now=1.0) is State.INTENT
            transport.gate.set()
            await taking
        counts, where = await ledger.counts(), await states(ledger)

    not_sent = [one for one in taken if one.outcome is not Outcome.ACCEPTED]
    assert sorted(str(one.key) for one in not_sent) == ["150", "160", "200"]
    for one in not_sent:
        assert type(one.error) is NotSentError
        assert (one.error.reason, one.attempts) == ("withdrawn", 0)
        assert (one.outcome, one.was_put_back) == (Outcome.NOT_SENT, False)
    assert {where[number] for number in (150, 160, 200)} == {State.SKIPPED}
    assert some(counts) == {State.ACCEPTED: 197, State.SKIPPED: 3}
    assert len(transport.attempts) == 197


async def test_contact_that_is_invalid_too(shelf: Shelf) -> None:
    """A withdrawn contact that makes no call stays withdrawn, and stops nothing."""
    transport, taken = GatedTransport(), list[CallResult]()
    damaged = new_contact(61, fields={"nonsense": "x"})
    async with shelf.ledger() as ledger:
        campaign, _ = scripted(ledger, transport)
        await campaign.add(contacts(60))
        await ledger.add([damaged])
        async with campaign.run() as results:
            taking = asyncio.create_task(take_into(taken, results))
            await until(lambda: transport.on_wire == IN_FLIGHT)
            assert await ledger.withdraw(61, reason="x", now=1.0) is State.SKIPPED
            transport.gate.set()
            await taking
        counts = await ledger.counts()

    assert len(taken) == 60
    assert some(counts) == {State.ACCEPTED: 60, State.SKIPPED: 1}


async def test_the_next_run(shelf: Shelf) -> None:
    """What was withdrawn before a run is not taken on by it."""
    transport = ScriptedTransport()
    async with shelf.ledger() as ledger:
        campaign, _ = scripted(ledger, transport)
        await campaign.add(contacts(3))
        await ledger.withdraw(2, reason="operator", now=1.0)
        async with campaign.run() as results:
            keys = [result.key async for result in results]

    assert sorted(map(str, keys)) == ["1", "3"]
