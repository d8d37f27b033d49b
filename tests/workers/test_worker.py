"""Workers dial campaigns in slices, together, and give back what they did not call."""

import asyncio
import collections
from collections.abc import Sequence
from typing import Self

import pytest
from campaigns import CALL, NEVER, ONCE, ScriptedClient, contacts
from helpers import ScriptedTransport, answered, make_pabx
from ledgers import new_contact
from sliced_memory import SlicedMemoryLedger

from digitro_async import (
    PABX,
    CallResult,
    Campaign,
    ConfigurationError,
    DigitroClient,
    LedgerError,
    Outcome,
    PABXPausedError,
)
from digitro_async.ledger import State
from digitro_async.testing import FakePABX
from digitro_async.workers import InProcessEngine, SlicingSettings, Worker

FAST = SlicingSettings(size=10, look=0.02, come_again=0.05, clean_up=0.05, reopen=0.02)


def client_of(pabx: PABX | Sequence[PABX]) -> DigitroClient:
    """Return a client that pauses for nothing and tries once."""
    return DigitroClient(pabx, retry=ONCE, pause=NEVER)


async def filled(count: int) -> SlicedMemoryLedger:
    """Return a ledger with so many contacts."""
    ledger = SlicedMemoryLedger()
    async with ledger, client_of(make_pabx()) as client:
        await Campaign(ledger, client, call=CALL).add(contacts(count))
    return ledger


def worker_of(
    ledger: SlicedMemoryLedger,
    client: DigitroClient,
    engine: InProcessEngine | None = None,
    **given: object,
) -> Worker:
    """Return a worker of the campaign "spring" that ends when nothing is left."""
    settings = {"until_done": True, "settings": FAST, **given}
    return Worker(
        engine or InProcessEngine(),
        client,
        lambda _: ledger,
        ["spring"],
        call=CALL,
        **settings,  # type: ignore[arg-type]
    )


async def dialled(worker: Worker) -> list[CallResult]:
    """Take every result of a worker."""
    async with worker:
        return [result async for result in worker]


class TestDialling:
    """Every contact is called once."""

    async def test_one_worker(self) -> None:
        """A worker dials all slices of a campaign, and ends when nothing is left."""
        ledger = await filled(95)
        async with FakePABX() as pabx, client_of(pabx.settings()) as client:
            results = await dialled(worker_of(ledger, client))

        assert len(results) == 95
        assert pabx.accepted == 95
        assert (await counts_of(ledger))[State.ACCEPTED] == 95

    async def test_many_workers(self) -> None:
        """Three workers share one campaign, and nobody is called twice."""
        ledger, engine = await filled(300), InProcessEngine()
        async with FakePABX(latency=0.001) as pabx:

            async def work() -> int:
                async with client_of(pabx.settings(max_in_flight=8)) as client:
                    return len(await dialled(worker_of(ledger, client, engine)))

            shares = await asyncio.gather(work(), work(), work())

        assert sum(shares) == 300
        assert pabx.accepted == 300
        called = collections.Counter(one.destination for one in pabx.calls)
        assert set(called.values()) == {1}

    async def test_contacts_of_a_pabx(self) -> None:
        """Contacts that one PABX must take are left to workers that know it."""
        ledger = SlicedMemoryLedger()
        async with ledger:
            await ledger.add(
                [new_contact(one, pabx=("north", "south")[one % 2]) for one in range(9)]
            )
        async with (
            FakePABX() as pabx,
            client_of(pabx.settings(name="north")) as client,
            worker_of(ledger, client, until_done=False) as worker,
        ):
            results = [await anext(worker) for _ in range(5)]

        assert {result.pabx for result in results} == {"north"}
        assert pabx.accepted == 5
        assert (await counts_of(ledger))[State.PENDING] == 4


class TestComingAgain:
    """What could not be called comes up again, and nothing spins."""

    async def test_throttled_contacts(self) -> None:
        """Contacts that the PABX refuses for now are called later."""
        ledger = await filled(30)
        async with ScriptedClient(ScriptedTransport([answered(429)] * 7)) as client:
            results = await dialled(worker_of(ledger, client))

        assert collections.Counter(one.outcome for one in results) == {
            Outcome.ACCEPTED: 30,
            Outcome.REFUSED: 7,
        }
        assert (await counts_of(ledger))[State.ACCEPTED] == 30

    async def test_new_contacts(self) -> None:
        """Contacts that are added while a worker waits are called without a word."""
        ledger = await filled(3)
        async with FakePABX() as pabx, client_of(pabx.settings()) as client:
            worker = worker_of(ledger, client, until_done=False)
            async with worker:
                for _ in range(3):
                    await anext(worker)
                async with ledger:
                    await ledger.add([new_contact(77)])
                result = await anext(worker)

        assert result.key == 4
        assert pabx.accepted == 4

    async def test_a_lost_slice(self) -> None:
        """A slice that the engine lost is found again in the ledger."""

        class Forgetful(InProcessEngine):
            lost = 0

            async def submit(self, slices: object, *, after: float = 0.0) -> None:
                self.lost += 1
                if self.lost > 1:
                    await super().submit(slices, after=after)  # type: ignore[arg-type]

        ledger = await filled(30)
        async with FakePABX() as pabx, client_of(pabx.settings()) as client:
            results = await dialled(worker_of(ledger, client, Forgetful()))

        assert len(results) == 30


