"""SQLiteCallEnds: the ends of the calls of a ledger in one file."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from digitro_async.call_events import CallEnd, CallSeen
from digitro_async.ledger._call_ends_port import (
    AwaitedEnd,
    EndCounts,
    OnEndRecorded,
)
from digitro_async.ledger._records import ClaimOwner, Reconciliation
from digitro_async.ledger._stored_ends import row_of_end
from digitro_async.ledger._write_jobs import CALLS, ENDS, Job
from digitro_async.ledger.sqlite._call_ends_queries import (
    count_ends,
    read_awaited,
)
from digitro_async.ledger.sqlite._call_ends_sql import (
    expect_ends,
    write_ends,
)
from digitro_async.ledger.sqlite._jobs import run_calls
from digitro_async.ledger.sqlite._reconcile_sql import settle_seen

__all__ = ["SQLiteCallEnds"]


class Asking(Protocol):
    """Asks a file something, or changes it, in another thread."""

    def __call__(self, act: Callable[[sqlite3.Connection], Any], /) -> Awaitable[Any]:
        """Return the answer."""
        ...


class SQLiteCallEnds:
    """The ends of the calls of a ledger in one file; see ``CallEnds``.

    Args:
        put: Hands a job to the writing thread.
        change: Changes the file.
        ask: Reads the file.
    """

    def __init__(self, put: Callable[[Job], None], change: Asking, ask: Asking) -> None:
        self._put, self._change, self._ask = put, change, ask

    async def expect(self, owner: ClaimOwner, timeouts: Mapping[str, float]) -> None:
        """Note that an owner hears of the ends of its calls. See ``CallEnds``."""
        await self._change(lambda c: expect_ends(c, owner, timeouts))

    def record(self, number: int, end: CallEnd, *, on_done: OnEndRecorded) -> None:
        """Record the end of a call. See ``CallEnds``."""
        self._put(Job(ENDS, write_ends, row_of_end(number, end), on_done))

    async def awaited(self) -> Sequence[AwaitedEnd]:
        """Return the calls that are to get an end and have none."""
        awaited: list[AwaitedEnd] = await self._ask(read_awaited)
        return awaited

    def settle_seen(
        self, number: int, seen: CallSeen, *, now: float
    ) -> Awaitable[Reconciliation]:
        """Settle an unknown contact whose call was seen. See ``CallEnds``."""
        settled: asyncio.Future[Reconciliation] = (
            asyncio.get_running_loop().create_future()
        )
        settle = partial(settle_seen, number=number, seen=seen, now=now)
        self._put(Job(CALLS, run_calls, settle, settled))
        return settled

    async def counts(self) -> EndCounts:
        """Return how many calls ended how."""
        counts: EndCounts = await self._ask(count_ends)
        return counts
