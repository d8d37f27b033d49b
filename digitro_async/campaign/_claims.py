"""Claims: claims the contacts of a run, each of them once."""

from collections import deque
from collections.abc import Callable
from typing import Self

from digitro_async._common.drafts import draft_of
from digitro_async.errors import IllegalTransitionError, InvalidCallError
from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._records import ClaimedContact, ClaimOwner
from digitro_async.models import DispatchItem, PredictiveCall

__all__ = ["Claims"]

LEASE = 3_600.0
"""Seconds in which no other run may have the claims of one that shows no life. Only a
run that was stopped for longer loses them: each page that is claimed is a sign of life,
and no ledger yet lets two runs dial at once."""

LARGEST_PAGE = 50_000
"""Most contacts that are claimed at once, however many may be on the wire."""

_ItemDraft = draft_of(DispatchItem)


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
    """

    def __init__(
        self,
        ledger: Ledger,
        owner: ClaimOwner,
        build_call: Callable[[ClaimedContact], PredictiveCall],
        *,
        page: int,
        max_attempts: int,
        most: int | None = None,
    ) -> None:
        self._ledger = ledger
        self._owner = owner
        self._build_call = build_call
        self._size = min(page, LARGEST_PAGE)
        self._max_attempts = max_attempts
        self._page: deque[ClaimedContact] = deque()
        self._last = 0
        self._left = most

    def next_ready(self) -> DispatchItem | None:
        """Return the next call where its contact is claimed already and can be called.

        The rest is left to iteration, which may wait.
        """
        if not self._page:
            return None
        contact = self._page[0]
        try:
            call = self._build_call(contact)
        except InvalidCallError:
            return None
        del self._page[0]
        draft = _ItemDraft()
        draft.call, draft.pabx, draft.key = call, contact.pabx, contact.number
        draft.__class__ = DispatchItem
        item: DispatchItem = draft
        return item

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DispatchItem:
        while True:
            if not self._page:
                await self._turn_page()
            contact = self._page.popleft()
            try:
                call = self._build_call(contact)
            except InvalidCallError as error:
                reason = error.reason
            else:
                number, pabx = contact.number, contact.pabx
                return DispatchItem(call=call, pabx=pabx, key=number)
            try:
                await self._ledger.invalidate(contact.number, self._owner, reason)
            except IllegalTransitionError as lost:
                if lost.reason != "not_claimed":  # withdrawn meanwhile, perhaps
                    raise

    async def _turn_page(self) -> None:
        size = self._size if self._left is None else min(self._size, self._left)
        if not size:
            raise StopAsyncIteration
        claimed = await self._ledger.claim(
            size,
            self._owner,
            LEASE,
            after=self._last,
            max_attempts=self._max_attempts,
        )
        if not claimed:
            raise StopAsyncIteration
        if self._left is not None:
            self._left -= len(claimed)
        self._last = claimed[-1].number
        self._page.extend(claimed)
