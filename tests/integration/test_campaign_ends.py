"""What became of the calls of a campaign, by the events of their PABX."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from call_event_scenes import (
    END_TIMEOUT,
    listening,
    open_channel,
    tell,
    tell_later,
)
from campaigns import CALL, ScriptedClient, contacts, number_of, scripted
from helpers import LOST, ScriptedTransport, accepted, take_into
from ledgers import (
    NOW,
    OWNER,
    SQLiteShelf,
    accept,
    entry_of,
    open_intents,
    states,
)
from virtual_time import virtual_time

from digitro_async import (
    CallEnd,
    CallPhase,
    CallResult,
    Campaign,
    DigitroClient,
    Disposition,
    EndEvidence,
    LedgerError,
)
from digitro_async.campaign import CampaignRun
from digitro_async.ledger import ClaimOwner, EndCounts, Ledger, MemoryLedger, State

IDS = [f"one {number}" for number in range(1, 6)]
GRACE = 1.0
"""Seconds after the event of an end until the end is told."""


@asynccontextmanager
async def dialling(
    ledger: Ledger, transport: ScriptedTransport | None = None, count: int = 5
) -> AsyncIterator[tuple[Campaign, DigitroClient]]:
    """Open a campaign of five contacts whose client hears events."""
    campaign, client = scripted(
        ledger, transport or ScriptedTransport(), pabx=listening()
    )
    async with hearing(client):
        await campaign.add(contacts(count))
        yield campaign, client


@asynccontextmanager
async def hearing(client: DigitroClient) -> AsyncIterator[None]:
    """Use a client that opens no channel itself: it is told what it hears."""
    async with aclosing(client):
        open_channel(client)
        await asyncio.sleep(1)  # what was sent before it was open is seen by nobody
        yield


async def dial(run: CampaignRun) -> tuple[list[CallResult], float]:
    """Take all results; return them, and how many seconds later it ended."""
    loop, taken = asyncio.get_running_loop(), list[CallResult]()
    began = loop.time()
    async with run as results:
        await take_into(taken, results)
        ended = loop.time()
    return taken, ended - began


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


class TestNextRun:
    """Calls that were in progress when a run ended get their ends in the next one."""

    @virtual_time
    async def test_followed(self) -> None:
        """They are followed by their call ids, and are none seen by their deadline."""
        async with MemoryLedger() as ledger:
            async with dialling(ledger) as (campaign, _):
                await dial(campaign.run(wait_for_ends=False))
            new = ScriptedTransport(decide=lambda _: accepted("new"))
            async with dialling(ledger, new, count=6) as (campaign, client):
                told = tell_later(client, 5.0, IDS[:2], Disposition.BUSY)
                new_told = tell_later(client, 9.0, ["new"], Disposition.FAX)
                *_, (results, ended) = await asyncio.gather(
                    told, new_told, dial(campaign.run())
                )
                counts = await ledger.ends.counts()

        assert len(results) == 1
        assert ended == pytest.approx(END_TIMEOUT, abs=1.0)
        assert counts == EndCounts(
            {Disposition.BUSY: 2, Disposition.FAX: 1, Disposition.NONE_SEEN: 3}
        )

    @virtual_time
    async def test_of_the_same_client(self) -> None:
        """A client that follows them already follows each once."""
        async with MemoryLedger() as ledger, dialling(ledger) as (campaign, client):
            await dial(campaign.run(wait_for_ends=False))
            told = tell_later(client, 5.0, IDS, Disposition.BUSY)
            _, (results, ended) = await asyncio.gather(told, dial(campaign.run()))
            counts = await ledger.ends.counts()
            (statistics,) = client.statistics().pabx.values()

        assert results == []
        assert ended == pytest.approx(5.0 + GRACE, abs=0.1)
        assert counts == EndCounts({Disposition.BUSY: 5})
        assert statistics.in_progress == 0

    @virtual_time
    async def test_they_are_in_progress(self) -> None:
        """They count among the calls in progress, so that the cap holds for all."""
        new = ScriptedTransport(decide=lambda one: accepted(f"new {one.number}"))
        async with MemoryLedger() as ledger:
            async with dialling(ledger) as (campaign, _):
                await dial(campaign.run(wait_for_ends=False))
            client = ScriptedClient(new, listening(max_in_progress=6))
            campaign = Campaign(ledger, client, call=CALL)
            async with hearing(client):
                await campaign.add(contacts(9))
                _, ended = await dial(campaign.run())
            counts = await ledger.ends.counts()
        first, *others = new.times

        assert len(others) == 3
        assert min(others) - first == pytest.approx(END_TIMEOUT, abs=1.5)
        assert ended == pytest.approx(2 * END_TIMEOUT, abs=2.0)
        assert counts == EndCounts({Disposition.NONE_SEEN: 9})

    @virtual_time
    async def test_runs_with_other_deadlines(self) -> None:
        """Each gets its end in time, though the runs before had other deadlines."""
        now = time.time()
        async with MemoryLedger() as ledger:
            for owner, most, timeout, answered in (
                (OWNER, 2, 600.0, now - 200),
                (ClaimOwner("other"), 4, 250.0, now - 20),
            ):
                await ledger.ends.expect(owner, {"one": timeout})
                for number in await open_intents(ledger, most, owner):
                    await accept(ledger, number, f"{number}", at=answered, owner=owner)
            campaign, client = scripted(ledger, ScriptedTransport(), pabx=listening())
            async with hearing(client):
                run = asyncio.create_task(dial(campaign.run()))
                await asyncio.sleep(150)  # and not 280, when the later ones end
                counts = await ledger.ends.counts()
                await run

        assert counts == EndCounts({Disposition.NONE_SEEN: 2}, 2)

    @virtual_time
    async def test_without_events(self) -> None:
        """Where their events are read no more, they are none seen by the deadline."""
        async with MemoryLedger() as ledger:
            async with dialling(ledger) as (campaign, _):
                await dial(campaign.run(wait_for_ends=False))
            campaign, client = scripted(ledger, ScriptedTransport())
            async with client:
                first = await dial(campaign.run(wait_for_ends=False))
                before = await ledger.ends.counts()
                _, ended = await dial(campaign.run())
            after = await ledger.ends.counts()

        assert first[1] == pytest.approx(0.0, abs=0.1)
        assert before == EndCounts({}, 5)
        assert ended == pytest.approx(END_TIMEOUT, abs=1.0)
        assert after == EndCounts({Disposition.NONE_SEEN: 5})

    @virtual_time
    async def test_unknown_of_before(self) -> None:
        """An unknown call of an earlier run is not settled by a call to its number."""
        transport = ScriptedTransport([LOST])
        async with MemoryLedger() as ledger:
            async with dialling(ledger, transport, count=1) as (campaign, _):
                await dial(campaign.run(wait_for_ends=False))
            async with dialling(ledger, count=1) as (campaign, client):
                open_channel(client)
                tell(client, "7", CallPhase.STARTED, destination=number_of(1))
                tell(client, "7", CallPhase.ENDED, Disposition.ANSWERED)
                await dial(campaign.run())
            entry = await entry_of(ledger, 1)

        assert entry.state is State.UNKNOWN
        assert entry.end is not None
        assert entry.end.disposition is Disposition.NONE_SEEN

    async def test_killed(self, tmp_path: Any) -> None:
        """Over a file, what a killed run left open is closed at once after its time."""
        shelf = SQLiteShelf(tmp_path)
        killed = shelf.ledger()
        await killed.__aenter__()
        await killed.ends.expect(OWNER, {"one": 10.0})
        for number in await open_intents(killed, 3):
            await accept(killed, number, f"old {number}", at=NOW - 1e9)
        await shelf.lose_owner(killed)
        async with shelf.ledger() as ledger:
            campaign, client = scripted(ledger, ScriptedTransport(), pabx=listening())
            async with aclosing(client):
                await dial(campaign.run())
            counts = await ledger.ends.counts()
            found = await states(ledger)

        assert counts == EndCounts({Disposition.NONE_SEEN: 3})
        assert set(found.values()) == {State.ACCEPTED}
