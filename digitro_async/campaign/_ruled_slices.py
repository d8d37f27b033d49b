"""RuledSlices: the contacts of slices, claimed as rules allow, and those due beside."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from digitro_async.campaign._ruled_admission import RuledAdmission
from digitro_async.campaign._ruled_claims import LOOK_SHARED, DueClaims
from digitro_async.campaign._rules_in_force import RulesInForce
from digitro_async.campaign._slice_claims import SliceClaims
from digitro_async.ledger import ClaimedContact, WaitKind
from digitro_async.models import DispatchItem

__all__ = ["RuledSlices"]

_EVERY_KIND: Final = (None, *WaitKind)


class RuledSlices(SliceClaims):
    """Claims the contacts of slices as rules allow their calls, and those due beside.

    Slices are of contacts in the order of import. Who waits is claimed apart from
    them, callbacks first and each by priority, and is called before slices that wait.

    Args:
        heeding: The rules.
        given: As for ``SliceClaims``.
        page: Contacts that are due, and claimed at once.
        pabx: The PABX whose contacts are claimed, None for those of any.
        more: As for ``SliceClaims``.
    """

    def __init__(
        self,
        heeding: RulesInForce,
        *given: Any,
        page: int,
        pabx: Collection[str | None],
        **more: Any,
    ) -> None:
        super().__init__(*given, **more)
        self._heeding = heeding
        self._size = page
        self._pabx = pabx
        self._admission = RuledAdmission(heeding, self._owner, is_shared=True)
        self._due = DueClaims(
            heeding,
            self._owner,
            max_attempts=self._max_attempts,
            lease=self._lease,
            pabx=pabx,
        )
        self.next_ready: Callable[[], DispatchItem | None] = self._take_ready

    async def dial_due(self) -> None:
        """Have contacts called as they are due, until no slice is taken any more.

        Raises:
            LedgerError: If the ledger can't be read or written.
        """
        while not self._takes_none():
            is_full = len(self._queue) >= self._size
            if is_full or not await self._claim_due():
                await self._wait_for_due()

    async def waits(self, most: float | None) -> bool:
        """Whether a contact may come up later, or a call may bring a recall.

        Args:
            most: Most seconds until one is due that is waited for; None for any.

        Raises:
            LedgerError: If the ledger can't be read.
        """
        heeding = self._heeding
        if heeding.stopped is not None:
            return False
        if len(heeding.in_hand) or heeding.may_bring_recalls:
            return True
        now = heeding.clock()
        # Who has just become due may not have been found yet.
        due = await self._next_due(now - LOOK_SHARED)
        return due is not None and (most is None or due - now <= most)

    async def __anext__(self) -> DispatchItem:
        while not self._may_begin():
            hand = self._heeding.in_hand
            hand.changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SHARED):
                    await hand.changed.wait()
        return await super().__anext__()

    def _pass_over(self, number: int) -> None:
        super()._pass_over(number)
        self._heeding.in_hand.let_go(number)  # no result is going to

    async def _claim(
        self, numbers: range, pabx: str | None, most: int
    ) -> Sequence[ClaimedContact]:
        claimed = await self._heeding.schedule.claim(
            most,
            self._owner,
            self._lease,
            now=self._heeding.clock(),
            kinds=_EVERY_KIND,
            max_attempts=self._max_attempts,
            within=numbers,
            pabx=[pabx],
        )
        return await self._admission.admit(claimed) if claimed else ()

    async def _claim_due(self) -> bool:
        """Claim contacts that waited and are due; False where there are none."""
        found = 0

        async def claim(most: int) -> Sequence[ClaimedContact]:
            nonlocal found
            claimed = await self._due.claim_waiting(most)
            found = len(claimed)
            return await self._admission.admit(claimed) if claimed else ()

        contacts = await self._limit.claim(self._size, claim)
        if self._takes_none():  # meanwhile: the run gives them back
            self._limit.give_back(len(contacts))
        elif contacts:
            self._queue.put_first(contacts)
            self._came.set()
        return found > 0

    async def _wait_for_due(self) -> None:
        """Wait until somebody may be due, at most for a while."""
        heeding = self._heeding
        now, seconds = heeding.clock(), LOOK_SHARED
        due = await self._next_due(now)
        if due is not None:
            seconds = max(min(seconds, due - now), 1e-3)
        heeding.waits_until = None if len(heeding.in_hand) or self._queue else due
        await asyncio.sleep(seconds)

    async def _next_due(self, now: float) -> float | None:
        """Return when the next contact is due that is called here; None for none."""
        waits = await self._heeding.schedule.waiting(
            now=now, max_attempts=self._max_attempts, pabx=self._pabx
        )
        return waits.next_due

    def _take_ready(self) -> DispatchItem | None:
        return self._queue.take_ready() if self._may_begin() else None

    def _may_begin(self) -> bool:
        given = len(self._heeding.in_hand) - len(self._queue)
        return self._heeding.may_begin(given)
