"""A worker over a database, with the watch over its link, as commands use it."""

import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence

import attrs

from digitro_async.cli._output import print_error
from digitro_async.client import DigitroClient
from digitro_async.config import Config
from digitro_async.control import worker_facts
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress, SlicedLedger
from digitro_async.workers import (
    Liveness,
    LivenessSettings,
    ServiceManager,
    SlicingSettings,
    Worker,
    WorkerBeat,
    WorkerSettings,
)

__all__ = ["Working", "shared_worker"]

_LIBRARIES = ("procrastinate", "psycopg", "psycopg.pool")
"""Loggers of what is used; what they tell is told in words of ours."""


@attrs.frozen(kw_only=True)
class Working:
    """The choices with which a worker dials.

    Attributes:
        campaigns: Names of the campaigns; empty for all with work.
        max_attempts: Attempts after which a contact is left pending.
        partial: Whether lists are dialled that were not put in to their end.
        until_done: Whether it ends when nothing is left.
        wait_for_ends: Whether it ends only once every call has its end.
        slicing: Sizes and times of slices.
        signs: The times of signs of life to the database.
    """

    campaigns: Sequence[str] = ()
    max_attempts: int = 5
    partial: bool = False
    until_done: bool = False
    wait_for_ends: bool = True
    slicing: SlicingSettings = attrs.field(factory=SlicingSettings)
    signs: WorkerSettings = attrs.field(factory=WorkerSettings)


@contextlib.asynccontextmanager
async def shared_worker(
    address: LedgerAddress, config: Config, client: DigitroClient, working: Working
) -> AsyncIterator[Worker]:
    """Make a worker for a block, not entered yet, while the link is watched.

    Raises:
        ConfigurationError: If the address is no database's.
    """
    if address.server is None:
        raise ConfigurationError(
            "workers share a ledger in a database: --ledger must be "
            "postgresql://user@host/database; a file has one process that dials it"
        )
    # Late: they need the extra ``postgres``.
    from digitro_async.ledger import PostgresLedger  # noqa: PLC0415
    from digitro_async.workers import (  # noqa: PLC0415
        EngineSettings,
        PostgresBeats,
        ProcrastinateEngine,
        WorkerDatabase,
    )

    server = address.server

    def ledger_of(campaign: str) -> SlicedLedger:
        return PostgresLedger(server, campaign, shares_caps=True)

    url, slicing = address.server.reveal(), working.slicing
    engine = ProcrastinateEngine(
        url,
        EngineSettings(
            poll=slicing.look, stalled=slicing.lease, heartbeat=slicing.renew
        ),
    )
    database = WorkerDatabase(url, answer=working.signs.timeout)
    del url  # tools show the locals of an error's frames
    manager, label = ServiceManager(), f"{socket.gethostname()}:{os.getpid()}"
    _warn_of_a_short_watchdog(manager, working.signs.liveness)

    def is_paused(campaign: str) -> bool:
        orders = beat.campaigns.get(campaign)
        return orders is not None and orders.is_paused

    def heed() -> None:
        beat.campaign_names = worker.campaigns
        beat.about.update(worker_facts(client.statistics()))
        worker.heed_pauses()

    worker = Worker(
        engine,
        client,
        ledger_of,
        working.campaigns or database.campaigns_with_work,
        call=config.call,
        settings=slicing,
        max_attempts=working.max_attempts,
        partial=working.partial,
        until_done=working.until_done,
        wait_for_ends=working.wait_for_ends,
        label=label,
        is_paused=is_paused,
    )
    beat = WorkerBeat(
        PostgresBeats(server, timeout=working.signs.timeout),
        client.dispatcher,
        working.signs,
        name=label,
        campaigns=tuple(working.campaigns),
        on_orders=heed,
    )
    with _quiet_libraries():
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            await database.prepare()
            stack.callback(manager.tell_stopping)
            await stack.enter_async_context(beat)
            watch = Liveness(beat.next_answer, working.signs.liveness, manager=manager)
            await stack.enter_async_context(watch)
            manager.tell_ready()
            yield worker


def _warn_of_a_short_watchdog(
    manager: ServiceManager, liveness: LivenessSettings
) -> None:
    if manager.watchdog is not None and manager.watchdog <= liveness.longest:
        print_error(
            f"digitro: WatchdogSec is {manager.watchdog:g} s, which ends this process "
            f"before it ends itself: make it more than {liveness.longest:g} s"
        )


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Print nothing of the libraries' own logs, unless somebody takes them."""
    silent = logging.NullHandler()
    for name in _LIBRARIES:
        logging.getLogger(name).addHandler(silent)
    try:
        yield
    finally:
        for name in _LIBRARIES:
            logging.getLogger(name).removeHandler(silent)
