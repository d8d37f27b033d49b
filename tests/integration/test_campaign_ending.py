# ruff: noqa: PT012 - a run's errors come anywhere in its block
import asyncio
import collections
import random
from pathlib import Path
from typing import Any

import anyio
import pytest
from campaigns import (
    contacts,
    number_of,
    outcomes,
    run,
    scripted,
    shelf,
)
from helpers import (
    NOT_SENT,
    ScriptedTransport,
    accepted,
    answered,
    make_pabx,
    quiet_loop,
    take_into,
)
from ledgers import (
    Shelf,
    SQLiteShelf,
    some,
    states,
)

from digitro_async import (
    CallResult,
    ClientClosedError,
    ConfigurationError,
    LedgerError,
    LedgerInUseError,
    Outcome,
    PABXPausedError,
    RateLimit,
)
from digitro_async.ledger import State

__all__ = ["shelf"]  # a fixture


class TestEnding:
    """However a run ends, every contact is in one state and nobody stays claimed."""

    async def test_leaving_early(self, shelf: Shelf) -> None:
        """Who leaves early loses nothing, and the next run calls the rest."""
        transport = ScriptedTransport(latency=0.001)
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, transport)
            await campaign.add(contacts(300))
            async with quiet_loop():
                async with campaign.run() as results:
                    async for _ in results:
                        if len(transport.attempts) > 100:
                            break
                unread = results.unread()
            counts = await ledger.counts()
            sent = len(transport.attempts)
            await run(campaign)

        assert outcomes(unread).keys() <= {Outcome.ACCEPTED, Outcome.NOT_SENT}
        assert some(counts) == {State.ACCEPTED: sent, State.PENDING: 300 - sent}
        assert sorted(transport.destinations) == [
            number_of(line) for line in range(1, 301)
        ]

    async def test_drain(self, shelf: Shelf) -> None:
        """A drained run gives the results of what was on the wire, and ends."""
        transport = ScriptedTransport(latency=0.01)
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, transport)
            await campaign.add(contacts(100))
            taken = []
            async with quiet_loop(), campaign.run() as results:
                async for result in results:
                    taken.append(result)
                    results.drain()
            counts = await ledger.counts()

        assert outcomes(taken)[Outcome.ACCEPTED] == len(transport.attempts) < 100
        assert counts[State.ACCEPTED] == len(transport.attempts)
        assert counts[State.PENDING] == 100 - len(transport.attempts)

    async def test_put_back(self, shelf: Shelf) -> None:
        """Who waited for a turn when the run ended is put back, a failure is not."""
        transport = ScriptedTransport([NOT_SENT])
        pabx = make_pabx(max_in_flight=10, rate=RateLimit(2, per=60.0))
        taken = []
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, transport, pabx=pabx)
            await campaign.add(contacts(30))
            async with quiet_loop(), campaign.run() as results:
                async for result in results:
                    taken.append(result)
                    if len(taken) == 1:
                        results.drain()
            counts = await ledger.counts()

        sent = len(transport.attempts)
        put_back = [one for one in taken if one.was_put_back]
        assert [one.was_put_back for one in taken[:1]] == [False]
        assert (taken[0].outcome, taken[0].attempts) == (Outcome.NOT_SENT, 1)
        assert len(put_back) == len(taken) - sent > 0
        assert outcomes(put_back) == {Outcome.NOT_SENT: len(put_back)}
        assert counts[State.PENDING] == 30 - counts[State.ACCEPTED]

    async def test_put_back_by_a_pause(self, shelf: Shelf) -> None:
        """Whom a pause leaves without a turn is put back, who met its cause is not."""
        transport = ScriptedTransport([answered(401)])
        pabx = make_pabx(max_in_flight=10, rate=RateLimit(1, per=60.0))
        taken: list[CallResult] = []
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, transport, pabx=pabx)
            await campaign.add(contacts(30))
            async with campaign.run() as results:
                with pytest.raises(PABXPausedError):
                    await take_into(taken, results)
            counts = await ledger.counts()

        kinds = collections.Counter((one.outcome, one.was_put_back) for one in taken)
        assert kinds[Outcome.REFUSED, False] == 1
        assert kinds[Outcome.NOT_SENT, True] == len(taken) - 1 > 0
        assert some(counts) == {State.PENDING: 30}

    async def test_client_closes(self, shelf: Shelf) -> None:
        """A client that is closed meanwhile ends the run; nobody is lost."""
        transport = ScriptedTransport(latency=0.01)
        async with shelf.ledger() as ledger:
            campaign, client = scripted(ledger, transport)
            await campaign.add(contacts(100))
            async with campaign.run() as results:
                await anext(results)
                await client.aclose()
                with pytest.raises(Exception, match="told to stop"):
                    await take_into([], results)
            counts = await ledger.counts()
            with pytest.raises(ClientClosedError):
                campaign.run()

        assert some(counts) == {
            State.ACCEPTED: len(transport.attempts),
            State.PENDING: 100 - len(transport.attempts),
        }

    async def test_exception_of_the_consumer(self, shelf: Shelf) -> None:
        """An exception in the block comes out as it is, and nobody stays claimed."""
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            await campaign.add(contacts(50))
            with pytest.raises(ZeroDivisionError):
                async with campaign.run() as results:
                    await anext(results)
                    raise ZeroDivisionError
            counts = await ledger.counts()

        assert set(some(counts)) <= {State.ACCEPTED, State.PENDING}

    @pytest.mark.parametrize("seed", range(60))
    async def test_cancelled_at_any_moment(self, tmp_path: Path, seed: int) -> None:
        """Cancelled at any moment, once or twice, everybody is in the right state."""
        chance = random.Random(seed)
        script = [accepted(n) if chance.random() < 0.8 else NOT_SENT for n in range(40)]
        transport = ScriptedTransport(script, latency=lambda: chance.random() * 0.004)
        async with quiet_loop(), SQLiteShelf(tmp_path).ledger() as ledger:
            campaign, _ = scripted(ledger, transport)
            await campaign.add(contacts(40))
            taken: list[CallResult] = []

            async def consume() -> None:
                async with campaign.run() as results:
                    try:
                        await take_into(taken, results)
                    finally:
                        taken_later.append(results)

            taken_later: list[Any] = []
            task = asyncio.create_task(consume())
            for _ in range(chance.choice((1, 1, 2, 3))):
                await asyncio.sleep(chance.choice((0.0, 0.001, 0.01)) * chance.random())
                for _ in range(chance.randrange(20)):
                    await asyncio.sleep(0)
                task.cancel()
            await asyncio.wait([task])
            for results in taken_later:
                taken += results.unread()
            found = await states(ledger)

        sent_and_known = collections.Counter(transport.destinations)
        may_have_left = {
            int(attempt.destination[-4:])
            for attempt in transport.attempts
            if (script + [accepted(0)] * 99)[attempt.number - 1].request_started
        }
        assert max(sent_and_known.values(), default=0) <= 1
        assert set(found.values()) <= {State.PENDING, State.ACCEPTED, State.UNKNOWN}
        assert {n for n, state in found.items() if state is not State.PENDING} == (
            may_have_left
        )
        keys = [result.key for result in taken]
        assert len(keys) == len(set(keys))
        assert may_have_left <= set(keys)

    async def test_cancelled_scope(self, shelf: Shelf) -> None:
        """A cancelled scope lets what is on the wire finish and gives back the rest."""
        transport = ScriptedTransport(latency=0.02)
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, transport)
            await campaign.add(contacts(100))
            with anyio.move_on_after(0.05) as scope:
                async with campaign.run() as results:
                    await take_into([], results)
            counts = await ledger.counts()

        assert scope.cancelled_caught
        begun = len(transport.attempts)
        expected = {State.ACCEPTED: begun, State.PENDING: 100 - begun}
        assert some(counts) == some(expected)

    async def test_one_run_at_a_time(self, shelf: Shelf) -> None:
        """A ledger is dialled by one run at a time, and a run is entered once."""
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport(latency=0.01))
            await campaign.add(contacts(30))
            async with campaign.run() as results:
                with pytest.raises(LedgerInUseError) as caught:
                    await run(campaign)
                await take_into([], results)
            with pytest.raises(ConfigurationError):
                await results.__aenter__()
            await run(campaign)
            counts = await ledger.counts()

        assert caught.value.reason == "running"
        assert some(counts) == {State.ACCEPTED: 30}

    async def test_ledger_that_is_not_open(self, shelf: Shelf) -> None:
        """A run over a closed ledger fails at once, and can be done again."""
        ledger = shelf.ledger()
        campaign, _ = scripted(ledger, ScriptedTransport())
        for _ in range(2):
            with pytest.raises(LedgerError) as caught:
                await run(campaign)

            assert caught.value.reason == "closed"
