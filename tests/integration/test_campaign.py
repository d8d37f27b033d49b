# ruff: noqa: PT012 - a run's errors come anywhere in its block
import asyncio
import collections
import contextlib
import logging
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import anyio
import attrs
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
)
from helpers import (
    LOST,
    NOT_SENT,
    Attempt,
    ScriptedTransport,
    accepted,
    answered,
    make_pabx,
    quiet_loop,
    take_into,
)
from ledgers import (
    SHELVES,
    Shelf,
    SQLiteShelf,
    entry_of,
    new_contact,
    shown_by,
    some,
    states,
)

from digitro_async import (
    CallResult,
    Campaign,
    ClientClosedError,
    ConfigurationError,
    DigitroClient,
    Dispatcher,
    InvalidCallError,
    LedgerError,
    LedgerInUseError,
    Outcome,
    PABXPausedError,
    PauseSettings,
    PredictiveCall,
    RateLimit,
    RetrySettings,
    open_ledger,
)
from digitro_async.campaign import ImportSummary
from digitro_async.campaign._import import PAGE
from digitro_async.contacts import ContactRow, RejectedRow, open_contacts
from digitro_async.dispatch._pacing import Pacer
from digitro_async.ledger import SQLiteLedger, State
from digitro_async.ledger._reconciliation import QUARANTINE
from digitro_async.protocol import Failure, Observation
from digitro_async.testing import FakePABX, Fault, FaultKind, FaultPlan


@pytest.fixture(params=SHELVES)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """Return where the ledger of this test stands."""
    return SHELVES[request.param](tmp_path)


class TestAdd:
    """Contacts are put in once, as they are read."""

    async def test_again(self, shelf: Shelf) -> None:
        """The same contacts put in once more add nothing."""
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            first = await campaign.add(contacts(2 * PAGE + 7))
            again = await campaign.add(contacts(2 * PAGE + 7))
            counts = await ledger.counts()

        assert first == ImportSummary(new=2 * PAGE + 7)
        assert again == ImportSummary(known=2 * PAGE + 7)
        assert some(counts) == {State.PENDING: 2 * PAGE + 7}

    async def test_on_other_lines(self, shelf: Shelf) -> None:
        """A contact that comes from another line is told of, with its first line."""
        told = []
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            await campaign.add(contacts(3))
            imported = await campaign.add(
                [contact(2), contact(9, id="C3"), contact(4)],
                repeated=lambda one, line: told.append((one.line, line)),
            )

        assert imported == ImportSummary(new=1, known=1, repeated=1)
        assert told == [(9, 3)]

    async def test_contacts_without_id(self, shelf: Shelf) -> None:
        """Without an id it is the number that makes a contact."""
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            imported = await campaign.add(
                [
                    contact(1, id=None),
                    contact(2, id=None, fields={"destination": number_of(1)}),
                    contact(3, id="x", fields={"destination": number_of(1)}),
                    contact(4, id=number_of(1)),
                ]
            )

        assert imported == ImportSummary(new=3, repeated=1)

    @pytest.mark.parametrize("then", [True, False])
    async def test_duplicates(self, shelf: Shelf, *, then: bool) -> None:
        """Allowed duplicates count once each, also if the file is edited meanwhile."""
        file = [contact(1), contact(2), contact(3, id="C1"), contact(4, id="C1")]
        edited = [contact(2, id="C1"), contact(5, id="C1"), contact(9, id="C2")]
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            first = await campaign.add(file, allow_duplicates=True)
            again = await campaign.add(file, allow_duplicates=then)
            later = await campaign.add(edited, allow_duplicates=then)

        assert first == ImportSummary(new=4)
        assert again.new == later.new == 0

    async def test_file(self, shelf: Shelf, tmp_path: Path) -> None:
        """A contact file is put in with its rejected rows counted and told of."""
        told: list[RejectedRow] = []
        path = tmp_path / "contacts.csv"
        path.write_text("destination;id\n0483281;a\nx;b\n0483282;c\n", encoding="utf-8")
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            with open_contacts(path, defaults=CALL) as file:
                imported = await campaign.add(file, rejected=told.append)

        assert imported == ImportSummary(new=2, rejected=1)
        assert [row.line for row in told] == [3]

    async def test_read_as_written(self, shelf: Shelf) -> None:
        """No more is read of the contacts than is put in."""
        most = 0
        put_in = 0

        def reading() -> Iterable[ContactRow]:
            nonlocal most
            for number, one in enumerate(contacts(3 * PAGE), 1):
                most = max(most, number - put_in)
                yield one

        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            add = ledger.add

            async def counted(page: Any, **more: Any) -> Any:
                nonlocal put_in
                put_in += len(page)
                return await add(page, **more)

            ledger.add = counted  # type: ignore[method-assign, assignment]
            await campaign.add(reading())

        assert most <= PAGE

    async def test_contacts_that_come_later(self, shelf: Shelf) -> None:
        """Contacts of an asynchronous source are put in as they come."""

        async def coming() -> AsyncIterator[ContactRow]:
            for one in contacts(PAGE + 3):
                await asyncio.sleep(0)
                yield one

        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            first = await campaign.add(coming())
            again = await campaign.add(contacts(PAGE + 3))
            (one, two) = await ledger.imports()

        assert first == ImportSummary(new=PAGE + 3)
        assert again == ImportSummary(known=PAGE + 3)
        assert (one.is_whole, two.is_whole) == (True, True)

    async def test_later_contacts_that_break_off(self, shelf: Shelf) -> None:
        """An asynchronous source that breaks off leaves a list without its end."""

        async def coming() -> AsyncIterator[ContactRow]:
            for one in contacts(5):
                yield one
            raise ZeroDivisionError

        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            with pytest.raises(ZeroDivisionError):
                await campaign.add(coming())
            with pytest.raises(LedgerError, match="not put in to its end"):
                await run(campaign)
            await campaign.add(contacts(5))
            results = await run(campaign)

        assert len(results) == 5


