import asyncio
import collections
import logging
from pathlib import Path

import pytest
from campaigns import (
    CALL,
    NEVER,
    ONCE,
    ScriptedClient,
    contact,
    contacts,
    number_of,
    outcomes,
    run,
    scripted,
    shelf,
)
from helpers import (
    LOST,
    NOT_SENT,
    ScriptedTransport,
    accepted,
    answered,
    make_pabx,
    take_into,
)
from ledgers import (
    Shelf,
    entry_of,
    some,
    states,
)

from digitro_async import (
    CallResult,
    Campaign,
    DigitroClient,
    Dispatcher,
    InvalidCallError,
    Outcome,
    PABXPausedError,
    PauseSettings,
    RetrySettings,
    open_ledger,
)
from digitro_async.ledger import State
from digitro_async.protocol import Failure, Observation
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan

__all__ = ["shelf"]  # a fixture


class TestRun:
    """Each contact is called once, and its outcome is recorded."""

    async def test_over_the_simulator(self, tmp_path: Path) -> None:
        """A list is dialled once; dialling it again calls nobody."""
        path = tmp_path / "ledger.db"
        async with FakePABX() as pabx, DigitroClient(pabx.settings()) as client:
            async with open_ledger(path) as ledger:
                campaign = Campaign(ledger, client, call=CALL)
                await campaign.add(contacts(300))
                results = await run(campaign)
                again = await run(campaign)
                counts = await ledger.counts()
                shown = [entry async for entry in ledger.entries()]
            called = [call.destination for call in pabx.calls]
            ids = {call.call_id for call in pabx.calls}

        assert again == []
        assert collections.Counter(called) == collections.Counter(
            number_of(line) for line in range(1, 301)
        )
        assert outcomes(results) == {Outcome.ACCEPTED: 300}
        assert {result.key for result in results} == set(range(1, 301))
        assert some(counts) == {State.ACCEPTED: 300}
        assert {entry.call_id for entry in shown} == ids
        assert {(entry.pabx, entry.attempts) for entry in shown} == {("simulator", 1)}

    async def test_every_outcome(self, shelf: Shelf) -> None:
        """Each outcome leads to its state, and only what was not placed comes again."""
        script = [answered(400), LOST, NOT_SENT, answered(429), answered(500)]
        transport = ScriptedTransport(script)
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, transport, pabx=make_pabx(max_in_flight=1))
            await campaign.add(contacts(6))
            results = await run(campaign)
            after_one = await states(ledger)
            again = await run(campaign)
            after_two = await states(ledger)
            attempts = (await entry_of(ledger, 3)).attempts

        assert [result.outcome for result in results] == [
            Outcome.REJECTED,
            Outcome.UNKNOWN,
            Outcome.NOT_SENT,
            Outcome.REFUSED,
            Outcome.UNKNOWN,
            Outcome.ACCEPTED,
        ]
        assert after_one == {
            1: State.REJECTED,
            2: State.UNKNOWN,
            3: State.PENDING,
            4: State.PENDING,
            5: State.UNKNOWN,
            6: State.ACCEPTED,
        }
        assert [result.key for result in again] == [3, 4]
        assert after_two == after_one | {3: State.ACCEPTED, 4: State.ACCEPTED}
        assert attempts == 2

    async def test_retries(self, shelf: Shelf) -> None:
        """A call that is sent again within a run has an intent for each attempt."""
        transport = ScriptedTransport([NOT_SENT, NOT_SENT])
        async with shelf.ledger() as ledger:
            client = ScriptedClient(transport)
            retry = RetrySettings(max_attempts=3, base_delay=0)
            client._dispatcher = Dispatcher(
                make_pabx(), transport, retry=retry, pause=NEVER
            )
            campaign = Campaign(ledger, client, call=CALL)
            await campaign.add(contacts(1))
            (result,) = await run(campaign)
            entry = await entry_of(ledger, 1)

        assert (result.outcome, result.attempts) == (Outcome.ACCEPTED, 3)
        assert (entry.state, entry.attempts) == (State.ACCEPTED, 3)

    async def test_max_attempts_over_runs(self, shelf: Shelf) -> None:
        """A contact whose call fails by itself is given up after ``max_attempts``."""
        failed = Observation(request_started=False, failure=Failure.UNEXPECTED)
        transport = ScriptedTransport(decide=lambda _: failed)
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, transport, max_attempts=2)
            await campaign.add(contacts(3))
            runs = [len(await run(campaign)) for _ in range(4)]
            counts, count_exhausted = (
                await ledger.counts(),
                await ledger.count_exhausted(2),
            )

        assert runs == [3, 3, 0, 0]
        assert len(transport.attempts) == 6
        assert (some(counts), count_exhausted) == ({State.PENDING: 3}, 3)

    async def test_each_contact_once_a_run(self, shelf: Shelf) -> None:
        """Contacts that a paused PABX does not take are given back only once."""
        transport = ScriptedTransport()
        pabx = [make_pabx("one"), make_pabx("two")]
        async with shelf.ledger() as ledger:
            campaign, client = scripted(ledger, transport, pabx=pabx)
            client.dispatcher.pause("two")
            rows = [contact(line, pabx="two") for line in range(1, 251)]
            await campaign.add([*rows, contact(300)])
            async with asyncio.timeout(60):
                results = await run(campaign)
            counts = await ledger.counts()
            client.dispatcher.resume("two")
            later = await run(campaign)

        assert outcomes(results) == {Outcome.NOT_SENT: 250, Outcome.ACCEPTED: 1}
        assert some(counts) == {State.PENDING: 250, State.ACCEPTED: 1}
        assert outcomes(later) == {Outcome.ACCEPTED: 250}
        assert {attempt.pabx for attempt in transport.attempts[1:]} == {"two"}

    async def test_a_pabx_that_is_not_there(self, shelf: Shelf) -> None:
        """A contact for a PABX that nobody knows stays pending: it may come yet."""
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            await campaign.add([contact(1, pabx="nowhere"), contact(2)])
            results = await run(campaign)
            found = await states(ledger)

        assert outcomes(results) == {Outcome.INVALID: 1, Outcome.ACCEPTED: 1}
        assert isinstance(
            next(one.error for one in results if one.key == 1), InvalidCallError
        )
        assert found == {1: State.PENDING, 2: State.ACCEPTED}

    async def test_repeated_call_id_of_an_earlier_run(self, shelf: Shelf) -> None:
        """An acceptance with a call id of an earlier run is unknown to all."""
        same = [accepted("same"), accepted("same"), accepted("other")]
        async with shelf.ledger() as ledger:
            for line in (1, 2, 3):
                campaign, _ = scripted(ledger, ScriptedTransport([same[line - 1]]))
                await campaign.add([contact(line)])
                results = await run(campaign)
                if line == 2:
                    (unknown,) = results
            found = await states(ledger)
            entry = await entry_of(ledger, 2)

        assert (unknown.outcome, unknown.call_id) == (Outcome.UNKNOWN, None)
        assert unknown.error is not None
        assert unknown.error.reason == entry.reason == "repeated_call_id"
        assert found == {1: State.ACCEPTED, 2: State.UNKNOWN, 3: State.ACCEPTED}

    async def test_added_meanwhile(self, shelf: Shelf) -> None:
        """Contacts that are put in while a run goes on are called by it."""
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport(latency=0.01))
            await campaign.add(contacts(150))
            taken = []
            async with campaign.run() as results:
                async for result in results:
                    taken.append(result)
                    if len(taken) == 1:
                        await campaign.add(contacts(300))

        assert outcomes(taken) == {Outcome.ACCEPTED: 300}

    async def test_an_empty_ledger(self, shelf: Shelf) -> None:
        """A run with nothing to do ends at once."""
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            async with campaign.run() as results:
                taken = [result async for result in results]

                assert results.exhausted
        assert taken == []

    async def test_nothing_private_in_logs(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nothing that is logged or shown of results holds a number or a password."""
        faults = FaultPlan([Fault(FaultKind.LOSE_ANSWER, probability=0.3)], seed=1)
        shown: list[str] = []
        with caplog.at_level(logging.DEBUG):
            asyncio.get_running_loop().set_debug(True)
            async with (
                FakePABX(faults=faults) as pabx,
                open_ledger(tmp_path / "ledger.db") as ledger,
                DigitroClient(pabx.settings(), pause=NEVER) as client,
            ):
                campaign = Campaign(ledger, client, call=CALL)
                await campaign.add(contacts(60))
                for result in await run(campaign):
                    shown += [repr(result), str(result.error)]
                shown += [repr(campaign), repr(ledger)]
                shown += [repr(entry) async for entry in ledger.entries()]
        text = "\n".join([caplog.text, *shown])

        assert "Outcome.UNKNOWN" in text
        assert [one for one in ("canary-4567", number_of(0)[:8]) if one in text] == []


class TestPause:
    """When the PABX takes no calls."""

    async def test_paused_until_somebody_looks(self, tmp_path: Path) -> None:
        """A wrong key ends the run with the pause; nobody is lost, all is resumed."""
        taken: list[CallResult] = []
        async with (
            FakePABX(api_key="right") as pabx,
            open_ledger(tmp_path / "ledger.db") as ledger,
        ):
            wrong = pabx.settings(api_key="wrong", max_in_flight=5)
            async with DigitroClient(wrong) as client:
                campaign = Campaign(ledger, client, call=CALL)
                await campaign.add(contacts(100))
                async with campaign.run() as results:
                    with pytest.raises(PABXPausedError) as caught:
                        await take_into(taken, results)

                    assert not results.exhausted
            paused = await ledger.counts()
            async with DigitroClient(pabx.settings()) as client:
                later = await run(Campaign(ledger, client, call=CALL))
            counts = await ledger.counts()

        assert caught.value.reason == "status_401"
        assert set(outcomes(taken)) <= {Outcome.REFUSED, Outcome.NOT_SENT}
        assert some(paused) == {State.PENDING: 100}
        assert outcomes(later) == {Outcome.ACCEPTED: 100}
        assert some(counts) == {State.ACCEPTED: 100}
        assert pabx.placed == 100

    async def test_nobody_there(self, tmp_path: Path) -> None:
        """Nothing listens: attempts are counted, nobody is unknown, and all resumed."""
        async with FakePABX() as pabx:
            await pabx.stop_listening()
            pause = PauseSettings(not_sent_run=10**9)
            async with open_ledger(tmp_path / "ledger.db") as ledger:
                async with DigitroClient(
                    pabx.settings(), retry=ONCE, pause=pause
                ) as client:
                    campaign = Campaign(ledger, client, call=CALL)
                    await campaign.add(contacts(20))
                    first = await run(campaign)
                    counts = await ledger.counts()
                    await pabx.resume_listening()
                    second = await run(campaign)
                attempts = {entry.attempts async for entry in ledger.entries()}

        assert outcomes(first) == {Outcome.NOT_SENT: 20}
        assert some(counts) == {State.PENDING: 20}
        assert outcomes(second) == {Outcome.ACCEPTED: 20}
        assert attempts == {2}
