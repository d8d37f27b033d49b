"""SliceClaims: the contacts of slices, claimed as the slices come in."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Self

import attrs

from digitro_async.campaign._claim_limit import ClaimLimit
from digitro_async.campaign._claimed_contacts import BuildCall, ClaimedContacts
from digitro_async.errors import Outcome
from digitro_async.ledger._records import ClaimedContact, ClaimOwner
from digitro_async.ledger._slices_port import SlicedLedger
from digitro_async.models import CallResult, DispatchItem

__all__ = ["SliceClaims"]

_PENDING_AGAIN = frozenset({Outcome.NOT_SENT, Outcome.REFUSED})
"""Outcomes after which a contact may be called again."""


@attrs.define(eq=False)
class _Claimed:
    """The contacts of one slice that were claimed.

    Attributes:
        open: Those whose result is not there yet.
        all_told: Set once every one has its result, or none will come.
        left: Those that may be called again.
    """

    open: set[int]
    all_told: asyncio.Event = attrs.field(factory=asyncio.Event)
    left: list[int] = attrs.field(factory=list)


class SliceClaims:
    """Claims the pending contacts of each slice it is given, and gives them out.

    Several slices are on the way at once, so that there is always a contact at hand.

    Args:
        ledger: An open ledger.
        owner: The owner of the claims.
        build_call: Makes the call of a contact, or raises ``InvalidCallError``.
        lease: Seconds in which nobody else may have the claims.
        max_attempts: Attempts after which a contact is left out.
        partial: Whether lists are dialled that are not there to their end.
        limit: How many contacts may be claimed; None for any number.
    """

    def __init__(
        self,
        ledger: SlicedLedger,
        owner: ClaimOwner,
        build_call: BuildCall,
        *,
        lease: float,
        max_attempts: int,
        partial: bool,
        limit: ClaimLimit | None = None,
    ) -> None:
        self._ledger = ledger
        self._owner = owner
        self._lease = lease
        self._max_attempts = max_attempts
        self._partial = partial
        self._limit = limit or ClaimLimit()
        self._queue = ClaimedContacts(ledger, owner, build_call)
        self._claimed: dict[int, _Claimed] = {}  # by the numbers of open contacts
        self._came = asyncio.Event()
        self._is_ended = self._is_abandoned = False
        self.next_ready: Callable[[], DispatchItem | None] = self._queue.take_ready

    async def dial(self, numbers: range, pabx: str | None) -> int:
        """Have the pending contacts of a slice called.

        Args:
            numbers: The numbers of its contacts.
            pabx: Name of the PABX that must take them; None for those any may take.

        Returns:
            How many of them are pending again, or were not claimed for the limit.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        if self._takes_none():
            return len(numbers)
        if not self._partial:
            last = await self._ledger.whole_until()
            numbers = range(numbers.start, min(numbers.stop, last + 1))
            if not numbers:
                return 0
        contacts = await self._limit.claim(
            len(numbers), partial(self._claim, numbers, pabx)
        )
        if not contacts:
            return int(self._limit.is_reached)
        claimed = _Claimed({one.number for one in contacts})
        if self._takes_none():  # meanwhile
            self._limit.give_back(len(contacts))
            await self._ledger.release(self._owner, sorted(claimed.open))
            return len(contacts)
        # The ledger gives a contact anew once it was put back, or once others took it
        # from a process that stood still. Its slice of before would wait for ever, as
        # whatever is told of the contact from now on is told to this one.
        for number in claimed.open & self._claimed.keys():
            self._settle(number, may_be_called=False)
        self._claimed.update(dict.fromkeys(claimed.open, claimed))
        self._queue.put(contacts)
        self._came.set()
        await claimed.all_told.wait()
        if claimed.left and not self._is_abandoned:  # else the run gave them back
            await self._ledger.release(self._owner, claimed.left)
        return len(claimed.left) or int(self._limit.is_reached)

    def settle(self, result: CallResult) -> None:
        """Note the result of one of the contacts."""
        if isinstance(result.key, int):
            self._settle(result.key, may_be_called=result.outcome in _PENDING_AGAIN)

    def end(self) -> None:
        """Take no further slice, and end once every contact was given out."""
        self._is_ended = True
        self._came.set()

    def abandon(self) -> None:
        """Wait for no result any more: the run is over."""
        self._is_abandoned = True
        self._limit.give_back(len(self._claimed))
        for number in list(self._claimed):
            self._settle(number, may_be_called=True)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DispatchItem:
        while True:
            while not self._queue:
                if self._is_ended:
                    raise StopAsyncIteration
                self._came.clear()
                await self._came.wait()
            item = await self._queue.take()
            if isinstance(item, DispatchItem):
                return item
            self._pass_over(item)

    async def _claim(
        self, numbers: range, pabx: str | None, most: int
    ) -> Sequence[ClaimedContact]:
        return await self._ledger.claim(
            most,
            self._owner,
            self._lease,
            within=numbers,
            pabx=[pabx],
            max_attempts=self._max_attempts,
        )

    def _takes_none(self) -> bool:
        return self._is_ended or self._is_abandoned

    def _pass_over(self, number: int) -> None:
        """Note that a contact makes no call."""
        self._settle(number, may_be_called=False)

    def _settle(self, number: int, *, may_be_called: bool) -> None:
        claimed = self._claimed.pop(number, None)
        if claimed is None:
            return
        claimed.open.discard(number)
        if may_be_called:
            claimed.left.append(number)
        if not claimed.open:
            claimed.all_told.set()
