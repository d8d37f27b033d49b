"""ProcrastinateEngine: moves slices through a PostgreSQL database, by procrastinate."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import attrs
import procrastinate
from procrastinate import exceptions
from procrastinate.jobs import Job, Status

from digitro_async._common.validators import at_least, positive_seconds, quiet_init
from digitro_async._common.waiting import settled_of
from digitro_async.errors import EngineError
from digitro_async.observe import LOGGER
from digitro_async.workers._engine_port import Handle, Slice, StalledSlice
from digitro_async.workers._engine_schema import install_schema
from digitro_async.workers._timed_connector import TimedConnector

__all__ = ["EngineSettings", "ProcrastinateEngine"]

_TASK = "digitro.dial_slice"
_NEVER = 10**6
"""Seconds between two looks for slices to abort: nobody aborts one."""
_WAITING = """\
SELECT queueing_lock FROM procrastinate_jobs
WHERE status = 'todo' AND queueing_lock = ANY(%(locks)s)"""


@quiet_init
@attrs.frozen(kw_only=True)
class EngineSettings:
    """The settings of the engine. Times are in seconds.

    Attributes:
        statement: Longest time of one statement.
        poll: Time between two looks for a slice of a worker that has none.
        heartbeat: Time between two signs of life of a worker.
        stalled: Time without one after which the slices of a worker go to others.
        connections: Most connections of a process to the database for this.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    statement: float = attrs.field(default=5.0, validator=positive_seconds)
    poll: float = attrs.field(default=1.0, validator=positive_seconds)
    heartbeat: float = attrs.field(default=5.0, validator=positive_seconds)
    stalled: float = attrs.field(default=30.0, validator=positive_seconds)
    connections: int = attrs.field(default=2, validator=at_least(1))


class ProcrastinateEngine:
    """Moves slices through tables of procrastinate's, in a schema of their own.

    A slice is a job. It is handed out once, and never again by itself: that of a worker
    that is gone is in ``stalled()``. The tables may be emptied at any time, and nobody
    is lost: the ledger tells which contacts are pending.

    Args:
        url: ``postgresql://…``; its password is shown nowhere.
        settings: Times and limits.
    """

    def __init__(self, url: str, settings: EngineSettings | None = None) -> None:
        self._url = url
        self._settings = settings or EngineSettings()
        self._handles: dict[str, Handle] = {}
        self._app = self._make_app()

    def __repr__(self) -> str:
        return "<ProcrastinateEngine>"

    async def __aenter__(self) -> Self:
        conninfo, kwargs = await install_schema(self._url, self._settings.statement)
        self._app = self._make_app(conninfo, kwargs)
        await self._app.open_async()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        closing = asyncio.ensure_future(self._app.close_async())
        await asyncio.wait({closing}, timeout=self._settings.statement)
        closing.cancel()

    async def submit(self, slices: Sequence[Slice], *, after: float = 0.0) -> None:
        """Put slices in; see ``Engine``.

        Raises:
            EngineError: If the database can't be written.
        """
        jobs = [_job_of(one, after) for one in slices]
        # Where somebody puts in the same ones, what those lack is found later.
        with _reworded(), contextlib.suppress(exceptions.AlreadyEnqueued):
            await self._put(jobs)

    async def run_worker(
        self,
        handle: Handle,
        *,
        queues: Collection[str],
        concurrency: int,
        stop: asyncio.Event,
    ) -> None:
        """Hand slices out until it is told to stop; see ``Engine``."""
        self._handles.update(dict.fromkeys(queues, handle))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                working = asyncio.ensure_future(self._run(sorted(queues), concurrency))
                try:
                    await asyncio.wait(
                        {working, stopping}, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    working.cancel()  # it finishes what it has, then
                    await settled_of(working)
                if not stop.is_set():
                    # The database was away, and procrastinate's worker ends then.
                    LOGGER.info("the engine's worker ended; it is started again")
                    await asyncio.wait({stopping}, timeout=self._settings.poll)
        finally:
            stopping.cancel()

    async def stalled(self) -> Sequence[StalledSlice]:
        """Return the slices of workers without a sign of life; see ``Engine``.

        Raises:
            EngineError: If the database can't be read.
        """
        with _reworded():
            jobs = await self._app.job_manager.get_stalled_jobs(
                task_name=_TASK, seconds_since_heartbeat=self._settings.stalled
            )
        return [StalledSlice(_slice_of(one), one.id or 0) for one in jobs]

    async def retry(self, stalled: StalledSlice) -> None:
        """Let another worker have a stalled slice; see ``Engine``.

        Raises:
            EngineError: If the database can't be written.
        """
        jobs = self._app.job_manager
        with _reworded():
            try:
                await jobs.retry_job_by_id_async(stalled.id, retry_at=_now())
            except exceptions.UniqueViolation:  # it waits already, as another job
                await jobs.finish_job_by_id_async(
                    stalled.id, Status.FAILED, delete_job=True
                )

    async def _put(self, jobs: Sequence[Job]) -> None:
        locks = [one.queueing_lock for one in jobs]
        rows = await self._app.connector.execute_query_all_async(_WAITING, locks=locks)
        waiting = {row["queueing_lock"] for row in rows}
        new = [one for one in jobs if one.queueing_lock not in waiting]
        if new:
            await self._app.job_manager.batch_defer_jobs_async(new)

    async def _run(self, queues: Sequence[str], concurrency: int) -> None:
        settings = self._settings
        await self._app.run_worker_async(
            queues=queues,
            concurrency=concurrency,
            fetch_job_polling_interval=settings.poll,
            abort_job_polling_interval=_NEVER,
            listen_notify=False,
            delete_jobs="always",
            install_signal_handlers=False,
            update_heartbeat_interval=settings.heartbeat,
            stalled_worker_timeout=settings.stalled,
        )

    def _make_app(
        self, conninfo: str = "", kwargs: Mapping[str, Any] | None = None
    ) -> procrastinate.App:
        connector = TimedConnector(
            conninfo,
            kwargs or {},
            seconds=self._settings.statement,
            connections=self._settings.connections,
        )
        app = procrastinate.App(connector=connector)
        app.task(name=_TASK, pass_context=True)(self._dial)
        return app

    async def _dial(self, context: procrastinate.JobContext, /, **_: Any) -> None:
        handle = self._handles.get(context.job.queue)
        if handle is not None:
            await handle(_slice_of(context.job))


def _job_of(one: Slice, after: float) -> Job:
    at = _now() + dt.timedelta(seconds=after) if after else None
    fields = attrs.asdict(one)
    return Job(
        queue=one.queue,
        lock=None,
        queueing_lock=f"{one.queue} {one.first}-{one.last}",
        task_name=_TASK,
        task_kwargs=fields,
        scheduled_at=at,
    )


def _slice_of(job: Job) -> Slice:
    fields: dict[str, Any] = dict(job.task_kwargs)
    return Slice(**fields)


@contextlib.contextmanager
def _reworded() -> Iterator[None]:
    """Say in words of ours that the database can't be reached.

    Raises:
        EngineError: If it can't be.
    """
    is_away = False
    try:
        yield
    except exceptions.ConnectorException:
        is_away = True  # its cause may tell how we connect
    if is_away:
        raise EngineError(
            "the database that moves slices can't be reached", reason="unreachable"
        )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
