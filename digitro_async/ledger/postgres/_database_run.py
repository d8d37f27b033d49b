"""Who dials a ledger in a database, where its runs share no caps."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from digitro_async.errors import LedgerError
from digitro_async.ledger._records import ClaimOwner
from digitro_async.ledger._single_run import SingleRun
from digitro_async.ledger.postgres._postgres_connector import PostgresConnector

__all__ = ["DatabaseRun"]


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

    async def begin(self, owner: ClaimOwner, slot_holder: object) -> bool:
        """Note that an owner dials; see ``Ledger.begin_run``.

        Raises:
            LedgerInUseError: If another one dials.
        """
        holds_slots = self._run.begin(owner, slot_holder)
        try:
            await self._change(self._connector.take_lock)
            # Others may have dialled since; where caps are shared, that is known.
            if self._shares_caps:
                return True
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
        try:
            if not self._shares_caps:
                self._ended_at = await self._last_event()
        except LedgerError:
            holds_slots = False
        finally:
            with contextlib.suppress(LedgerError):
                await self._change(self._connector.give_lock_back)
            self._run.end(owner, holds_slots=holds_slots)


def _look_at(given_back: "asyncio.Future[Any]") -> None:
    """Say nothing of a lock that could not be given back: it ends with the link."""
    if not given_back.cancelled():
        given_back.exception()
