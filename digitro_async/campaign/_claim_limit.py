"""ClaimLimit: how many contacts a process may still claim, of all its campaigns."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from digitro_async.ledger._records import ClaimedContact

__all__ = ["ClaimLimit"]


class ClaimLimit:
    """Counts contacts down as they are claimed. Without a limit it costs nothing.

    Args:
        most: Most contacts; None for no limit.
        on_reached: Called once when no further contact may be claimed.

    Attributes:
        left: How many may still be claimed; None for any number.
    """

    def __init__(
        self,
        most: int | None = None,
        on_reached: Callable[[], object] = lambda: None,
    ) -> None:
        self.left = most
        self._on_reached = on_reached
        self._claiming = asyncio.Lock()

    @property
    def is_reached(self) -> bool:
        """Whether no further contact may be claimed."""
        return self.left is not None and self.left <= 0

    async def claim(
        self, wanted: int, claim: Callable[[int], Awaitable[Sequence[ClaimedContact]]]
    ) -> Sequence[ClaimedContact]:
        """Return the contacts that are claimed.

        Args:
            wanted: Most contacts.
            claim: Claims at most so many.
        """
        if self.left is None:
            return await claim(wanted)
        # One after the other: nobody knows before how many contacts there are.
        async with self._claiming:
            allowed = min(wanted, self.left)
            if not allowed:
                return ()
            claimed = await claim(allowed)
            self.left -= len(claimed)
            if not self.left:
                self._on_reached()
        return claimed

    def give_back(self, count: int) -> None:
        """Let contacts be claimed in place of some that were not called."""
        if self.left is not None:
            self.left += count
