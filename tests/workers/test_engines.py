"""Both kinds of engine move slices, hand each out once, and tell of stalled ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from helpers import until
from postgres_server import database

from digitro_async import EngineError
from digitro_async.workers import (
    Engine,
    EngineSettings,
    InProcessEngine,
    ProcrastinateEngine,
    Slice,
    StalledSlice,
)

FAST = EngineSettings(poll=0.05, heartbeat=0.1, stalled=0.5)
SLICES = [Slice("spring", 1 + 10 * one, 10 + 10 * one) for one in range(12)]
ANY = "spring/any"


@pytest.fixture(params=["in process", "procrastinate"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """Return an open engine of each kind."""
    if request.param == "in process":
        async with InProcessEngine() as one:
            yield one
        return
    with database() as url:
        async with ProcrastinateEngine(url, FAST) as other:
            yield other


class Hands:
    """Takes slices in a task, and notes them.

    Attributes:
        taken: The slices, in order.
        most: Most slices at once.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        queues: Sequence[str] = (ANY,),
        concurrency: int = 1,
        act: Callable[[Slice], Awaitable[None]] | None = None,
    ) -> None:
        self.taken: list[Slice] = []
        self.most = self._now = 0
        self._act = act
        self._came = asyncio.Event()
        self._stop = asyncio.Event()
        self.task = asyncio.ensure_future(
            engine.run_worker(
                self._take, queues=queues, concurrency=concurrency, stop=self._stop
            )
        )

    async def has(self, count: int) -> None:
        """Wait until it has taken so many slices."""
        while len(self.taken) < count:
            self._came.clear()
            await self._came.wait()

    async def stop(self) -> None:
        """Take no more, and wait for those in hand."""
        self._stop.set()
        await self.task

    async def _take(self, one: Slice) -> None:
        self._now += 1
        self.most = max(self.most, self._now)
        self.taken.append(one)
        self._came.set()
        await (asyncio.sleep(0) if self._act is None else self._act(one))
        self._now -= 1


class TestMoving:
    """Slices that are put in come out once."""

    async def test_in_order(self, engine: Engine) -> None:
        """One worker gets every slice once, in the order they were put in."""
        await engine.submit(SLICES)
        hands = Hands(engine)
        await hands.has(len(SLICES))
        await hands.stop()

        assert hands.taken == SLICES

    async def test_several_workers(self, engine: Engine) -> None:
        """Several workers share the slices, and none comes out twice."""
        many = [Hands(engine, concurrency=2) for _ in range(3)]
        await engine.submit(SLICES)
        await until(lambda: sum(len(one.taken) for one in many) == len(SLICES))
        await asyncio.gather(*(one.stop() for one in many))

        assert sorted(s.first for one in many for s in one.taken) == [
            one.first for one in SLICES
        ]
        assert max(one.most for one in many) <= 2

    async def test_put_in_twice(self, engine: Engine) -> None:
        """A slice that waits already is put in no second time."""
        await engine.submit(SLICES)
        await engine.submit([*SLICES[3:], Slice("spring", 500, 509)])
        hands = Hands(engine)
        await hands.has(len(SLICES) + 1)
        await hands.stop()

        assert hands.taken == [*SLICES, Slice("spring", 500, 509)]

    async def test_later(self, engine: Engine) -> None:
        """A slice that is put in for later comes out behind others."""
        await engine.submit(SLICES[:1], after=0.3)
        await engine.submit(SLICES[1:3])
        hands = Hands(engine)
        await hands.has(3)
        await hands.stop()

        assert hands.taken == [SLICES[1], SLICES[2], SLICES[0]]

    async def test_queues(self, engine: Engine) -> None:
        """A worker gets slices of the queues that it names alone."""
        await engine.submit(
            [
                Slice("spring", 1, 9, "north"),
                Slice("autumn", 1, 9),
                Slice("spring", 1, 9),
            ]
        )
        hands = Hands(engine, queues=["spring/pabx/north", "autumn/any"])
        await hands.has(2)
        await hands.stop()

        assert {one.queue for one in hands.taken} == {"spring/pabx/north", "autumn/any"}

    @pytest.mark.parametrize("campaign", ["ç" * 60, "a b#c/d", "x" * 300])
    async def test_names_of_campaigns(self, engine: Engine, campaign: str) -> None:
        """Campaigns and PABX of any name have their queues."""
        one = Slice(campaign, 1, 9, "söme PABX")
        await engine.submit([one])
        hands = Hands(engine, queues=[one.queue])
        await hands.has(1)
        await hands.stop()

        assert hands.taken == [one]

    async def test_stopped_while_it_dials(self, engine: Engine) -> None:
        """A worker that is told to stop finishes its slice, and takes no more."""
        going, finished = asyncio.Event(), []

        async def act(one: Slice) -> None:
            await going.wait()
            finished.append(one)

        await engine.submit(SLICES)
        hands = Hands(engine, act=act)
        await hands.has(1)
        stopping = asyncio.ensure_future(hands.stop())
        await asyncio.sleep(0)
        going.set()
        await stopping

        assert finished == hands.taken == SLICES[:1]


