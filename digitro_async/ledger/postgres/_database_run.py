"""Who dials a ledger in a database, where its runs share no caps."""

import asyncio
import contextlib
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

from digitro_async.errors import LedgerError
from digitro_async.ledger._records import ClaimOwner
from digitro_async.ledger._single_run import SingleRun
from digitro_async.ledger.postgres._lone_runs import (
    end_lone_runs,
    note_lone_run,
    read_lone_run,
)
from digitro_async.ledger.postgres._postgres_connector import PostgresConnector
from digitro_async.ledger.postgres._postgres_session import PostgresSession

__all__ = ["DatabaseRun"]

_KNOWN: "weakref.WeakKeyDictionary[object, float]" = weakref.WeakKeyDictionary()
"""For each holder of slots, the end of the last run that shared no caps, where it holds
the slots of that run's calls."""


class DatabaseRun:
    """Lets one run at a time dial, of all processes that use a database.

    Those that share the caps of each PABX dial together, and never beside one that
    shares none.

    Args:
        connector: It keeps the lock of who dials, through lost connections too.
        change: Hands a function of the writing connection to the writer.
        last_event: Returns the number of the last event of all campaigns.
        shares_caps: Whether its runs share the caps.
    """

    def __init__(
        self,
        connector: PostgresConnector,
        change: Callable[[Any], Awaitable[Any]],
        last_event: Callable[[], Awaitable[int]],
        *,
        shares_caps: bool,
    ) -> None:
        self._connector = connector
        self._change = change
        self._last_event = last_event
        self._shares_caps = shares_caps
        self._run = SingleRun()
        self._ended_at: int | None = None
        self._held: tuple[weakref.ref[object], float] | None = None

    async def begin(self, owner: ClaimOwner, slot_holder: object) -> bool:
        """Note that an owner dials; see ``Ledger.begin_run``.

        Raises:
            LedgerInUseError: If another one dials.
        """
        holds_slots = self._run.begin(owner, slot_holder)
        try:
            await self._change(self._connector.take_lock)
            if self._shares_caps:
                return await self._knows_all(slot_holder)
            await self._change(self._note)
            # Others may have dialled since.
            return holds_slots and await self._last_event() == self._ended_at
        except BaseException:
            # Behind the taking, which is done also where this was cancelled meanwhile.
            with contextlib.suppress(LedgerError):
                giving = self._change(self._connector.give_lock_back)
                asyncio.ensure_future(giving).add_done_callback(_look_at)
            self._run.end(owner, holds_slots=False)
            raise

    async def end(self, owner: ClaimOwner, *, holds_slots: bool) -> None:
        """Note that an owner dials no more; see ``Ledger.end_run``."""
        if not self._run.is_of(owner):
            return
        if holds_slots and self._held is not None:
            holder, ended = self._held[0](), self._held[1]
            if holder is not None:
                _KNOWN[holder] = ended
        try:
            if not self._shares_caps:
                self._ended_at = await self._last_event()
                await self._change(end_lone_runs)
        except LedgerError:
            holds_slots = False
        finally:
            with contextlib.suppress(LedgerError):
                await self._change(self._connector.give_lock_back)
            self._run.end(owner, holds_slots=holds_slots)

    async def _note(self, session: PostgresSession) -> None:
        await note_lone_run(session, self._connector.campaign)

    async def _knows_all(self, slot_holder: object) -> bool:
        """Whether the slots of all earlier calls are held, where caps are shared.

        Those of other workers are, by what they report.
        """
        ended = await self._change(read_lone_run)
        self._held = None if ended is None else (weakref.ref(slot_holder), ended)
        return ended is None or _KNOWN.get(slot_holder) == ended


def _look_at(given_back: "asyncio.Future[Any]") -> None:
    """Say nothing of a lock that could not be given back: it ends with the link."""
    if not given_back.cancelled():
        given_back.exception()
