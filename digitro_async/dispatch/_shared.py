"""PURE: which PABX share a cap: those at one address, whatever they are called."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from digitro_async._address import address_of
from digitro_async.dispatch._pacing import Pacer, Together
from digitro_async.models import PABX
from digitro_async.settings import RateLimit

__all__ = ["at_one_address", "make_pacer"]


def at_one_address(several: Iterable[PABX]) -> dict[str, list[PABX]]:
    """Return the PABX of each address."""
    found: dict[str, list[PABX]] = defaultdict(list)
    for pabx in several:
        found[address_of(pabx.base_url)].append(pabx)
    return dict(found)


def make_pacer(together: Sequence[PABX], rest: float) -> Pacer | Together | None:
    """Return what paces the calls to one address; None where there is no cap.

    Args:
        together: The PABX at that address. Each of their caps holds for all of them.
        rest: Seconds from the last lost call until the last slot is used.
    """
    total = max(pabx.timeouts.total for pabx in together)
    pacers: dict[RateLimit, Pacer] = {
        pabx.rate: Pacer(pabx.rate, total=total, rest=rest)
        for pabx in together
        if pabx.rate is not None
    }
    if len(pacers) == 1:
        return next(iter(pacers.values()))
    return Together(pacers) if pacers else None
