"""What becomes of calls that were in progress when an earlier run ended."""

import asyncio
import time
from contextlib import aclosing
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
from heard_campaigns import GRACE, IDS, dial, dialling, hearing
from helpers import LOST, ScriptedTransport, accepted
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
    CallPhase,
    Campaign,
    Disposition,
)
from digitro_async.ledger import ClaimOwner, EndCounts, MemoryLedger, State


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
