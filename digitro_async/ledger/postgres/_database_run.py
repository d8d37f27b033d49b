"""Who dials a ledger in a database, where its runs share no caps."""

from collections.abc import Awaitable, Callable
from typing import Any

from digitro_async.errors import LedgerError
from digitro_async.ledger._records import ClaimOwner
from digitro_async.ledger._single_run import SingleRun
from digitro_async.ledger.postgres._postgres_connector import PostgresConnector

__all__ = ["DatabaseRun"]


class DatabaseRun:
    """Lets one run at a time dial, of all processes that use a database.

    Args:
        connector: It keeps the lock of who dials, through lost connections too.
        change: Hands a function of the writing connection to the writer.
        last_event: Returns the number of the last event of all campaigns.
    """

    def __init__(
        self,
        connector: PostgresConnector,
        change: Callable[[Any], Awaitable[Any]],
        last_event: Callable[[], Awaitable[int]],
    ) -> None:
        self._connector = connector
        self._change = change
        self._last_event = last_event
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
            last = await self._last_event()
        except BaseException:
            self._run.end(owner, holds_slots=False)
            raise
        # Others may have dialled since.
        return holds_slots and last == self._ended_at

    async def end(self, owner: ClaimOwner, *, holds_slots: bool) -> None:
        """Note that an owner dials no more; see ``Ledger.end_run``."""
        if not self._run.is_of(owner):
            return
        try:
            self._ended_at = await self._last_event()
            await self._change(self._connector.give_lock_back)
        except LedgerError:
            holds_slots = False
        self._run.end(owner, holds_slots=holds_slots)