class TestFields:
    """What a row says, and what is said for all."""

    async def test_own_fields(self, shelf: Shelf) -> None:
        """What a row says overrides what is said for all, also in a later run."""
        rows = [
            contact(1),
            contact(2, fields={"route": "7", "user_data": "Açaí\nFulano"}),
            contact(3, fields={"device": "9", "device_password": "own"}),
        ]
        async with shelf.ledger() as ledger:
            await scripted(ledger, ScriptedTransport())[0].add(rows)
            client = ScriptedClient(ScriptedTransport())
            later = {"device": "55", "device_password": "new", "route": "3"}
            results = await run(Campaign(ledger, client, call=later))
        calls = {result.key: result.call for result in results}
        expected = [
            PredictiveCall(destination=number_of(1), **later),
            PredictiveCall(
                destination=number_of(2),
                **{**later, "route": "7", "user_data": "Açaí\nFulano"},
            ),
            PredictiveCall(
                destination=number_of(3),
                **{**later, "device": "9", "device_password": "own"},
            ),
        ]

        assert [calls[number] for number in (1, 2, 3)] == expected

    @pytest.mark.parametrize(
        ("call", "said"),
        [
            ({"destination": "1"}, "destination can't have a default"),
            ({"devise": "1"}, "'devise' is no field of a call; did you mean device?"),
            ({"device": ""}, "call default device is empty"),
            (
                {"device": "canary\x1b"},
                "call default device holds a control character",
            ),
            ({"user_data": 7}, "call default user_data must be text"),
        ],
    )
    def test_defaults_that_can_not_be_used(self, call: Any, said: str) -> None:
        """A default that would make every contact invalid is refused beforehand."""
        client = ScriptedClient(ScriptedTransport())
        with pytest.raises(ConfigurationError) as caught:
            Campaign(SQLiteLedger(Path("unused")), client, call={**CALL, **call})

        assert str(caught.value) == said

    async def test_default_that_changes_between_runs(self, shelf: Shelf) -> None:
        """A field that a row gives stays, also where a default said the same once."""
        rows = [contact(1, fields={"route": "0"}), contact(2)]
        async with shelf.ledger() as ledger:
            client = ScriptedClient(ScriptedTransport())
            before = Campaign(ledger, client, call={**CALL, "route": "0"})
            await before.add(rows)
            after = Campaign(ledger, client, call={**CALL, "route": "9"})
            results = await run(after)

        assert {result.key: result.call.route for result in results} == {1: "0", 2: "9"}

    async def test_file_read_under_another_default(
        self, shelf: Shelf, tmp_path: Path
    ) -> None:
        """A cell of a file stays over a default that is changed after its import."""
        path = tmp_path / "contacts.csv"
        path.write_text("destination;route\n0483281;0\n0483282;\n", encoding="utf-8")
        async with shelf.ledger() as ledger:
            client = ScriptedClient(ScriptedTransport())
            defaults = {**CALL, "route": "0"}
            with open_contacts(path, defaults=defaults) as file:
                await Campaign(ledger, client, call=defaults).add(file)
            after = Campaign(ledger, client, call={**CALL, "route": "9"})
            results = await run(after)

        assert {result.key: result.call.route for result in results} == {1: "0", 2: "9"}

    async def test_calls_as_contacts(self, shelf: Shelf) -> None:
        """A call that is made a row keeps all of its fields, whatever is default."""
        call = PredictiveCall(
            device="7", device_password="own", destination=number_of(1)
        )
        row = ContactRow.from_call(call, line=1, id="C1", pabx="one")
        async with shelf.ledger() as ledger:
            client = ScriptedClient(ScriptedTransport())
            later = {"device": "55", "device_password": "new", "route": "3"}
            campaign = Campaign(ledger, client, call={**later, "account": "1"})
            await campaign.add([row])
            (result,) = await run(campaign)

        assert result.call == attrs.evolve(call, account="1")
        assert (result.pabx, row.id) == ("one", "C1")

    async def test_calls_that_are_no_rows(self, shelf: Shelf) -> None:
        """A call among the contacts is refused, and the text says the way out."""
        call = PredictiveCall(destination="1", **CALL)
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            with pytest.raises(ConfigurationError, match="from_call makes one"):
                await campaign.add([call])  # type: ignore[list-item]  # on purpose
            counts = await ledger.counts()

        assert some(counts) == {}

    @pytest.mark.parametrize("most", [0, -1, True, 1.5, None])
    def test_max_attempts(self, most: Any) -> None:
        """Attempts are limited by a whole number above 0."""
        client = ScriptedClient(ScriptedTransport())
        with pytest.raises(ConfigurationError):
            Campaign(SQLiteLedger(Path("unused")), client, call=CALL, max_attempts=most)

    async def test_what_is_missing(self, shelf: Shelf) -> None:
        """Where a field is said neither by a row nor for all, nobody is invalid."""
        async with shelf.ledger() as ledger:
            await scripted(ledger, ScriptedTransport())[0].add(contacts(3))
            transport = ScriptedTransport()
            campaign = Campaign(
                ledger, ScriptedClient(transport), call={"device": "1125000"}
            )
            with pytest.raises(ConfigurationError, match="device_password is missing"):
                await run(campaign)
            counts = await ledger.counts()

        assert some(counts) == {State.PENDING: 3}
        assert transport.attempts == []

    async def test_fields_that_no_call_has(self, shelf: Shelf) -> None:
        """A field of an unknown name makes one contact invalid; the number is kept."""
        transport = ScriptedTransport()
        async with shelf.ledger() as ledger:
            await ledger.add(
                [
                    new_contact(1, fields={"canary": "1"}),
                    new_contact(2, fields={"route": "7", "destination": "canary"}),
                ]
            )
            campaign, _ = scripted(ledger, transport)
            results = await run(campaign)
            found = [entry async for entry in ledger.entries()]

        assert [entry.state for entry in found] == [State.INVALID, State.ACCEPTED]
        assert [entry.reason for entry in found] == ["damaged_fields", None]
        assert [result.call.route for result in results] == ["7"]
        assert transport.destinations == ["04832810002"]

    async def test_a_contact_that_can_not_be_called(self, shelf: Shelf) -> None:
        """A contact whose own fields make no call is invalid; the rest is called."""
        async with shelf.ledger() as ledger:
            await ledger.add(
                [
                    new_contact(1),
                    new_contact(2, fields={"route": "\x07"}),
                    new_contact(3),
                ]
            )
            campaign, _ = scripted(ledger, ScriptedTransport())
            results = await run(campaign)
            entry = await entry_of(ledger, 2)
            counts = await ledger.counts()

        assert sorted(str(result.key) for result in results) == ["1", "3"]
        assert (entry.state, entry.reason) == (State.INVALID, "invalid_field")
        assert some(counts) == {State.ACCEPTED: 2, State.INVALID: 1}


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
        """A contact whose call fails by itself is given up after so many attempts."""
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
        """What a paused PABX does not take is given back once, not for ever."""
        transport = ScriptedTransport()
        pabx = [make_pabx("one"), make_pabx("two")]
        async with shelf.ledger() as ledger:
            campaign, client = scripted(ledger, transport, pabx=pabx)
            client.dispatcher.pause("two")
            rows = [contact(line, pabx="two") for line in range(1, 251)]
            await campaign.add([*rows, contact(300)])
            async with asyncio.timeout(20):
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
        assert some(counts) == {
            State.ACCEPTED: len(transport.attempts),
            State.PENDING: 100 - len(transport.attempts),
        }

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


