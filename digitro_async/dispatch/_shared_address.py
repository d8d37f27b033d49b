"""SharedAddress: the caps of one address, where other workers send to it too."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import attrs

from digitro_async._common.base_url import address_of
from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._allotted_pacing import AllottedPacer, SharedCap
from digitro_async.dispatch._counted_pacing import CountedPacer
from digitro_async.dispatch._needs import Needs
from digitro_async.dispatch._pacing import Pacer, quarantine_of
from digitro_async.dispatch._shared_places import SharedPlaces
from digitro_async.settings import RateLimit

__all__ = ["IN_PROGRESS", "CapKey", "CapReport", "SharedAddress"]

IN_PROGRESS: Final = 0.0
"""The window of a cap on calls in progress, which has none."""

NEW_SHARE: Final = 0.1
"""The share of a campaign for which no slots are meant, until it has told its needs."""


@attrs.frozen
class CapKey:
    """One cap that workers share.

    Attributes:
        address: Host and port of the PABX, with the path prefix where it has one.
        per: Seconds of its window; ``IN_PROGRESS`` for that on calls in progress.
    """

    address: str
    per: float


@attrs.frozen(kw_only=True)
class CapReport:
    """What this worker has and does of one cap.

    Attributes:
        key: The cap.
        most: Slots that there are over all workers, as this one is configured.
        holds: Slots that this worker has.
        used: Most of them that calls held at once since the last report.
        waiting: Calls that wait, and would start if there were more slots, by campaign.
        after: Seconds from the end of this worker's lease until its slots are free.
    """

    key: CapKey
    most: int
    holds: int
    used: int
    waiting: Mapping[str, int]
    after: float

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to tell: no slots, and no need of any."""
        return not (self.holds or self.used or self.waiting)


class SharedAddress:
    """The caps of one address, by the slots that a database allots to this worker.

    Args:
        admissions: The admissions of all PABX at the address.
        may_send: Tells whether a request may be written now.

    Attributes:
        address: Host and port of the PABX, with the path prefix where it has one.
        admissions: The admissions of all PABX at the address.
        pacer: Paces the calls to it.
    """

    def __init__(
        self, admissions: Sequence[Admission], may_send: Callable[[], bool]
    ) -> None:
        self.admissions = tuple(admissions)
        self.address = address_of(admissions[0].pabx.base_url)
        several = [one.pabx for one in admissions]
        total = max(pabx.timeouts.total for pabx in several)
        rest = admissions[0].standing.breaker.first_pause
        self._quarantine = quarantine_of(total)
        self._caps: dict[CapKey, SharedCap | SharedPlaces] = {}
        self._weights: Mapping[str, float] = {}
        caps: dict[RateLimit, SharedCap] = {}
        for limit in _one_a_window(pabx.rate for pabx in several):
            kind = Pacer if limit.counted_within is None else CountedPacer
            cap = SharedCap(kind(limit, total=total, rest=rest), limit)
            caps[limit] = self._caps[CapKey(self.address, limit.per)] = cap
        self.pacer = AllottedPacer(caps)
        tracker = admissions[0].standing.tracker
        if tracker is not None and tracker.calls.most is not None:
            places = SharedPlaces(tracker.calls)
            self._caps[CapKey(self.address, IN_PROGRESS)] = places
        for one in admissions:
            one.standing.pacer = self.pacer
            one.standing.may_send, one.standing.notes_sending = may_send, True
            one.share_turns(self._weight_of)

    def report(self, now: float) -> list[CapReport]:
        """Return what this worker has and does of each cap, and begin a period."""
        reports = []
        for key, cap in self._caps.items():
            report = CapReport(
                key=key,
                most=cap.most,
                holds=cap.holds(now),
                used=cap.used,
                waiting=self._waiting_for(key, now),
                after=self._after(cap),
            )
            reports.append(report)
            cap.begin_period()
        return reports

    def is_starved(self) -> bool:
        """Whether calls wait, and there is not one slot."""
        return any(one.waiting for one in self.admissions) and any(
            not cap.has_some for cap in self._caps.values()
        )

    def allot(
        self,
        slots: Mapping[CapKey, int],
        weights: Mapping[str, float],
        now: float,
        ends: float,
    ) -> None:
        """Have these slots of each cap, until the lease ends.

        Args:
            slots: The slots; of a cap that is not among them, none.
            weights: The shares that campaigns have in them.
            now: The time.
            ends: When the lease ends.
        """
        self._weights = weights
        for key, cap in self._caps.items():
            cap.allot(slots.get(key, 0), now)
        self.pacer.ends = ends
        self.admissions[0].admit_next()  # and those beside it

    def lose(self, now: float) -> None:
        """Have no slots any more: the lease was lost."""
        self.pacer.ends = -math.inf
        for cap in self._caps.values():
            cap.lose(now)

    def taken(self, now: float) -> dict[CapKey, list[float]]:
        """Return for each cap the seconds until its taken slots are free at most."""
        return {
            key: [until - now for until in cap.taken_until(now)]
            for key, cap in self._caps.items()
        }

    def _waiting_for(self, key: CapKey, now: float) -> dict[str, int]:
        """Return the calls that nothing but a cap holds back, by their campaigns."""
        needs = Needs(
            rate_slot=key.per == IN_PROGRESS, place_in_progress=key.per != IN_PROGRESS
        )
        waiting: Counter[str] = Counter()
        for one in self.admissions:
            if one.waiting and one.standing.earliest(now, needs) <= now:
                waiting.update(one.waiting_by_campaign())
        return dict(waiting)

    def _weight_of(self, campaign: str) -> float:
        # One that had nothing to send when slots were parted may send now and then.
        others = sum(self._weights.values())
        return self._weights.get(campaign) or max(1.0, NEW_SHARE * others)

    def _after(self, cap: SharedCap | SharedPlaces) -> float:
        if isinstance(cap, SharedPlaces):
            return self._quarantine + cap.end_timeout
        counted = cap.limit.counted_within
        return (self._quarantine if counted is None else counted) + cap.limit.per


def _one_a_window(limits: Iterable[RateLimit | None]) -> list[RateLimit]:
    """Return the caps of one address, the strictest of those with the same window."""
    windows: dict[float, list[RateLimit]] = defaultdict(list)
    for limit in limits:
        if limit is not None:
            windows[limit.per].append(limit)
    strictest = []
    for per, same in windows.items():
        counted = [one.counted_within for one in same]
        known = [one for one in counted if one is not None]
        within = max(known) if len(known) == len(counted) else None
        calls = min(one.calls for one in same)
        strictest.append(RateLimit(calls, per, counted_within=within))
    return strictest
