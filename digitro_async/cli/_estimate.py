"""PURE: how long a list takes, by cap and slots, before its first call."""

import math
from collections.abc import Iterable

from digitro_async.cli._figure_words import clock
from digitro_async.dispatch import allowed_rate, at_one_address
from digitro_async.models import PABX

__all__ = ["estimate"]

_SLOW = 2.0
"""Seconds of an answer that is slow."""


def estimate(pabx: Iterable[PABX], contacts: int) -> str:
    """Return how long that many contacts take, where nothing holds them up.

    Args:
        pabx: All PABX; each contact may go to any.
        contacts: Contacts that are dialled.
    """
    several = list(pabx)
    fastest, slow = _rate(several, 0.0), _rate(several, _SLOW)
    longest = clock(math.ceil(contacts / slow))
    later = f"{longest} ({slow:,.1f}/s) if answers take {_SLOW:g} s"
    if math.isinf(fastest):
        return f"{later}; no cap but max_in_flight"
    return f"{clock(math.ceil(contacts / fastest))} at {fastest:,.1f}/s; {later}"


def _rate(pabx: list[PABX], latency: float) -> float:
    """Return the calls a second of all PABX together.

    Args:
        pabx: All PABX.
        latency: Seconds of an answer.
    """
    return sum(_rate_of(some, latency) for some in at_one_address(pabx).values())


def _rate_of(together: list[PABX], latency: float) -> float:
    """Return the calls a second of the PABX at one address, which share their caps."""
    in_flight = sum(one.max_in_flight for one in together)
    rates = [in_flight / latency if latency else math.inf]
    caps = (one.rate for one in together if one.rate is not None)
    rates += [allowed_rate(cap, latency) for cap in caps]
    return min(rates)
