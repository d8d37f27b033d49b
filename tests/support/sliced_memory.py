"""A ledger in memory that many workers of one process dial at once."""

from collections.abc import Collection, Sequence
from typing import Self

from digitro_async.ledger import (
    ClaimedContact,
    ClaimOwner,
    LedgerSlice,
    MemoryLedger,
    State,
)

__all__ = ["SlicedMemoryLedger"]


class SlicedMemoryLedger(MemoryLedger):
    """A ledger in memory for many workers: each may open and leave it as it likes."""

    async def __aenter__(self) -> Self:
        if not self._is_open:
            await super().__aenter__()
        return self

    async def __aexit__(self, *given: object) -> None:
        """Leave it open for the others."""

    async def begin_run(self, owner: ClaimOwner, slot_holder: object) -> bool:
        """Let everybody dial at once; their cap is shared elsewhere."""
        return True

    async def claim(
        self,
        limit: int,
        owner: ClaimOwner,
        lease: float,
        *,
        after: int = 0,
        max_attempts: int | None = None,
        within: range | None = None,
        pabx: Collection[str | None] | None = None,
    ) -> Sequence[ClaimedContact]:
        """Claim the contacts of a slice."""
        await self.renew(owner, lease)
        claimed: list[ClaimedContact] = []
        for number in self._rows if within is None else within:
            row = self._rows.get(number)
            if row is None or number <= after or len(claimed) == limit:
                continue
            is_meant = pabx is None or row.contact.pabx in pabx
            if is_meant and self._is_claimable(row) and row.may_try(max_attempts):
                row.claim(owner.id)
                claimed.append(row.as_open())
        return claimed

    async def pending_slices(
        self,
        size: int,
        most: int,
        *,
        after: int = 0,
        last: int | None = None,
        max_attempts: int | None = None,
    ) -> Sequence[LedgerSlice]:
        """Return slices in which contacts are pending, in order."""
        found: dict[LedgerSlice, None] = {}
        for number, row in self._rows.items():
            if (
                number > after
                and (last is None or number <= last)
                and row.state is State.PENDING
                and row.may_try(max_attempts)
            ):
                first = (number - 1) // size * size + 1
                one = LedgerSlice(range(first, first + size), row.contact.pabx)
                found[one] = None
        ranges = list(dict.fromkeys(one.numbers for one in found))[:most]
        return [one for one in found if one.numbers in ranges]

    async def whole_until(self) -> int:
        """Return the number of the last contact: its lists are all whole."""
        return max(self._rows, default=0)
