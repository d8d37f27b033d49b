"""A run of a ledger ends as a whole one only where its claims came to their end."""

import asyncio
from pathlib import Path
from typing import Any

from campaigns import contacts, run, scripted
from helpers import ScriptedTransport, make_pabx, take_into

from digitro_async import (
    CallResult,
    DigitroError,
    LedgerError,
    Outcome,
    SourceError,
    open_ledger,
)
from digitro_async.ledger import MemoryLedger


class _OwnLedger(MemoryLedger):
    """A ledger of somebody's own, which fails in ways that no ledger should."""

    fails: str = ""
    error: type[BaseException] = asyncio.CancelledError

    async def claim(self, *args: Any, **options: Any) -> Any:
        """Claim contacts, or fail from the second page on."""
        if self.fails == "claim" and options["after"]:
            raise self.error
        return await super().claim(*args, **options)

    def settle(self, *args: Any, **options: Any) -> Any:
        """Record an outcome, or fail before there is anything to wait for."""
        if self.fails == "settle":
            raise self.error
        return super().settle(*args, **options)


async def _dial(ledger: MemoryLedger, count: int = 3) -> tuple[list[CallResult], Any]:
    """Dial ``count`` contacts; return the results and the error of the run."""
    transport = ScriptedTransport()
    campaign, client = scripted(ledger, transport)
    await campaign.add(contacts(count))
    taken: list[CallResult] = []
    end = None
    try:
        async with campaign.run() as results:
            await take_into(taken, results)
    except DigitroError as error:
        end = error
    assert not results.exhausted
    async with asyncio.timeout(60):
        await client.dispatcher.drain()
    return taken, end


async def test_claims_that_are_cancelled() -> None:
    """A ledger whose claims end in a cancellation does not end the run as whole."""
    async with _OwnLedger() as ledger:
        ledger.fails = "claim"
        taken, end = await _dial(ledger)

    assert len(taken) == 3
    assert isinstance(end, SourceError)


async def test_a_ledger_that_fails_in_its_own_way() -> None:
    """A foreign failure to record costs no result, and closing does not wait for it."""
    async with _OwnLedger() as ledger:
        ledger.fails, ledger.error = "settle", ZeroDivisionError
        taken, end = await _dial(ledger)

    assert taken
    assert isinstance(end, LedgerError)


async def test_more_on_the_wire_than_a_ledger_can_count(tmp_path: Path) -> None:
    """A run over PABX without a limit of calls on the wire claims page by page."""
    pabx = [make_pabx(name, max_in_flight=2**63 - 1) for name in "abc"]
    async with open_ledger(tmp_path / "ledger.db") as ledger:
        campaign, _ = scripted(ledger, ScriptedTransport(), pabx=pabx)
        await campaign.add(contacts(5))
        results = await run(campaign)

    assert [one.outcome for one in results] == [Outcome.ACCEPTED] * 5