class BreakingConnection(sqlite3.Connection):
    """Fails at every commit from some moment on."""

    broken = False

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        """Execute a statement or fail."""
        if BreakingConnection.broken and sql == "COMMIT":
            raise sqlite3.OperationalError("canary-disk")
        return super().execute(sql, *values)


@pytest.fixture
def break_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Return what breaks the disk and mends it."""
    real = sqlite3.connect
    monkeypatch.setattr(
        sqlite3,
        "connect",
        lambda *a, **k: real(*a, **{"factory": BreakingConnection, **k}),
    )
    monkeypatch.setattr(BreakingConnection, "broken", False)

    def set_to(broken: bool) -> None:
        BreakingConnection.broken = broken

    return set_to


class TestBrokenLedger:
    """When the ledger can't be written, nobody is called any more."""

    @pytest.mark.parametrize("longest", [0.0, 0.02])
    async def test_half_way(
        self, tmp_path: Path, break_disk: Callable[[bool], None], longest: float
    ) -> None:
        """The run ends with the ledger's error, after what was on the wire."""
        chance = random.Random(7)
        transport = ScriptedTransport(latency=lambda: chance.random() * longest)
        path = tmp_path / "ledger.db"
        taken: list[CallResult] = []
        async with quiet_loop():
            async with SQLiteLedger(path) as ledger:
                campaign, _ = scripted(ledger, transport)
                await campaign.add(contacts(500))
                async with campaign.run() as results:
                    taken += [await anext(results) for _ in range(30)]
                    break_disk(True)
                    with pytest.raises(LedgerError) as caught:
                        await take_into(taken, results)
                sent = list(transport.destinations)
            break_disk(False)
            async with SQLiteLedger(path) as ledger:
                found = await states(ledger)
                recovered = ledger.recovered
                await run(scripted(ledger, transport)[0])
                counts = await ledger.counts()

        assert caught.value.reason == "write_failed"
        assert "canary" not in shown_by(caught.value)
        assert caught.value.__context__ is None
        assert len(sent) == len(set(sent)) < 500
        assert outcomes(taken)[Outcome.ACCEPTED] == len(sent)
        left = {n for n, state in found.items() if state is not State.PENDING}
        assert {int(number[-4:]) for number in sent} == left
        assert recovered == list(found.values()).count(State.UNKNOWN) <= 10
        assert len(set(transport.destinations)) == len(transport.destinations)
        assert some(counts) == {
            State.ACCEPTED: 500 - recovered,
            **({State.UNKNOWN: recovered} if recovered else {}),
        }

    async def test_an_intent_that_can_not_be_written(
        self, tmp_path: Path, break_disk: Callable[[bool], None]
    ) -> None:
        """A call whose intent can't be written is not sent, and has a result."""
        transport = ScriptedTransport()
        async with SQLiteLedger(tmp_path / "ledger.db") as ledger:
            campaign, _ = scripted(ledger, transport, pabx=make_pabx(max_in_flight=1))
            await campaign.add(contacts(10))
            taken: list[CallResult] = []
            intend = ledger.intend

            def break_it(*given: Any) -> Any:
                break_disk(True)
                return intend(*given)

            ledger.intend = break_it  # type: ignore[method-assign, assignment]
            async with campaign.run() as results:
                with pytest.raises(LedgerError):
                    await take_into(taken, results)

        assert transport.attempts == []
        assert [result.outcome for result in taken] == [Outcome.NOT_SENT]
        assert taken[0].error is not None
        assert taken[0].error.reason == "ledger_failed"

    async def test_an_outcome_that_can_not_be_written(
        self, tmp_path: Path, break_disk: Callable[[bool], None]
    ) -> None:
        """A call whose outcome can't be written has its result; none follows."""

        def break_it(_: Attempt) -> None:
            break_disk(True)

        transport = ScriptedTransport(decide=break_it)
        path = tmp_path / "ledger.db"
        async with SQLiteLedger(path) as ledger:
            campaign, _ = scripted(ledger, transport, pabx=make_pabx(max_in_flight=1))
            await campaign.add(contacts(10))
            taken: list[CallResult] = []
            async with campaign.run() as results:
                with pytest.raises(LedgerError):
                    await take_into(taken, results)
        break_disk(False)
        async with SQLiteLedger(path) as again:
            found = await states(again)

        outcomes = [result.outcome for result in taken]
        assert len(transport.attempts) == 1
        assert outcomes.count(Outcome.ACCEPTED) == 1
        assert set(outcomes) <= {Outcome.ACCEPTED, Outcome.NOT_SENT}
        assert found == {1: State.UNKNOWN} | dict.fromkeys(range(2, 11), State.PENDING)

    async def test_told_once_more_on_leaving(
        self, tmp_path: Path, break_disk: Callable[[bool], None]
    ) -> None:
        """Who reads no results hears of a broken ledger when leaving."""
        async with SQLiteLedger(tmp_path / "ledger.db") as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            await campaign.add(contacts(50))
            with pytest.raises(LedgerError) as caught:
                async with campaign.run() as results:
                    await anext(results)
                    break_disk(True)
            with pytest.raises(LedgerError):
                await campaign.add(contacts(60))

        assert caught.value.reason == "write_failed"

    async def test_another_exception_is_not_hidden(
        self, tmp_path: Path, break_disk: Callable[[bool], None]
    ) -> None:
        """A broken ledger does not hide an exception of the block."""
        async with SQLiteLedger(tmp_path / "ledger.db") as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            await campaign.add(contacts(50))
            with pytest.raises(ZeroDivisionError):
                async with campaign.run():
                    break_disk(True)
                    raise ZeroDivisionError

    async def test_a_claim_that_somebody_took(self, shelf: Shelf) -> None:
        """A contact that is not claimed any more is not called, and the run ends."""
        transport = ScriptedTransport(latency=0.01)
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, transport)
            await campaign.add(contacts(100))
            async with campaign.run() as results:
                await anext(results)
                await ledger.release()
                with pytest.raises(LedgerError) as caught:
                    await take_into([], results)
            counts = await ledger.counts()

        assert caught.value.reason == "claim_lost"
        assert some(counts) == {
            State.ACCEPTED: len(transport.attempts),
            State.PENDING: 100 - len(transport.attempts),
        }


