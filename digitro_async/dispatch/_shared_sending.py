"""SharedSending: what one worker may send, where others send to the same PABX."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from digitro_async._common.base_url import address_of
from digitro_async.dispatch._admission import Admission
from digitro_async.dispatch._live_clock import live_time
from digitro_async.dispatch._shared_address import CapKey, CapReport, SharedAddress
from digitro_async.dispatch._shared_pause import PauseOrder, PauseReport, SharedPause

__all__ = ["SharedSending"]

DRIFT = 0.01
"""Share of a lease that it ends sooner here: no two clocks run at the same speed."""

MOST_NEW = 200
"""Unused caps that are told of in one report; the database takes 1 ms for each."""


class SharedSending:
    """The caps and pauses of a dispatcher's PABX that a database shares out.

    Nothing starts before ``obey``, and nothing at or after the end of the lease.

    Args:
        admissions: The admissions of all PABX.
        clock: Tells the time that leases go by, in seconds.

    Attributes:
        addresses: The address of each PABX, by its name.
    """

    def __init__(
        self, admissions: Iterable[Admission], clock: Callable[[], float]
    ) -> None:
        self._clock = clock
        self._ends = -math.inf
        self._told: list[CapReport] = []
        self._idle: set[CapKey] = set()
        self._admissions = {one.pabx.name: one for one in admissions}
        self.addresses: dict[str, str] = {
            name: address_of(one.pabx.base_url)
            for name, one in self._admissions.items()
        }
        together: dict[str, list[Admission]] = defaultdict(list)
        for name, one in self._admissions.items():
            together[self.addresses[name]].append(one)
        self._shared = [
            SharedAddress(same, self.may_send) for same in together.values()
        ]
        self._pauses = {
            name: SharedPause(one.standing.breaker, one.standing.throttle)
            for name, one in self._admissions.items()
        }

    def may_send(self) -> bool:
        """Whether a request may be written now, because the lease lasts."""
        return self._clock() < self._ends

    def caps(self) -> list[CapReport]:
        """Return what this worker has and does of each cap since it was asked last.

        A cap that the database knows is not used here is left out, as long as it isn't;
        of those that it has not heard of, some are told at a time.
        """
        now = live_time()
        self._told.clear()
        left = MOST_NEW
        for one in self._shared:
            for report in one.report(now):
                if report.is_idle and (report.key in self._idle or not left):
                    continue
                left -= report.is_idle
                self._told.append(report)
        return list(self._told)

    def is_starved(self) -> bool:
        """Whether calls to some address wait, and there is not one slot for them."""
        return any(one.is_starved() for one in self._shared)

    def pauses(self) -> dict[str, PauseReport]:
        """Return what there is to tell of pauses, by the names of the PABX."""
        now, reports = live_time(), {}
        for name, pause in self._pauses.items():
            admission = self._admissions[name]
            if not pause.has_news(now):
                continue
            status = admission.snapshot(now).pause
            words = "" if status is None else status.text
            report = pause.report(now, words, admission.waiting)
            if report is not None:
                reports[name] = report
        return reports

    def obey(
        self,
        slots: Mapping[CapKey, int],
        pauses: Mapping[str, PauseOrder],
        *,
        shares: Mapping[CapKey, Mapping[str, int]],
        asked_at: float,
        lease: float,
    ) -> None:
        """Send within these slots, and pause and go on as all workers do.

        Args:
            slots: The slots that this worker has, of each cap.
            pauses: The pauses that hold for all, by the names of the PABX.
            shares: The shares that campaigns have in the slots of each cap.
            asked_at: When the database was asked, by the clock of leases.
            lease: Seconds that the lease lasts from then on.
        """
        self._ends = asked_at + lease * (1 - DRIFT)
        for report in self._told:
            if report.is_idle:
                self._idle.add(report.key)
            else:
                self._idle.discard(report.key)
        now = live_time()
        for name, pause in self._pauses.items():
            if pause.obey(pauses.get(name), now):
                self._admissions[name].note_change()
        ends = now + self._ends - self._clock()
        for one in self._shared:
            of_it = [
                share for key, share in shares.items() if key.address == one.address
            ]
            scarcest = min(of_it, key=lambda share: sum(share.values()), default={})
            one.allot(slots, scarcest, now, ends)

    def lose(self) -> None:
        """Start nothing any more, until ``obey``: others have the slots now."""
        self._ends = -math.inf
        self._idle.clear()
        now = live_time()
        for one in self._shared:
            one.lose(now)

    def leave(self) -> dict[CapKey, list[float]]:
        """Start nothing any more; return until when slots are taken still, in seconds.

        Call it when no call is on the wire.
        """
        now = live_time()
        taken = {
            key: times for one in self._shared for key, times in one.taken(now).items()
        }
        self.lose()
        return taken
