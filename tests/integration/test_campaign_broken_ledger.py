# ruff: noqa: PT012 - a run's errors come anywhere in its block
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from campaigns import (
    contacts,
    outcomes,
    run,
    scripted,
    shelf,
)
from helpers import (
    Attempt,
    ScriptedTransport,
    make_pabx,
    quiet_loop,
    take_into,
)
from ledgers import (
    Shelf,
    shown_by,
    some,
    states,
)

from digitro_async import (
    CallResult,
    LedgerError,
    Outcome,
)
from digitro_async.ledger import SQLiteLedger, State

__all__ = ["shelf"]  # a fixture


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
        """A contact that is not claimed any more is not called, and others are."""
        transport = ScriptedTransport(latency=0.01)
        async with shelf.ledger() as ledger:
            campaign, _ = scripted(ledger, transport)
            await campaign.add(contacts(700))
            async with campaign.run() as results:
                taken = [await anext(results)]
                await ledger.release(results.owner)
                await take_into(taken, results)
            counts = await ledger.counts()

        lost = [one for one in taken if one.error is not None]
        assert {one.error.reason for one in lost if one.error} == {"claim_lost"}
        assert {one.outcome for one in lost} == {Outcome.NOT_SENT}
        assert {one.attempts for one in lost} == {0}
        assert not any(one.was_put_back for one in lost)
        assert len({one.key for one in taken}) == len(taken) == 700
        assert some(counts) == {
            State.ACCEPTED: len(transport.attempts),
            State.PENDING: len(lost),
        }
        assert len(transport.attempts) == 700 - len(lost) >= 200