class Unspaced(Pacer):
    """A pacer that lets calls go as long as there are slots."""

    def start(self, _: float) -> None:
        """Take a slot and nothing else."""
        self._held += 1


class TestSlots:
    """The cap holds across runs."""

    async def test_no_window_over_the_cap(self, tmp_path: Path) -> None:
        """Runs right after each other, by other clients, keep the cap together."""
        cap = RateLimit(8, per=0.8)
        path = tmp_path / "ledger.db"
        async with FakePABX(rate=cap, latency=0.01) as pabx:
            for _ in range(4):
                settings = pabx.settings()
                async with (
                    open_ledger(path) as ledger,
                    DigitroClient(settings) as client,
                ):
                    campaign = Campaign(ledger, client, call=CALL)
                    await campaign.add(contacts(24))
                    async with campaign.run() as results:
                        taken = 0
                        async for _ in results:
                            taken += 1
                            if taken == 6:
                                break
            posts, over = pabx.posts, pabx.over_cap
            worst = pabx.summary().worst_window

        assert posts >= 20
        assert over == []
        assert worst <= 8

    async def test_the_same_client_goes_on_at_once(self, shelf: Shelf) -> None:
        """A client that runs again does not hold the slots of its calls twice."""
        pabx = make_pabx(rate=RateLimit(20, per=3600), max_in_flight=10)
        async with shelf.ledger() as ledger:
            campaign, client = scripted(ledger, ScriptedTransport(), pabx=pabx)
            admission = client.dispatcher._router.admissions["one"]
            admission._pacer = Unspaced(RateLimit(20, per=3600))
            await campaign.add(contacts(12))
            async with asyncio.timeout(10):
                await run(campaign)
                await campaign.add(contacts(20))
                await run(campaign)
            counts = await ledger.counts()

        assert some(counts) == {State.ACCEPTED: 20}

    async def test_another_client_waits(self, shelf: Shelf) -> None:
        """A client that did not make the calls holds their slots."""
        pabx = make_pabx(rate=RateLimit(20, per=3600), max_in_flight=10)
        async with shelf.ledger() as ledger:
            cooling: list[float] = []
            for count in (12, 20):
                campaign, client = scripted(ledger, ScriptedTransport(), pabx=pabx)
                pacer = Unspaced(RateLimit(20, per=3600))
                client.dispatcher._router.admissions["one"]._pacer = pacer
                await campaign.add(contacts(count))
                await run(campaign)
                now = asyncio.get_running_loop().time()
                cooling = sorted(until - now for until in pacer._cooling)

        assert len(cooling) == 20
        assert 3590 < cooling[0] <= cooling[-1] <= 3600

    async def test_quarantine(self, shelf: Shelf) -> None:
        """The longest quarantine of all runs is kept."""
        async with shelf.ledger() as ledger:
            kept = []
            for total in (10.0, 30.0, 5.0):
                pabx = make_pabx(timeouts=timeouts(total))
                await run(scripted(ledger, ScriptedTransport(), pabx=pabx)[0])
                kept.append(await ledger.get_setting(QUARANTINE))

        assert kept == ["80", "120", "120"]


def timeouts(total: float) -> Any:
    """Return limits with that total."""
    from digitro_async import TimeoutSettings

    return TimeoutSettings(
        total=total, connect=min(total, 5.0), sock_connect=min(total, 5.0)
    )


class TestDamagedFields:
    """Fields of contacts that somebody has changed in the file."""

    @pytest.mark.parametrize("fields", ["[7]", '{"horn": "1"}', '"x"'])
    async def test_only_that_contact_is_lost(self, tmp_path: Path, fields: str) -> None:
        """A contact with fields of no call becomes invalid, and the rest is called."""
        path = tmp_path / "ledger.db"
        async with SQLiteLedger(path) as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            await campaign.add(contacts(3))
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(
                "UPDATE person SET fields = ? WHERE number = 2", (fields,)
            )
        async with SQLiteLedger(path) as ledger:
            campaign, _ = scripted(ledger, ScriptedTransport())
            async with campaign.run() as results:
                taken = [result async for result in results]
            found = await states(ledger)

        assert [result.outcome for result in taken] == [Outcome.ACCEPTED] * 2
        assert found[2] is State.INVALID
