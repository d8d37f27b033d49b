"""Workers that share a PABX by a real database, for tests."""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence

from helpers import make_call

from digitro_async import (
    PABX,
    DigitroClient,
    PauseSettings,
    PredictiveCall,
    RateLimit,
)
from digitro_async.dispatch import CapKey
from digitro_async.protocol import AttemptResult
from digitro_async.workers import PostgresBeats, WorkerBeat, WorkerSettings

__all__ = ["QUICK", "SharingWorker", "endless_calls", "sharing_worker"]

QUICK = WorkerSettings(beat=0.1, timeout=30.0, lease=61.0)
"""Signs of life that come often, and leases that a busy machine does not lose."""


def endless_calls() -> Iterator[PredictiveCall]:
    """Yield calls without end."""
    return (make_call() for _ in itertools.count())


class NamedRecorder:
    """Records nothing but how many calls of a campaign were sent.

    Attributes:
        campaign: Name of the campaign.
        intents: Calls that were about to be sent.
    """

    def __init__(self, campaign: str) -> None:
        self.campaign = campaign
        self.intents = 0

    async def record_intent(self, key: Hashable, pabx: str) -> None:
        """Count a call."""
        self.intents += 1

    def record_outcome(
        self,
        key: Hashable,
        pabx: str,
        result: AttemptResult,
        on_recorded: Callable[[AttemptResult], None],
    ) -> None:
        """Record nothing."""
        asyncio.get_running_loop().call_soon(on_recorded, result)

    def record_doubts(self, keys: Sequence[Hashable], pabx: str) -> None:
        """Record nothing."""


class SharingWorker:
    """A client that shares its caps.

    Attributes:
        client: The client.
        beat: Its signs of life.
    """

    def __init__(self, client: DigitroClient, beat: WorkerBeat) -> None:
        self.client, self.beat = client, beat
        self._tasks: list[asyncio.Task[None]] = []

    def slots(self, address: str, per: float = 1.0) -> int:
        """Return the slots that it has of a cap."""
        (shared,) = self.beat._sharing._shared
        return shared._caps[CapKey(address, per)].holds(
            asyncio.get_running_loop().time()
        )

    def paused(self, pabx: str = "one") -> str:
        """Return why a PABX is paused, empty where it is not."""
        return self.client.statistics().pabx[pabx].paused

    def dial(self, campaign: str = "") -> NamedRecorder:
        """Send calls of a campaign until the worker ends; return what counts them."""
        recorder = NamedRecorder(campaign)
        self._tasks.append(asyncio.create_task(self._dial(recorder)))
        return recorder

    async def stop(self) -> None:
        """Send no further call."""
        for task in self._tasks:
            task.cancel()
            await asyncio.wait({task})
        self._tasks.clear()

    async def _dial(self, recorder: NamedRecorder) -> None:
        calls = endless_calls()
        async with self.client.dispatch(calls, recorder=recorder) as results:
            async for _ in results:
                pass


@contextlib.asynccontextmanager
async def sharing_worker(
    url: str,
    pabx: PABX,
    *,
    settings: WorkerSettings = QUICK,
    pause: PauseSettings | None = None,
    campaigns: tuple[str, ...] = (),
) -> AsyncIterator[SharingWorker]:
    """Yield a worker that shares the caps of a PABX."""
    pause = pause or PauseSettings(wait_for_resume=True)
    store = PostgresBeats(url, timeout=settings.timeout)
    async with DigitroClient(pabx, pause=pause) as client:
        beat = WorkerBeat(
            store,
            client.dispatcher,
            settings,
            name="worker",
            campaigns=campaigns,
        )
        async with beat:
            worker = SharingWorker(client, beat)
            try:
                yield worker
            finally:
                await worker.stop()


async def _main(url: str, base_url: str, calls: int) -> None:
    """Dial until the process is ended."""
    pabx = PABX("one", base_url, 1, "demo-key", rate=RateLimit(calls), max_in_flight=50)
    settings = WorkerSettings(beat=0.2, timeout=0.5, lease=1.5)
    async with sharing_worker(url, pabx, settings=settings) as worker:
        worker.dial()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
