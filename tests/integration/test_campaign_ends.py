"""What became of the calls of a campaign, by the events of their PABX."""

import asyncio
from typing import Any

import pytest
from call_event_scenes import (
    END_TIMEOUT,
    listening,
    tell,
    tell_later,
)
from campaigns import contacts, number_of, scripted
from heard_campaigns import GRACE, IDS, dial, dialling, hearing
from helpers import LOST, ScriptedTransport, make_pabx
from ledgers import (
    entry_of,
)
from virtual_time import virtual_time

from digitro_async import (
    CallEnd,
    CallPhase,
    Disposition,
    EndEvidence,
    LedgerError,
)
from digitro_async.ledger import EndCounts, Ledger, MemoryLedger, State


async def ends(ledger: Ledger) -> list[CallEnd | None]:
    """Return the end of each contact's call."""
    return [entry.end async for entry in ledger.entries()]


class TestRun:
    """A run ends once every call has its end."""

    @virtual_time
    async def test_events(self) -> None:
        """Ends are recorded as they are told; the last one ends the run."""
        async with MemoryLedger() as ledger, dialling(ledger) as (campaign, client):
            busy = tell_later(client, 5.0, IDS[:3], Disposition.BUSY)
            answered = tell_later(client, 90.0, IDS[3:], Disposition.ANSWERED)
            _, _, (results, ended) = await asyncio.gather(
                busy, answered, dial(campaign.run())
            )
            counts = await ledger.ends.counts()
            (first, *_) = await ends(ledger)

        assert len(results) == 5
        assert ended == pytest.approx(90.0 + GRACE, abs=0.1)
        assert counts == EndCounts({Disposition.ANSWERED: 2, Disposition.BUSY: 3})
        assert first is not None
        assert (first.key, first.call_id, first.word) == (1, "one 1", "BUSY")
        assert first.evidence is EndEvidence.CALL_ID
        assert first.pabx_times == {CallPhase.ENDED: "10:00:00"}

    @virtual_time
    async def test_deadline(self) -> None:
        """Calls of which no event tells are none seen when their time is over."""
        async with MemoryLedger() as ledger, dialling(ledger) as (campaign, client):
            told = tell_later(client, 5.0, IDS[:1], Disposition.FAX)
            _, (_, ended) = await asyncio.gather(told, dial(campaign.run()))
            counts = await ledger.ends.counts()

        assert ended == pytest.approx(END_TIMEOUT, abs=0.1)
        assert counts == EndCounts({Disposition.FAX: 1, Disposition.NONE_SEEN: 4})

    @virtual_time
    async def test_no_wait(self) -> None:
        """A run that does not wait ends with its last answer; ends come later."""
        async with MemoryLedger() as ledger, dialling(ledger) as (campaign, client):
            results, ended = await dial(campaign.run(wait_for_ends=False))
            before = await ledger.ends.counts()
            await tell_later(client, 5.0, IDS, Disposition.BUSY)
            await asyncio.sleep(2 * GRACE)
            after = await ledger.ends.counts()

        assert len(results) == 5
        assert ended == pytest.approx(0.0, abs=0.1)
        assert before == EndCounts({}, 5)
        assert after == EndCounts({Disposition.BUSY: 5})

    @virtual_time
    async def test_drain(self) -> None:
        """Whoever stops a run that waits for ends waits no longer."""
        async with MemoryLedger() as ledger, dialling(ledger) as (campaign, _):
            run = campaign.run()

            async def stop() -> bool:
                await asyncio.sleep(20)
                was_waiting = run.is_waiting_for_ends
                run.drain()
                return was_waiting

            was_waiting, (results, ended) = await asyncio.gather(stop(), dial(run))

        assert was_waiting
        assert not run.is_waiting_for_ends
        assert len(results) == 5
        assert ended == pytest.approx(20.0, abs=0.1)

    @virtual_time
    async def test_beside_a_pabx_with_events(self) -> None:
        """At an address with events every call is to get an end, of whichever PABX."""
        beside = make_pabx(name="two", max_in_flight=10)
        async with MemoryLedger() as ledger:
            campaign, client = scripted(
                ledger, ScriptedTransport(), pabx=[listening(), beside]
            )
            async with hearing(client):
                await campaign.add(contacts(6))
                results, _ = await dial(campaign.run(wait_for_ends=False))
                counts = await ledger.ends.counts()

        assert {result.pabx for result in results} == {"one", "two"}
        assert counts == EndCounts({}, 6)

    @virtual_time
    async def test_left_early(self) -> None:
        """Whoever leaves the block waits for no end, cancelled or not."""
        async with MemoryLedger() as ledger, dialling(ledger) as (campaign, _):
            loop = asyncio.get_running_loop()
            began = loop.time()
            async with campaign.run() as results:
                await anext(results)
            left = loop.time()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(10):
                    await dial(campaign.run())
            cut_off = loop.time()
            counts = await ledger.ends.counts()

        assert left - began == pytest.approx(0.0, abs=0.1)
        assert cut_off - left == pytest.approx(10.0, abs=0.1)
        assert counts == EndCounts({}, 5)

    @virtual_time
    async def test_dialling_goes_on(self) -> None:
        """No call waits for the end of another one."""
        transport = ScriptedTransport()
        async with (
            MemoryLedger() as ledger,
            dialling(ledger, transport, count=50) as (campaign, _),
        ):
            await dial(campaign.run())

        assert len(transport.times) == 50
        assert max(transport.times) - min(transport.times) < 1

    @virtual_time
    async def test_without_events(self) -> None:
        """Where no events are read nothing is waited for, and no call gets an end."""
        async with MemoryLedger() as ledger:
            campaign, client = scripted(ledger, ScriptedTransport())
            async with client:
                await campaign.add(contacts(3))
                _, ended = await dial(campaign.run())
            counts = await ledger.ends.counts()

        assert ended == pytest.approx(0.0, abs=0.1)
        assert counts == EndCounts({})

    @virtual_time
    async def test_ledger_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A ledger that can't take an end ends the wait, with its error."""
        async with MemoryLedger() as ledger, dialling(ledger) as (campaign, client):

            def record(*_: object, on_done: Any) -> None:
                on_done(LedgerError("it is full", reason="write_failed"), None)

            monkeypatch.setattr(ledger.ends, "record", record)
            told = tell_later(client, 5.0, IDS[:1], Disposition.BUSY)
            with pytest.raises(LedgerError, match="it is full"):
                await asyncio.gather(told, dial(campaign.run()))

    @virtual_time
    async def test_ledger_is_closed(self) -> None:
        """An end that comes when the ledger is closed troubles nobody."""
        async with MemoryLedger() as ledger, dialling(ledger) as (campaign, client):
            await dial(campaign.run(wait_for_ends=False))
            await ledger.__aexit__(None, None, None)
            await tell_later(client, 5.0, IDS, Disposition.BUSY)
            await asyncio.sleep(2 * GRACE)
            await client.dispatcher.wait_for_ends()
            await ledger.__aenter__()
            counts = await ledger.ends.counts()

        assert counts == EndCounts({}, 5)


