"""Claims: the contacts that a run claims in the order of import, each of them once."""

from typing import Self

from digitro_async.campaign._claimed_contacts import BuildCall, ClaimedContacts
from digitro_async.campaign._import_gate import ImportGate
from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._records import ClaimOwner
from digitro_async.models import DispatchItem

__all__ = ["Claims"]

LEASE = 3_600.0
"""Seconds in which no other run may have the claims of one that shows no life. Only a
run that was stopped for longer loses them: each page that is claimed is a sign of life,
and no ledger that is dialled so lets two runs dial at once."""

LARGEST_PAGE = 50_000
"""Most contacts that are claimed at once, however many may be on the wire."""


class Claims:
    """Claims pending contacts in the order of import, a page at a time.

    A run goes through the ledger once: contacts that it gives back are for the next
    run. One whose PABX is paused would otherwise be claimed again and again.

    Args:
        ledger: An open ledger.
        owner: The owner of the claims.
        build_call: Makes the call of a contact, or raises ``InvalidCallError``.
        page: Contacts that are claimed at once, ``LARGEST_PAGE`` at most.
        max_attempts: Attempts after which a contact is left out.
        most: Contacts after which it ends, None for no limit.
        gate: Holds contacts back of lists that are being added.
    """

    def __init__(
        self,
        ledger: Ledger,
        owner: ClaimOwner,
        build_call: BuildCall,
        *,
        page: int,
        max_attempts: int,
        most: int | None = None,
        gate: ImportGate | None = None,
    ) -> None:
        self._ledger = ledger
        self._owner = owner
        self._size = min(page, LARGEST_PAGE)
        self._max_attempts = max_attempts
        self._page = ClaimedContacts(ledger, owner, build_call)
        self._last = 0
        self._left = most
        self._gate = ImportGate(ledger) if gate is None else gate
        self.next_ready = self._page.take_ready

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DispatchItem:
        while True:
            if not self._page:
                await self._turn_page()
            item = await self._page.take()
            if isinstance(item, DispatchItem):
                return item

    async def _turn_page(self) -> None:
        size = self._size if self._left is None else min(self._size, self._left)
        if not size:
            raise StopAsyncIteration
        is_final = False
        while True:
            is_final = not self._gate.is_adding
            claimed = await self._ledger.claim(
                size,
                self._owner,
                LEASE,
                after=self._last,
                max_attempts=self._max_attempts,
                within=await self._gate.within(),
            )
            if claimed:
                break
            if is_final:
                raise StopAsyncIteration
            await self._gate.wait()
        if self._left is not None:
            self._left -= len(claimed)
        self._last = claimed[-1].number
        self._page.put(claimed)
