"""The least loaded PABX, found without looking at all of them."""

import asyncio
import contextlib
import random

import pytest
from helpers import make_pabx, per_second
from virtual_time import virtual_time

from digitro_async import PauseSettings, RetrySettings
from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._load_balancer import SPARE, LoadBalancer, load_key
from digitro_async.dispatch._router import Router
from digitro_async.dispatch._ticket import Ticket
from digitro_async.errors import NotSentError, Outcome, RejectedError
from digitro_async.protocol import AttemptResult, Classification

OUTCOMES = [
    AttemptResult(Classification(Outcome.ACCEPTED)),
    AttemptResult(Classification(Outcome.UNKNOWN)),
    AttemptResult(Classification(Outcome.NOT_SENT, NotSentError, "connect_failed")),
    AttemptResult(Classification(Outcome.REJECTED, RejectedError, "rejected")),
]


def make_router(count: int) -> Router:
    """Return a router of PABX of all kinds that pause after two unknown calls."""
    pabx = [
        make_pabx(
            f"p{number}",
            max_in_flight=1 + number % 4,
            rate=per_second(5) if number % 3 else None,
        )
        for number in range(count)
    ]
    return Router(pabx, RetrySettings(), PauseSettings(unknown_run=2, rejected_run=3))


def look_at_all(router: Router) -> object:
    """Return what a look at every admission finds."""
    return min(router.admissions.values(), key=load_key)


class Operator:
    """Does one thing after another to the admissions of a router."""

    def __init__(self, router: Router, chance: random.Random) -> None:
        self.router = router
        self.chance = chance
        self.admissions = list(router.admissions.values())
        self.on_wire: list[Ticket[Admission]] = []
        self.waiting: set[asyncio.Task[Ticket[Admission]]] = set()

    def act(self) -> None:
        """Do one thing, whatever comes."""
        number = self.chance.randrange(len(self.admissions))
        admission, now = self.admissions[number], asyncio.get_running_loop().time()
        deed = self.chance.choices(
            ["start", "wait", "release", "take back", "cancel", "pause", "resume"],
            [6, 5, 6, 2, 2, 1, 2],
        )[0]
        if deed == "start":
            started = admission.acquire_nowait(now)
            if started is not None:
                self.on_wire.append(started)
        elif deed == "wait":
            limit = self.chance.choice([None, 0.1, 1.0])
            patient = self.chance.random() < 0.5
            entering = asyncio.create_task(
                admission.acquire(wait_while_paused=patient, max_wait=limit)
            )
            self.waiting.add(entering)
        elif deed in {"release", "take back"} and self.on_wire:
            place = self.chance.randrange(len(self.on_wire))
            ticket = self.on_wire.pop(place)
            if deed == "release":
                outcome = self.chance.choice(OUTCOMES)
                ticket.release(outcome, now)
            else:
                ticket.cancel(now, sent=True)
        elif deed == "cancel" and self.waiting:
            self.chance.choice(list(self.waiting)).cancel()
        elif deed == "pause":
            admission.pause("operator")
        elif deed == "resume":
            admission.resume()

    def look_after_waiters(self) -> None:
        """Take over what started meanwhile."""
        for task in list(self.waiting):
            if task.done():
                self.waiting.discard(task)
                with contextlib.suppress(asyncio.CancelledError, NotSentError):
                    self.on_wire.append(task.result())


@pytest.mark.parametrize("count", [2, 3, 17])
@pytest.mark.parametrize("seed", range(8))
def test_as_a_look_at_all(count: int, seed: int) -> None:
    """Whatever happens to them, the admission chosen is what a look at each finds."""

    @virtual_time
    async def run() -> None:
        router = make_router(count)
        chance = random.Random(seed)
        operator = Operator(router, chance)
        for _ in range(400):
            operator.act()
            assert router.choose(None) is look_at_all(router)
            await asyncio.sleep(chance.choice([0.0, 0.0, 0.05, 3.0]))
            operator.look_after_waiters()
            assert router.choose(None) is look_at_all(router)
        for task in operator.waiting:
            task.cancel()
        await asyncio.gather(*operator.waiting, return_exceptions=True)

        assert router.choose(None) is look_at_all(router)

    run()


@virtual_time
async def test_equals_in_order() -> None:
    """Of PABX with the same load the first one is taken."""
    router = make_router(9)

    assert router.choose(None) is router.admissions["p0"]


@virtual_time
async def test_drained() -> None:
    """Those who are turned away by a drain don't count any more."""
    router = make_router(2)
    admission, other = router.admissions.values()
    admission.acquire_nowait(0.0)
    other.standing.counters.in_flight = other.pabx.max_in_flight
    waiting = [
        asyncio.create_task(admission.acquire(wait_while_paused=True)) for _ in range(9)
    ]
    await asyncio.sleep(0)
    assert router.choose(None) is look_at_all(router)
    admission.drain()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert router.choose(None) is look_at_all(router)


@virtual_time
async def test_the_heap_stays_small() -> None:
    """However many calls go, the choice remembers about two entries an admission."""
    router = make_router(5)
    admissions = list(router.admissions.values())
    chosen = LoadBalancer(admissions)
    for turn in range(2_000):
        admission = admissions[turn % 5]
        Ticket(admission, 0.0).release(OUTCOMES[0], 0.0)

        assert chosen.choose() is admissions[0]

    assert len(chosen._heap) <= 2 * 5 + SPARE