class TestUnknown:
    """Events settle what is unknown."""

    @virtual_time
    async def test_seen(self) -> None:
        """The only new call to its number is the call of a contact, and has its end."""
        transport = ScriptedTransport([LOST])
        async with (
            MemoryLedger() as ledger,
            dialling(ledger, transport, count=1) as (campaign, client),
        ):

            async def seen() -> None:
                await asyncio.sleep(2)
                tell(client, "7", CallPhase.STARTED, destination=number_of(1))
                await asyncio.sleep(20)
                tell(client, "7", CallPhase.ENDED, Disposition.ANSWERED)

            _, (_, ended) = await asyncio.gather(seen(), dial(campaign.run()))
            entry = await entry_of(ledger, 1)

        assert (entry.state, entry.call_id) == (State.ACCEPTED, "7")
        assert (entry.evidence or "").startswith("event STARTED of call 7 at ")
        assert number_of(1) not in (entry.evidence or "")
        assert entry.end is not None
        assert entry.end.disposition is Disposition.ANSWERED
        assert entry.end.evidence is EndEvidence.DESTINATION
        assert ended == pytest.approx(22.0 + GRACE, abs=0.2)

    @virtual_time
    async def test_ambiguous(self) -> None:
        """Two new calls to a number settle nobody: none was seen of the call."""
        transport = ScriptedTransport([LOST])
        async with (
            MemoryLedger() as ledger,
            dialling(ledger, transport, count=1) as (campaign, client),
        ):

            async def seen() -> None:
                await asyncio.sleep(2)
                for call_id in ("7", "8"):
                    tell(client, call_id, CallPhase.STARTED, destination=number_of(1))
                    tell(client, call_id, CallPhase.ENDED, Disposition.ANSWERED)

            await asyncio.gather(seen(), dial(campaign.run()))
            entry = await entry_of(ledger, 1)

        assert entry.state is State.UNKNOWN
        assert entry.end is not None
        assert entry.end.disposition is Disposition.NONE_SEEN
