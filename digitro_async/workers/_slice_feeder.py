"""SliceFeeder: puts the pending contacts of a campaign into the engine, as slices."""

import time
from collections.abc import Callable, Sequence
from math import inf

import attrs

from digitro_async.ledger import SlicedLedger
from digitro_async.workers._engine_port import Engine, Slice
from digitro_async.workers._slicing_settings import SlicingSettings

__all__ = ["SliceFeeder"]


@attrs.define
class _Place:
    """The place in the ledger up to which slices were put in, for one PABX.

    Attributes:
        after: Number of the last contact that was put in.
        restarted: Time of the last look from the first contact on.
        is_near: Whether the slices that wait are nearly used up.
    """

    after: int = 0
    restarted: float = -inf
    is_near: bool = True


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
        clock: Tells the seconds since any moment.
    """

    def __init__(
        self,
        engine: Engine,
        campaign: str,
        ledger: SlicedLedger,
        *,
        pabx: Sequence[str | None],
        settings: SlicingSettings,
        max_attempts: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._campaign = campaign
        self._ledger = ledger
        self._settings = settings
        self._max_attempts = max_attempts
        self._clock = clock
        self._places = {name: _Place() for name in pabx}
        self._half = settings.size * settings.ahead // 2

    def note(self, taken: Slice) -> bool:
        """Note that a slice was taken; tell whether it is time to feed."""
        place = self._places.get(taken.pabx)
        if place is None:
            return False
        place.is_near = place.is_near or taken.last + self._half > place.after
        place.after = max(place.after, taken.last)
        return place.is_near

    async def feed(self, *, is_idle: bool) -> int:
        """Put slices in where few wait; return how many there were.

        Args:
            is_idle: Whether the engine has no slice left for this worker.

        Raises:
            LedgerError: If the ledger can't be read.
            EngineError: If the engine's store can't be written.
        """
        count = 0
        for pabx, place in self._places.items():
            if is_idle or place.is_near:
                count += await self._feed(pabx, place)
        return count

    async def _feed(self, pabx: str | None, place: _Place) -> int:
        place.is_near = False
        found = await self._look(pabx, place.after)
        now = self._clock()
        if not found and now - place.restarted >= self._settings.come_again:
            place.restarted = now
            found = await self._look(pabx, 0) if place.after else ()
        if found:
            place.after = found[-1].stop - 1
            await self._engine.submit(
                [Slice(self._campaign, one.start, one.stop - 1, pabx) for one in found]
            )
        return len(found)

    async def _look(self, pabx: str | None, after: int) -> Sequence[range]:
        settings = self._settings
        return await self._ledger.pending_slices(
            settings.size,
            settings.ahead,
            pabx=pabx,
            after=after,
            max_attempts=self._max_attempts,
        )