class TestStalled:
    """Slices of workers that are gone are listed, and go to others on demand."""

    async def test_none(self, engine: Engine) -> None:
        """Nothing is stalled while workers are alive."""
        await engine.submit(SLICES)

        assert not list(await engine.stalled())

    async def test_retried(self, engine: Engine) -> None:
        """A stalled slice that is retried is handed to another worker."""
        await self.lose_worker(engine)
        stalled = await self.some_stalled(engine)
        assert [one.slice for one in stalled] == SLICES[:1]

        hands = Hands(engine)
        await asyncio.sleep(0.1)
        assert not hands.taken
        await engine.retry(stalled[0])
        await hands.has(1)
        await hands.stop()

        assert hands.taken == SLICES[:1]
        assert not list(await engine.stalled())

    async def test_retried_while_it_waits(self, engine: Engine) -> None:
        """A stalled slice that was put in again meanwhile is handed out once."""
        await self.lose_worker(engine)
        stalled = await self.some_stalled(engine)
        await engine.submit(SLICES[:2])
        await engine.retry(stalled[0])
        hands = Hands(engine)
        await hands.has(2)
        await asyncio.sleep(0.1)
        await hands.stop()

        assert hands.taken == SLICES[:2]

    async def lose_worker(self, engine: Engine) -> None:
        """Let a worker vanish that has the first slice."""
        await engine.submit(SLICES[:1])
        if isinstance(engine, InProcessEngine):
            never = asyncio.Event()

            async def act(_: Slice) -> None:
                await never.wait()

            hands = Hands(engine, act=act)
            await hands.has(1)
            hands.task.cancel()
            return
        assert isinstance(engine, ProcrastinateEngine)
        jobs = engine._app.job_manager
        worker = await jobs.register_worker()
        assert await jobs.fetch_job([ANY], worker) is not None

    async def some_stalled(self, engine: Engine) -> Sequence[StalledSlice]:
        """Return what is stalled as soon as something is."""
        while True:
            found = await engine.stalled()
            if found:
                return found
            await asyncio.sleep(0.02)


async def test_no_database() -> None:
    """A database that can't be reached is said to be, and its password is not shown."""
    url = "postgresql://me:canary-s3cret@127.0.0.1:9/db"
    with pytest.raises(EngineError) as caught:
        await ProcrastinateEngine(url, FAST).__aenter__()

    assert "canary" not in f"{caught.value!r} {caught.value}"
    assert "canary" not in repr(ProcrastinateEngine(url))


async def test_schema_is_made_once() -> None:
    """Engines that are opened at once make the schema together."""
    with database() as url:
        engines = [ProcrastinateEngine(url, FAST) for _ in range(4)]
        await asyncio.gather(*(one.__aenter__() for one in engines))
        await engines[0].submit(SLICES[:1])
        hands = Hands(engines[1])
        await hands.has(1)
        await hands.stop()
        await asyncio.gather(*(one.__aexit__(None, None, None) for one in engines))
