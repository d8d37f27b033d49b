"""The gate before lists that are added while a run goes on."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from campaigns import contact, contacts, scripted
from helpers import ScriptedTransport, take_into, until

from digitro_async import CallResult, Campaign, LedgerError
from digitro_async.campaign._import_gate import ImportGate
from digitro_async.contacts import ContactRow
from digitro_async.ledger import MemoryLedger, State

PAGE = 2_000
"""Most contacts of one commit of an import."""


class SlowList:
    """A list of which the last part waits for a sign, and may fail then."""

    def __init__(self, lines: Iterable[int], fault: Exception | None = None) -> None:
        self.lines, self.fault = lines, fault
        self.is_begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[ContactRow]:
        for number, line in enumerate(self.lines):
            if number == PAGE + 1:
                self.is_begun.set()
                await self.go_on.wait()
                if self.fault is not None:
                    raise self.fault
            yield contact(line)


async def add(campaign: Campaign, rows: Any) -> None:
    """Add a list behind the gate."""
    async with campaign.holding_back():
        await campaign.add(rows)


async def test_a_run_waits_for_the_whole_list() -> None:
    """Nobody of a list is called before all of it is there; then everybody is."""
    transport = ScriptedTransport()
    taken: list[CallResult] = []
    async with MemoryLedger() as ledger:
        campaign, _ = scripted(ledger, transport)
        await campaign.add(contacts(600))
        rows = SlowList(range(601, 601 + PAGE + 50))
        async with campaign.run(wait_for_ends=False) as results:
            adding = asyncio.create_task(add(campaign, rows))
            await rows.is_begun.wait()
            for _ in range(50):  # a page of them is there then
                await asyncio.sleep(0)
            assert sum((await ledger.counts()).values()) > 600
            taking = asyncio.create_task(take_into(taken, results))
            await until(lambda: len(taken) == 600)
            for _ in range(50):
                await asyncio.sleep(0)
            assert len(transport.attempts) == 600
            assert not taking.done()
            rows.go_on.set()
            await adding
            await taking
        counts = await ledger.counts()
    assert counts[State.ACCEPTED] == len(taken) == 600 + PAGE + 50


async def test_a_list_that_breaks_off() -> None:
    """A list that was not added to its end is called by no run that goes on."""
    transport = ScriptedTransport()
    taken: list[CallResult] = []
    async with MemoryLedger() as ledger:
        campaign, _ = scripted(ledger, transport)
        await campaign.add(contacts(10))
        rows = SlowList(range(11, 11 + PAGE + 50), ValueError("canary"))
        async with campaign.run(wait_for_ends=False) as results:
            adding = asyncio.create_task(add(campaign, rows))
            await rows.is_begun.wait()
            taking = asyncio.create_task(take_into(taken, results))
            rows.go_on.set()
            with pytest.raises(ValueError, match="canary"):
                await adding
            await taking
            # Another list that is whole does not let the broken one through.
            await add(campaign, [contact(99_999)])
        assert len(taken) == 10
        with pytest.raises(LedgerError) as caught:
            await campaign.run().__aenter__()
        assert caught.value.reason == "unfinished_import"


async def test_the_gate() -> None:
    """It is open, closed while a list is added, and open again."""
    async with MemoryLedger() as ledger:
        gate = ImportGate(ledger)
        assert await gate.within() is None
        assert not gate.is_adding
        await gate.wait()
        async with gate.adding():
            assert await gate.within() == range(1, 1)
            async with gate.adding():
                waiting = asyncio.create_task(gate.wait())
                await asyncio.sleep(0)
            assert gate.is_adding
            assert not waiting.done()
        await waiting
        assert await gate.within() is None
