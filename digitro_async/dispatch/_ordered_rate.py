"""The caps of one address, as an operator orders them while calls are made."""

import math
from collections.abc import Iterable, Sequence

from digitro_async._common.base_url import address_of
from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._allotted_pacing import AllottedPacer, SharedCap
from digitro_async.dispatch._live_clock import live_time
from digitro_async.dispatch._pacing import Pacer, Together
from digitro_async.errors import ConfigurationError
from digitro_async.settings import RateLimit

__all__ = ["OrderedPacer", "order_rate"]

_WRONG_RATE = "a rate is a whole number of calls above 0, in seconds above 0"


def order_rate(
    named: Sequence[Admission],
    everybody: Iterable[Admission],
    calls: int | None,
    per: float,
) -> None:
    """Keep other caps at the addresses of some PABX than those of the settings.

    More slots are there at once, fewer as calls let go of them: so no window has more
    calls than the larger of both caps, and those from then on not more than the new.

    Args:
        named: The admissions of the PABX that are meant.
        everybody: All admissions.
        calls: Most calls; None for those of the settings.
        per: Seconds in which these are counted. The windows of the settings stay, so a
            longer time is parted among them, and a shorter one is refused.

    Raises:
        ConfigurationError: If an address can't keep such a cap; nothing is changed.
    """
    is_number = calls is None or (type(calls) is int and calls > 0)
    if not is_number or not 0 < per < math.inf:
        raise ConfigurationError(_WRONG_RATE)
    several = list(everybody)
    orders = []
    for address in {address_of(one.pabx.base_url): None for one in named}:
        together = [one for one in several if address_of(one.pabx.base_url) == address]
        pacer = _pacer_of(together)
        orders.append((together, pacer, pacer.slots_of(calls, per)))
    for together, pacer, slots in orders:
        for one in together:
            one.standing.pacer = pacer
        pacer.order(slots, live_time())
        together[0].admit_next()  # and those beside it
    for one in named:
        one.watch.tell_of_rate(calls, per)


def _pacer_of(together: Sequence[Admission]) -> "OrderedPacer":
    """Return the pacer of an address that takes orders; it may not be in use yet.

    Raises:
        ConfigurationError: If the address has none.
    """
    name, pacer = together[0].pabx.name, together[0].standing.pacer
    if isinstance(pacer, OrderedPacer):
        return pacer
    if isinstance(pacer, AllottedPacer):
        raise ConfigurationError(
            f"PABX {name}: its cap is shared by a database, which takes the order"
        )
    if pacer is None:
        raise ConfigurationError(
            f"PABX {name} has no cap: give it a rate in its settings"
        )
    return OrderedPacer(pacer)


class OrderedPacer(AllottedPacer):
    """Paces the calls to one address by caps that an operator changes.

    Args:
        pacer: The pacer by the caps of the settings, whose slots it uses from the first
            order on.
    """

    __slots__ = ()

    def __init__(self, pacer: Pacer | Together) -> None:
        pacers = (
            pacer.pacers
            if isinstance(pacer, Together)
            else dict.fromkeys(pacer.limits, pacer)
        )
        super().__init__(
            {limit: SharedCap(one, limit) for limit, one in pacers.items()}
        )
        self.ends = math.inf

    def slots_of(self, calls: int | None, per: float) -> dict[RateLimit, int]:
        """Return the slots of each cap of the settings under an order.

        Raises:
            ConfigurationError: If no cap can keep it.
        """
        limits = [cap.limit for cap in self.caps]
        slots = {limit: limit.calls for limit in limits}
        if calls is None:
            return slots
        longest = max((one.per for one in limits if one.per <= per), default=None)
        if longest is not None:
            meant = min(
                (one for one in limits if one.per == longest), key=lambda one: one.calls
            )
            # So many windows cover the seconds that are given.
            in_window = int(calls / math.ceil(per / longest))
            if in_window > 0:
                return {**slots, meant: in_window}
        windows = ", ".join(f"{one.per:g} s" for one in limits)
        raise ConfigurationError(
            f"the cap counts the calls in {windows}: give at least 1 in so many "
            "seconds, or pause the PABX"
        )

    def order(self, slots: dict[RateLimit, int], now: float) -> None:
        """Have so many slots of each cap from now on."""
        for cap in self.caps:
            cap.allot(slots[cap.limit], now)
