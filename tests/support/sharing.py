"""Workers that share a PABX by a real database, for tests."""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import AsyncIterator, Iterator

from helpers import make_call

from digitro_async import (
    PABX,
    DigitroClient,
    PauseSettings,
    PredictiveCall,
    RateLimit,
)
from digitro_async.dispatch import CapKey
from digitro_async.workers import PostgresBeats, WorkerBeat, WorkerSettings

__all__ = ["QUICK", "SharingWorker", "endless_calls", "sharing_worker"]

QUICK = WorkerSettings(beat=0.1, timeout=30.0, lease=61.0)
"""Signs of life that come often, and leases that a busy machine does not lose."""


def endless_calls() -> Iterator[PredictiveCall]:
    """Yield calls without end."""
    return (make_call() for _ in itertools.count())


class SharingWorker:
    """A client that shares its caps.

    Attributes:
        client: The client.
        beat: Its signs of life.
    """

    def __init__(self, client: DigitroClient, beat: WorkerBeat) -> None:
        self.client, self.beat = client, beat
        self._task: asyncio.Task[None] | None = None

    def slots(self, address: str, per: float = 1.0) -> int:
        """Return the slots that it has of a cap."""
        reports = self.beat._sharing.caps()
        return next(one.holds for one in reports if one.key == CapKey(address, per))

    def paused(self, pabx: str = "one") -> str:
        """Return why a PABX is paused, empty where it is not."""
        return self.client.statistics().pabx[pabx].paused

    def dial(self) -> None:
        """Send calls until the worker ends."""
        self._task = asyncio.create_task(self._dial())

    async def stop(self) -> None:
        """Send no further call."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _dial(self) -> None:
        async with self.client.dispatch(endless_calls()) as results:
            async for _ in results:
                pass


@contextlib.asynccontextmanager
async def sharing_worker(
    url: str,
    pabx: PABX,
    *,
    settings: WorkerSettings = QUICK,
    pause: PauseSettings | None = None,
    campaign: str = "",
) -> AsyncIterator[SharingWorker]:
    """Yield a worker that shares the caps of a PABX."""
    pause = pause or PauseSettings(wait_for_resume=True)
    address = pabx.base_url.partition("://")[2].rstrip("/")
    store = PostgresBeats(url, timeout=settings.timeout)
    async with DigitroClient(pabx, pause=pause) as client:
        beat = WorkerBeat(
            store,
            client.dispatcher,
            settings,
            name="worker",
            campaigns=(campaign,) if campaign else (),
            needs=(lambda: {address: {campaign: 1}}) if campaign else None,
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