class TestEnding:
    """A worker that ends leaves every contact as it was, or settled."""

    async def test_drained(self) -> None:
        """A worker that is drained lets calls finish and gives the rest back."""
        ledger = await filled(100)
        async with (
            FakePABX(latency=0.02) as pabx,
            client_of(pabx.settings(max_in_flight=4)) as client,
            worker_of(ledger, client) as worker,
        ):
            for _ in range(5):
                await anext(worker)
            worker.drain()
            async for _ in worker:
                pass

        counts = await counts_of(ledger)
        assert counts[State.ACCEPTED] == pabx.accepted
        assert counts[State.ACCEPTED] + counts[State.PENDING] == 100
        assert counts[State.UNKNOWN] == 0

    async def test_paused_pabx(self) -> None:
        """A worker that is to end ends where every PABX is paused until resume."""
        ledger = await filled(100)
        async with ScriptedClient(ScriptedTransport([answered(401)])) as client:
            with pytest.raises(PABXPausedError):
                await dialled(worker_of(ledger, client))

        counts = await counts_of(ledger)
        assert counts[State.PENDING] == 100 - counts[State.ACCEPTED]
        assert counts[State.PENDING] > 80

    async def test_resumed_pabx(self) -> None:
        """A worker that stays goes on once its PABX is resumed."""
        ledger = await filled(20)
        accepted = 0
        async with (
            ScriptedClient(ScriptedTransport([answered(401)])) as client,
            worker_of(ledger, client, until_done=False) as worker,
        ):
            async for result in worker:
                accepted += result.outcome is Outcome.ACCEPTED
                if result.outcome is Outcome.REFUSED:
                    client.resume(client.dispatcher.pabx[0].name)
                if accepted == 20:
                    worker.drain()

        assert (await counts_of(ledger))[State.ACCEPTED] == 20

    async def test_paused_campaign(self) -> None:
        """A campaign that is paused is drained, and goes on when it is resumed."""
        ledger, paused = await filled(60), {"spring": False}
        async with (
            FakePABX(latency=0.01) as pabx,
            client_of(pabx.settings(max_in_flight=2)) as client,
            worker_of(ledger, client, is_paused=paused.__getitem__) as worker,
        ):
            for _ in range(5):
                await anext(worker)
            paused["spring"] = True
            worker.heed_pauses()
            while True:
                worker.unread()  # nobody else takes them
                counts = await counts_of(ledger)
                if not counts[State.CLAIMED] and not counts[State.INTENT]:
                    break
                await asyncio.sleep(0.01)
            called = pabx.accepted
            await asyncio.sleep(0.2)
            assert pabx.accepted == called < 60
            assert worker.paused_campaigns == ("spring",)

            paused["spring"] = False
            async for _ in worker:
                pass

        assert (await counts_of(ledger))[State.ACCEPTED] == pabx.accepted == 60

    async def test_orders_that_were_not_heard(self) -> None:
        """No call of a campaign begins before it is known that it is not paused."""
        ledger, heard = await filled(3), dict[str, bool]()
        async with (
            FakePABX() as pabx,
            client_of(pabx.settings()) as client,
            worker_of(ledger, client, is_paused=heard.get) as worker,
        ):
            await asyncio.sleep(0.2)
            assert (pabx.posts, worker.paused_campaigns) == (0, ())
            heard["spring"] = False
            results = [result async for result in worker]

        assert len(results) == pabx.accepted == 3

    async def test_a_ledger_that_fails(self) -> None:
        """A ledger that fails is opened again, and the campaign goes on."""

        class Failing(SlicedMemoryLedger):
            failures = 2

            async def claim(self, *given: object, **named: object) -> object:  # type: ignore[override]
                if self.failures:
                    self.failures -= 1
                    raise LedgerError("the link is gone", reason="lost")
                return await super().claim(*given, **named)  # type: ignore[arg-type]

        ledger = Failing()
        async with ledger:
            await ledger.add([new_contact(one) for one in range(40)])
        async with FakePABX() as pabx, client_of(pabx.settings()) as client:
            results = await dialled(worker_of(ledger, client))

        assert collections.Counter(one.outcome for one in results) == {
            Outcome.ACCEPTED: 40
        }

    @pytest.mark.parametrize("reason", ["unsafe_server", "moved", "restored"])
    async def test_a_ledger_that_can_not_be_dialled(self, reason: str) -> None:
        """What stays until somebody looks ends the worker, and is not tried again."""

        class Refusing(SlicedMemoryLedger):
            tries = 0

            async def __aenter__(self) -> Self:
                self.tries += 1
                raise LedgerError("it can't be dialled", reason=reason)

        ledger = Refusing()
        async with client_of(make_pabx()) as client:
            with pytest.raises(LedgerError, match="can't be dialled"):
                await dialled(worker_of(ledger, client))
        assert ledger.tries == 1

    async def test_not_entered(self) -> None:
        """A worker that was not entered says so."""
        async with client_of(make_pabx()) as client:
            with pytest.raises(ConfigurationError, match="entered first"):
                await anext(worker_of(SlicedMemoryLedger(), client))


async def counts_of(ledger: SlicedMemoryLedger) -> collections.Counter[State]:
    """Return how many contacts are in each state."""
    async with ledger:
        return collections.Counter(await ledger.counts())
