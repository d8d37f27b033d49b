"""A worker with a limit takes on so many contacts, and leaves the rest pending."""

import asyncio

import pytest
from campaigns import CALL, ScriptedClient
from helpers import ScriptedTransport, answered
from sliced_memory import SlicedMemoryLedger
from test_worker import FAST, client_of, counts_of, dialled, filled, worker_of

from digitro_async import Outcome
from digitro_async.ledger import State
from digitro_async.testing import FakePABX
from digitro_async.workers import InProcessEngine, Worker


async def until_given_back(ledger: SlicedMemoryLedger) -> None:
    """Wait until nobody has a claim or a call on the wire."""
    while True:
        counts = await counts_of(ledger)
        if not counts[State.CLAIMED] and not counts[State.INTENT]:
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("until_done", [False, True])
async def test_the_first_of_the_list(until_done: bool) -> None:
    """The first contacts are called, and the worker ends by itself."""
    ledger = await filled(60)
    async with FakePABX() as pabx, client_of(pabx.settings()) as client:
        worker = worker_of(ledger, client, until_done=until_done, max_calls=25)
        results = await dialled(worker)

    assert {result.key for result in results} == set(range(1, 26))
    assert len(results) == 25
    counts = await counts_of(ledger)
    assert (counts[State.ACCEPTED], counts[State.PENDING]) == (25, 35)
    assert pabx.posts == 25


async def test_several_campaigns() -> None:
    """The limit is one for all campaigns that the worker dials."""
    ledgers = {name: await filled(20) for name in ("spring", "autumn")}

    async def campaigns() -> list[str]:
        return [*ledgers]

    async with FakePABX() as pabx, client_of(pabx.settings()) as client:
        worker = Worker(
            InProcessEngine(),
            client,
            ledgers.__getitem__,
            campaigns,
            call=CALL,
            settings=FAST,
            max_calls=27,
        )
        await dialled(worker)

    assert pabx.posts == 27


async def test_more_than_there_are() -> None:
    """A limit above the contacts of a list changes nothing."""
    ledger = await filled(8)
    async with FakePABX() as pabx, client_of(pabx.settings()) as client:
        results = await dialled(worker_of(ledger, client, max_calls=50))

    assert len(results) == pabx.posts == 8


async def test_calls_that_were_not_placed() -> None:
    """A contact that the PABX refuses for now counts, and stays pending."""
    ledger = await filled(4)
    transport = ScriptedTransport([answered(429)] * 2)
    async with ScriptedClient(transport) as client:
        results = await dialled(worker_of(ledger, client, max_calls=3))

    outcomes = sorted(result.outcome for result in results)
    assert outcomes == sorted([Outcome.ACCEPTED, Outcome.REFUSED, Outcome.REFUSED])
    counts = await counts_of(ledger)
    assert (counts[State.ACCEPTED], counts[State.PENDING]) == (1, 3)


async def test_paused_meanwhile() -> None:
    """Contacts that were given back for a pause are not counted."""
    ledger, paused = await filled(60), {"spring": False}
    async with (
        FakePABX(latency=0.01) as pabx,
        client_of(pabx.settings(max_in_flight=2)) as client,
        worker_of(ledger, client, max_calls=40, is_paused=paused.__getitem__) as worker,
    ):
        for _ in range(5):
            await anext(worker)
        paused["spring"] = True
        worker.heed_pauses()
        await until_given_back(ledger)
        assert pabx.posts < 40
        paused["spring"] = False
        async for _ in worker:
            pass

    assert pabx.posts == 40
