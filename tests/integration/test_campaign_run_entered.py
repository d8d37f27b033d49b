import pytest
from campaigns import contacts, scripted
from helpers import ScriptedTransport

from digitro_async import ConfigurationError
from digitro_async.ledger import MemoryLedger


async def test_a_run_that_was_not_entered() -> None:
    """A run that nobody entered says so, and does not end as if all were called."""
    transport = ScriptedTransport()
    async with MemoryLedger() as ledger:
        campaign, _ = scripted(ledger, transport)
        await campaign.add(contacts(3))
        with pytest.raises(ConfigurationError, match="a run must be entered first"):
            async for _ in campaign.run():
                pass
        async with campaign.run() as results:
            called = [result async for result in results]

    assert len(called) == len(transport.attempts) == 3
