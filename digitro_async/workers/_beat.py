"""WorkerBeat: a worker's signs of life, and all that it learns by them."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self

from digitro_async._common.boot_clock import boot_time
from digitro_async.dispatch import CapKey, Dispatcher
from digitro_async.workers._beat_port import BeatLostError, BeatStore
from digitro_async.workers._beat_words import (
    CampaignOrders,
    Orders,
    cap_of,
    orders_of,
    pause_of,
    taken_of,
)
from digitro_async.workers._worker_settings import WorkerSettings

__all__ = ["WorkerBeat"]

MOVING: Final = 0.25
"""Part of the time between two reports after which one comes while slots move.

So does one where calls wait and there is not one slot: nobody waits a second for it.
"""


class WorkerBeat:
    """Shares the caps and pauses of a dispatcher's PABX with other workers.

    ::

        async with WorkerBeat(store, client.dispatcher, name="first") as beat:
            ...  # send calls; leave the block when none is on the wire

    Nothing starts before the database has allotted slots, nor while it can't be reached
    for longer than a lease.

    Args:
        store: The database.
        dispatcher: The dispatcher.
        settings: The times of leases and signs of life.
        name: A name for people, such as host and process; nothing private.
        campaigns: Names of the campaigns that it dials.
        on_orders: Called after each answer of the database.
        clock: Tells the time that leases go by.

    Attributes:
        about: What others are shown of this worker.
        campaign_names: Names of the campaigns that it dials.
        number: Its number in the database, None before the first answer.
        last_heard: When the last report was made that was answered, by ``clock``; None
            before the first answer.
        count: Reports that were answered.
        missed: Reports in a row without an answer.
        problem: Why the last one had none, in words; empty where it had.
        campaigns: What is ordered for campaigns, by name.
        is_owner: Whether the lease of its claims was renewed.
    """

    def __init__(
        self,
        store: BeatStore,
        dispatcher: Dispatcher,
        settings: WorkerSettings | None = None,
        *,
        name: str,
        campaigns: tuple[str, ...] = (),
        on_orders: Callable[[], object] | None = None,
        clock: Callable[[], float] = boot_time,
    ) -> None:
        self.settings: WorkerSettings = settings or WorkerSettings()
        self.about: dict[str, Any] = {}
        self.campaign_names: tuple[str, ...] = campaigns
        self.owner: tuple[str, float] | None = None
        self.number: int | None = None
        self.last_heard: float | None = None
        self.count: int = 0
        self.missed: int = 0
        self.problem: str = ""
        self.campaigns: Mapping[str, CampaignOrders] = {}
        self.is_owner: bool | None = None
        self._store, self._name, self._clock = store, name, clock
        self._on_orders = on_orders
        self._sharing = dispatcher.share(clock)
        self._sequence, self._is_moving = 0, False
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._answered: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        await self.beat()
        self._task = asyncio.create_task(self.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        try:
            if self._task is not None:
                await self._task
        finally:
            await self.leave()

    def orders_for(self, campaign: str) -> CampaignOrders | None:
        """Return what is ordered for a campaign; None before that was heard.

        What was not heard is asked for by the next report.
        """
        if campaign not in self.campaign_names:
            self.campaign_names = (*self.campaign_names, campaign)
        return self.campaigns.get(campaign)

    async def next_answer(self) -> None:
        """Wait for the next report that the database answers: a round trip."""
        if self._answered is None:
            self._answered = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._answered)

    async def run(self) -> None:
        """Give signs of life until the block is left."""
        loop, every = asyncio.get_running_loop(), self.settings.beat
        look = loop.time()
        due = look + every
        while not self._stopping.is_set():
            look = max(look + every * MOVING, loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(look):
                    await self._stopping.wait()
                    return
            if look >= due or self._is_moving or self._sharing.is_starved():
                due = look + every
                await self.beat()

    async def beat(self) -> None:
        """Give one sign of life, and do what holds by the answer."""
        orders = await self._ask()
        if orders is not None and orders.state == "gone":
            self._sharing.lose()
            self.number = None
            orders = await self._ask()
        if orders is None or orders.state != "ok":
            self.missed += 1
            return
        self.count += 1
        self.missed, self.problem = 0, ""
        answered, self._answered = self._answered, None
        if answered is not None:
            answered.set_result(None)
        if self._on_orders is not None:
            self._on_orders()

    async def leave(self) -> None:
        """Send nothing any more, and give the slots back.

        Call it when no call is on the wire.
        """
        taken = taken_of(self._sharing.leave())
        number, self.number = self.number, None
        try:
            if number is not None:
                with contextlib.suppress(BeatLostError):  # the lease ends anyhow
                    await self._store.leave(number, taken)
        finally:
            await self._store.aclose()

    async def _ask(self) -> Orders | None:
        """Return what holds, None where no answer came; heed it where it does."""
        try:
            if self.number is None:
                self.number = await self._store.enroll(
                    self._name,
                    self.settings.lease,
                    self.about,
                    self._sharing.addresses,
                )
                self._sequence = 0
            self._sequence += 1
            asked_at = self._clock()
            report = self._report()
            held = {
                CapKey(one["address"], one["per"]): one["holds"]
                for one in report["caps"]
            }
            reply = await self._store.beat(self.number, self._sequence, report)
        except BeatLostError as error:
            self.problem = error.problem
            return None
        orders = orders_of(reply)
        if orders.state == "ok":
            self.last_heard = asked_at
            self.campaigns, self.is_owner = orders.campaigns, orders.is_owner
            self._is_moving = any(
                target > orders.slots[key] or orders.slots[key] < held[key]
                for key, target in orders.targets.items()
            )
            self._sharing.obey(
                orders.slots,
                orders.pauses,
                shares=orders.shares,
                asked_at=asked_at,
                lease=self.settings.lease,
            )
        return orders

    def _report(self) -> dict[str, Any]:
        sharing = self._sharing
        report: dict[str, Any] = {
            "about": self.about,
            "caps": [cap_of(one, self.campaign_names) for one in sharing.caps()],
            "pauses": [
                pause_of(name, sharing.addresses[name], one)
                for name, one in sharing.pauses().items()
            ],
            "campaigns": list(self.campaign_names),
        }
        if self.owner is not None:
            report["owner"], report["owner_lease"] = self.owner
        return report
