"""PURE: the PABX that share a cap: those at one address, under any name."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from digitro_async._common.base_url import address_of
from digitro_async.dispatch._counted_pacing import CountedPacer
from digitro_async.dispatch._pacing import Pacer, Together
from digitro_async.errors import Outcome
from digitro_async.models import PABX
from digitro_async.protocol import AttemptResult, is_answer
from digitro_async.settings import RateLimit

__all__ = [
    "at_one_address",
    "finish_attempt",
    "make_pacer",
    "reserve_slots",
    "strictest",
]


def at_one_address(several: Iterable[PABX]) -> dict[str, list[PABX]]:
    """Return the PABX of each address."""
    found: dict[str, list[PABX]] = defaultdict(list)
    for pabx in several:
        found[address_of(pabx.base_url)].append(pabx)
    return dict(found)


def make_pacer(together: Sequence[PABX], rest: float) -> Pacer | Together | None:
    """Return the pacer of the calls to one address; None where there is no cap.

    Args:
        together: The PABX at that address. Each of their caps holds for all of them.
        rest: Seconds from the last lost call until the last slot is used.
    """
    total = max(pabx.timeouts.total for pabx in together)
    pacers: dict[RateLimit, Pacer] = {}
    for limit in (pabx.rate for pabx in together if pabx.rate is not None):
        kind = Pacer if limit.counted_within is None else CountedPacer
        pacers[limit] = kind(limit, total=total, rest=rest)
    if len(pacers) == 1:
        return next(iter(pacers.values()))
    return Together(pacers) if pacers else None


def strictest(limits: Iterable[RateLimit], latency: float) -> RateLimit | None:
    """Return the cap that allows least, None where there is none.

    Args:
        limits: The caps that hold together.
        latency: Seconds of an answer.
    """
    return min(
        limits, key=lambda one: one.calls / one.seconds_held(latency), default=None
    )


def reserve_slots(
    pacer: Pacer | Together,
    free_at: Sequence[float],
    lost_until: Sequence[float],
    now: float,
    limit: RateLimit | None,
) -> None:
    """Take the slots of calls that were made before.

    Args:
        pacer: The pacer of the slots.
        free_at: For each call that was answered, when its slot is free.
        lost_until: For each that was not, when its slot is free at the latest.
        now: The time: what starts later is sent later than the lost ones.
        limit: The cap that the slots are of, None for every one.
    """
    pacers = pacer.pacers.items() if isinstance(pacer, Together) else [(limit, pacer)]
    for its_limit, one in pacers:
        if limit is None or its_limit == limit:
            one.reserve(free_at, lost_until, now=now)


def finish_attempt(
    pacer: Pacer | Together,
    result: AttemptResult,
    now: float,
    started: float,
    call: object,
) -> None:
    """Free the slot of an attempt, or keep it taken where no answer came."""
    outcome, reason = result.classification.outcome, result.classification.reason
    if outcome is Outcome.ACCEPTED or is_answer(outcome, reason):
        pacer.finish(now, started, call=call)
    elif outcome is Outcome.NOT_SENT:
        pacer.finish(now, sent=False, call=call)
    else:
        pacer.give_up(now, started, call)
