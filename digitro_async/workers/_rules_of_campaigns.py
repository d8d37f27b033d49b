"""RulesOfCampaigns: what rules did over all campaigns that a worker dials."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who applies no rules loads none
    from digitro_async.campaign import RulesInForce
    from digitro_async.rules import BlockReading, ShortCallLevel, StopReason

__all__ = ["RulesOfCampaigns"]


class RulesOfCampaigns:
    """The rules in force over the campaigns of a worker, taken together.

    Each campaign that is opened, or opened again, has its own.
    """

    def __init__(self) -> None:
        self._all: list[RulesInForce] = []
        self._open: list[RulesInForce] = []

    @contextlib.contextmanager
    def over(self, heeding: "RulesInForce | None") -> Iterator[None]:
        """Take the rules of a campaign into account that the block dials.

        Args:
            heeding: Its rules; None without rules.
        """
        if heeding is None:
            yield
            return
        self._all.append(heeding)
        self._open.append(heeding)
        try:
            yield
        finally:
            self._open.remove(heeding)

    @property
    def deferred(self) -> Mapping[str, int]:
        """How often contacts were put off, by the reason."""
        return _sum([one.deferred for one in self._all])

    @property
    def refused(self) -> Mapping[str, int]:
        """How many contacts were refused, by the reason."""
        return _sum([one.refused for one in self._all])

    @property
    def recalls(self) -> int:
        """Contacts that were made to wait for a recall."""
        return sum(one.recalls for one in self._all)

    @property
    def callbacks(self) -> int:
        """Callbacks that were made."""
        return sum(one.callbacks for one in self._all)

    @property
    def stopped(self) -> "StopReason | None":
        """Why a stop rule ended the campaign that was ended last."""
        found = [one.stopped for one in self._all if one.stopped is not None]
        return found[-1] if found else None

    @property
    def waits_until(self) -> float | None:
        """When the first contact is due, where every campaign waits for one."""
        due = [one.waits_until for one in self._open]
        known = [one for one in due if one is not None]
        return min(known) if known and len(known) == len(due) else None

    @property
    def short_calls(self) -> "ShortCallLevel | None":
        """How near the day is to too many short calls; None without a campaign."""
        levels = [one.short_calls for one in self._open]
        order = [*type(levels[0])] if levels else []
        return max(levels, key=order.index) if levels else None

    @property
    def block_readings(self) -> "Sequence[BlockReading]":
        """What block files brought that were read again."""
        return [reading for one in self._all for reading in one.block_readings]

    async def look(self) -> None:
        """Look at once for blocks, callbacks and contacts that came in meanwhile.

        Raises:
            LedgerError: If a ledger can't be read.
        """
        for one in tuple(self._open):
            await one.look()


def _sum(counts: Sequence[Mapping[str, int]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total
