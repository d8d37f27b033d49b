"""A worker over a database, with the watch over its link, as commands use it."""

import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

import attrs

from digitro_async.cli._output import print_error
from digitro_async.client import DigitroClient
from digitro_async.config import Config
from digitro_async.control import worker_facts
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress, SlicedLedger
from digitro_async.privacy import Secret
from digitro_async.workers import (
    ListCampaigns,
    Liveness,
    LivenessSettings,
    ServiceManager,
    SlicingSettings,
    Worker,
    WorkerBeat,
    WorkerSettings,
)

if TYPE_CHECKING:
    from digitro_async.rules import CallingRules

__all__ = ["Working", "shared_worker"]

_LIBRARIES = ("procrastinate", "psycopg", "psycopg.pool")
"""Loggers of what is used; what they tell is told in words of ours."""


@attrs.frozen(kw_only=True)
class Working:
    """The choices with which a worker dials.

    Attributes:
        campaigns: Names of the campaigns; empty for all with work.
        max_attempts: Attempts after which a contact is left pending.
        max_calls: Most contacts that it takes on; None for no limit.
        partial: Whether lists are dialled that were not put in to their end.
        until_done: Whether it ends when nothing is left.
        wait_for_ends: Whether it ends only once every call has its end.
        rules: The rules of calling, None where none are applied.
        wait: Longest time, in seconds, that is waited for who is called later; None for
            any.
        slicing: Sizes and times of slices.
        signs: The times of signs of life to the database.
    """

    campaigns: Sequence[str] = ()
    max_attempts: int = 5
    max_calls: int | None = None
    partial: bool = False
    until_done: bool = False
    wait_for_ends: bool = True
    rules: "CallingRules | None" = None
    wait: float | None = None
    slicing: SlicingSettings = attrs.field(factory=SlicingSettings)
    signs: WorkerSettings = attrs.field(factory=WorkerSettings)


@contextlib.asynccontextmanager
async def shared_worker(
    address: LedgerAddress, config: Config, client: DigitroClient, working: Working
) -> AsyncIterator[Worker]:
    """Make a worker for a block, not entered yet, while the link is watched.

    Raises:
        ConfigurationError: If the address is no database's.
        LedgerError: If the database can't be reached.
    """
    if address.server is None:
        raise ConfigurationError(
            "workers share a ledger in a database: --ledger must be "
            "postgresql://user@host/database; a file has one process that dials it"
        )
    # Late, here and below: they need the extra ``postgres``.
    from digitro_async.workers import PostgresBeats, WorkerDatabase  # noqa: PLC0415

    signs, manager = working.signs, ServiceManager()
    _warn_of_a_short_watchdog(manager, signs.liveness)
    database = WorkerDatabase(address.server.reveal(), answer=signs.timeout)

    def heed() -> None:
        # Before it has begun any: a pause of one must be known by then.
        beat.campaign_names = worker.campaigns or tuple(working.campaigns)
        beat.about.update(worker_facts(client.statistics()))
        worker.heed_pauses()

    beat = WorkerBeat(
        PostgresBeats(address.server, timeout=signs.timeout),
        client.dispatcher,
        signs,
        name=_label(),
        campaigns=tuple(working.campaigns),
        on_orders=heed,
    )
    campaigns = working.campaigns or database.campaigns_with_work
    worker = _make_worker(
        config, client, working, server=address.server, campaigns=campaigns, beat=beat
    )

    with _quiet_libraries():
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            await database.prepare(working.campaigns)
            stack.callback(manager.tell_stopping)
            await stack.enter_async_context(beat)
            watch = Liveness(beat.next_answer, signs.liveness, manager=manager)
            await stack.enter_async_context(watch)
            manager.tell_ready()
            yield worker


def _make_worker(
    config: Config,
    client: DigitroClient,
    working: Working,
    *,
    server: Secret,
    campaigns: Sequence[str] | ListCampaigns,
    beat: WorkerBeat,
) -> Worker:
    from digitro_async.ledger import PostgresLedger  # noqa: PLC0415
    from digitro_async.workers import (  # noqa: PLC0415
        EngineSettings,
        ProcrastinateEngine,
    )

    slicing = working.slicing
    settings = EngineSettings(
        poll=slicing.look, stalled=slicing.lease, heartbeat=slicing.renew
    )

    def ledger_of(campaign: str) -> SlicedLedger:
        return PostgresLedger(server, campaign, shares_caps=True)

    def is_paused(campaign: str) -> bool | None:
        orders = beat.orders_for(campaign)
        return None if orders is None else orders.is_paused

    return Worker(
        ProcrastinateEngine(server.reveal(), settings),
        client,
        ledger_of,
        campaigns,
        call=config.call,
        settings=slicing,
        max_attempts=working.max_attempts,
        max_calls=working.max_calls,
        partial=working.partial,
        until_done=working.until_done,
        wait_for_ends=working.wait_for_ends,
        rules=working.rules,
        wait=working.wait,
        label=_label(),
        is_paused=is_paused,
    )


def _label() -> str:
    """Return the name of this process for people: where it is, and its number."""
    return f"{socket.gethostname()}:{os.getpid()}"


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
