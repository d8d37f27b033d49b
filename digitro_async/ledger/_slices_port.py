"""The port of a ledger whose contacts are dialled in slices, by many workers."""

from collections.abc import Collection, Sequence
from typing import Protocol

import attrs

from digitro_async.ledger._ledger_port import Ledger
from digitro_async.ledger._records import ClaimedContact, ClaimOwner

__all__ = ["LedgerSlice", "SlicedLedger"]


@attrs.frozen
class LedgerSlice:
    """A range of contacts of which some are pending.

    Attributes:
        numbers: The numbers of the contacts.
        pabx: Name of the PABX that must take those meant; None for those any may take.
    """

    numbers: range
    pabx: str | None


class SlicedLedger(Ledger, Protocol):
    """A ledger that several owners dial at once, each of them slices of it."""

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
        """Claim contacts. See ``Ledger``.

        Args:
            limit: Most contacts.
            owner: The owner.
            lease: Seconds from now in which nobody else may have the owner's claims.
            after: Only contacts with numbers above this one.
            max_attempts: Leave out contacts of which this number of attempts failed.
            within: Only contacts with these numbers; None for all.
            pabx: Only contacts that one of these PABX must take, None in it for those
                that any may take; None for all.
        """
        ...

    async def pending_slices(
        self,
        size: int,
        most: int,
        *,
        after: int = 0,
        last: int | None = None,
        max_attempts: int | None = None,
    ) -> Sequence[LedgerSlice]:
        """Return slices in which contacts are pending, in order.

        Args:
            size: Contacts of a slice at most. Slices begin after a multiple of it, so
                that whoever asks finds the same ones.
            most: Most ranges of numbers. One in which several PABX are named is as many
                slices.
            after: Only contacts with numbers above this one.
            last: Only contacts with numbers up to this one; None for all.
            max_attempts: Leave out contacts of which this number of attempts failed.
        """
        ...

    async def whole_until(self) -> int:
        """Return the number of the last contact that is of no unfinished list.

        A contact that is put in after that has a higher number, and so has every one
        that was put in since the oldest list began that is not there to its end, nor
        added again since.
        """
        ...
