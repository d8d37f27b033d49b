import asyncio
from pathlib import Path

from campaigns import CALL, NEVER, contacts
from helpers import ScriptedTransport, make_pabx, take_into

from digitro_async import (
    CallResult,
    Campaign,
    ClientEvent,
    DigitroClient,
    EventKind,
    HealthStatus,
    LedgerError,
)
from digitro_async.ledger import SQLiteLedger


async def test_a_ledger_that_is_gone(tmp_path: Path) -> None:
    """The loss of a run's ledger is told once, and its health until the next run."""
    events: list[ClientEvent] = []
    taken: list[CallResult] = []
    path, other = tmp_path / "one.db", tmp_path / "two.db"
    transport = ScriptedTransport(latency=0.005)
    pabx = make_pabx(max_in_flight=2)
    async with DigitroClient(
        pabx, transport=transport, pause=NEVER, on_event=events.append
    ) as client:
        try:
            async with SQLiteLedger(path) as ledger:
                campaign = Campaign(ledger, client, call=CALL)
                await campaign.add(contacts(5_000))
                async with campaign.run() as results:
                    taken.append(await anext(results))
                    path.unlink()
                    await take_into(taken, results)
        except LedgerError as error:
            reason = error.reason
        await asyncio.sleep(0)
        after = client.health()
        async with SQLiteLedger(other) as ledger:
            campaign = Campaign(ledger, client, call=CALL)
            await campaign.add(contacts(3))
            async with campaign.run() as results:
                await take_into(taken, results)
        last = client.health()

    [event] = events
    assert (event.kind, event.reason) == (EventKind.LEDGER_FAILED, reason)
    assert str(tmp_path) not in event.text
    assert (after.status, after.ledger) == (HealthStatus.DEGRADED, reason)
    assert (last.status, last.ledger) == (HealthStatus.OK, "")
    assert 1 < len(transport.attempts) < 5_000
