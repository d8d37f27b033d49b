"""SliceFeeder: puts the pending contacts of a campaign into the engine, as slices."""

import time
from collections.abc import Callable, Collection
from math import inf

from digitro_async.ledger import SlicedLedger
from digitro_async.workers._engine_port import Engine, Slice
from digitro_async.workers._slicing_settings import SlicingSettings

__all__ = ["SliceFeeder"]


class SliceFeeder:
    """Asks the ledger for pending contacts, and puts them into the engine as slices.

    It goes through the ledger, a number of slices ahead of what is dialled, and from
    the first contact again where it came to the end: what is pending there was put
    back, was reconciled, or its slice was lost. So no slice needs to be kept safe.

    Args:
        engine: The engine.
        campaign: Name of the campaign.
        ledger: The open ledger of the campaign.
        pabx: Names of the PABX whose contacts are dialled, None for those of any.
        settings: Sizes and times.
        max_attempts: Attempts after which a contact is left out.
        partial: Whether lists are dialled that are not there to their end.
        clock: Tells the seconds since any moment.

    Attributes:
        found_nothing: Whether the last look found no contact from the first one on.
    """

    def __init__(
        self,
        engine: Engine,
        campaign: str,
        ledger: SlicedLedger,
        *,
        pabx: Collection[str | None],
        settings: SlicingSettings,
        max_attempts: int,
        partial: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.found_nothing = False
        self._engine = engine
        self._campaign = campaign
        self._ledger = ledger
        self._pabx = pabx
        self._settings = settings
        self._max_attempts = max_attempts
        self._partial = partial
        self._clock = clock
        self._after = 0  # number of the last contact that was put in
        self._restarted = -inf  # when it began from the first contact last
        self._is_near = True  # whether the slices that wait are nearly used up
        self._is_at_end = False  # whether nothing is pending behind those
        self._half = settings.size * settings.ahead // 2

    def note(self, taken: Slice) -> bool:
        """Note that a slice was taken; tell whether it is time to feed."""
        if not self._is_at_end:
            self._is_near = self._is_near or taken.last + self._half > self._after
        self._after = max(self._after, taken.last)
        return self._is_near

    async def feed(self, *, is_idle: bool) -> Collection[Slice]:
        """Put slices in where few wait, and return them.

        Args:
            is_idle: Whether the engine has no slice left for this worker.

        Raises:
            LedgerError: If the ledger can't be read.
            EngineError: If the engine's store can't be written.
        """
        if not is_idle and not self._is_near:
            return ()
        self._is_near = self.found_nothing = False
        found = await self._look(self._after)
        now = self._clock()
        if not found and now - self._restarted >= self._settings.come_again:
            self._restarted = now
            found = await self._look(0)
            self.found_nothing = not found
        if found:
            await self._engine.submit(found)
        return found

    async def _look(self, after: int) -> list[Slice]:
        """Return the next slices that are dialled here, and move on behind them."""
        settings = self._settings
        last = None if self._partial else await self._ledger.whole_until()
        while True:
            slices = await self._ledger.pending_slices(
                settings.size,
                settings.ahead,
                after=after,
                last=last,
                max_attempts=self._max_attempts,
            )
            if slices:
                after = slices[-1].numbers.stop - 1
            found = [
                Slice(self._campaign, one.numbers.start, one.numbers.stop - 1, one.pabx)
                for one in slices
                if one.pabx in self._pabx
            ]
            self._is_at_end = len(slices) < settings.ahead
            if found or self._is_at_end:
                self._after = max(after, self._after) if not found else after
                return found
