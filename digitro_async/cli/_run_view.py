"""PURE: RunView: all that a screen shows of a run at one moment, as plain values."""

import enum
from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from digitro_async.call_events import Disposition
from digitro_async.dispatch._limits import Limit
from digitro_async.dispatch._statistics import PABXStatistics
from digitro_async.errors import Outcome
from digitro_async.settings import RateLimit

__all__ = ["RunPhase", "RunView"]


CHANGING = frozenset(
    {
        *(Limit.CAP, Limit.LATENCY, Limit.LOST_SLOTS, Limit.PLACES, Limit.LEDGER),
        *(Limit.SOURCE, Limit.IDLE),
    }
)
"""Limits that change from one call to the next."""


class RunPhase(enum.Enum):
    """How far a run has come."""

    DIALLING = enum.auto()
    """Contacts are left to be called."""
    FINISHING = enum.auto()
    """Every contact was begun; the last calls are on the wire."""
    ENDING = enum.auto()
    """Every call has its outcome; what becomes of the last ones is waited for."""
    WAITING = enum.auto()
    """Rules let nobody be called now, and the next contact's time is waited for."""
    STOPPING = enum.auto()
    """It was stopped; the calls on the wire are waited for."""


@attrs.frozen(kw_only=True)
class RunView:
    """A run at one moment.

    Attributes:
        phase: How far it has come.
        done: Contacts that it has a result of.
        total: Contacts that it began with; None where they are nobody's to count, as
            of a worker, which takes what others leave.
        outcomes: Those with a result, by outcome.
        put_back: Those of them that were put back and are pending again.
        rejected_rows: Rows of the file that are no contact.
        pabx: The statistics of each PABX.
        limits: What holds each PABX back, by its name, over the last two seconds.
        waits_for_source: Whether the next contacts are being read.
        processor: Share of one processor that the process uses.
        time_left: Seconds until it is done, None where no pace is known.
        paused_campaigns: Campaigns of which no call is begun, as an operator ordered.
        by_rules: What rules did so far: contacts deferred, refused and so on.
        waits_until: When the next contact is due, for people; empty where none is
            waited for.
        waits_for: Seconds until then.
        whole_caps: The caps as they are configured, by the addresses of the PABX, where
            each process has a share of them.
    """

    phase: RunPhase
    done: int
    total: int | None
    outcomes: Mapping[Outcome, int]
    put_back: int = 0
    rejected_rows: int = 0
    pabx: tuple[PABXStatistics, ...] = ()
    limits: Mapping[str, Limit] = attrs.field(factory=dict)
    waits_for_source: bool = False
    processor: float = 0.0
    time_left: float | None = None
    paused_campaigns: tuple[str, ...] = ()
    by_rules: Mapping[str, int] = attrs.field(factory=dict)
    waits_until: str = ""
    waits_for: float = 0.0
    whole_caps: Mapping[str, Sequence[RateLimit]] = attrs.field(factory=dict)

    @property
    def in_flight(self) -> int:
        """Calls on the wire, over all PABX."""
        return sum(one.in_flight for one in self.pabx)

    @property
    def rate(self) -> float:
        """Calls begun a second over the last half minute, over all PABX."""
        return sum(one.average_rate for one in self.pabx)

    @property
    def is_between_calls(self) -> bool:
        """Whether each contact has a result, and rules may have some called again."""
        is_done = self.total is not None and self.done >= self.total
        is_on = self.phase is RunPhase.DIALLING and not self.in_flight
        return is_on and is_done and bool(self.by_rules) and self.in_progress > 0

    @property
    def hears_ends(self) -> bool:
        """Whether the events of a PABX are read."""
        return any(one.dispositions for one in self.pabx)

    @property
    def in_progress(self) -> int:
        """Calls that the PABX took and that have not ended, over all addresses."""
        return sum({one.address: one.in_progress for one in self.pabx}.values())

    @property
    def dispositions(self) -> Mapping[Disposition, int]:
        """What became of calls, over all PABX; those that none became are left out."""
        counts: Counter[Disposition] = Counter()
        for one in self.pabx:
            counts.update(one.dispositions)
        return {each: counts[each] for each in Disposition if counts[each]}

    def whole_cap(self, one: PABXStatistics) -> RateLimit | None:
        """Return the cap that a PABX's is a share of, None where others have none."""
        own = one.cap
        if own is None:
            return None
        same = [
            cap for cap in self.whole_caps.get(one.address, ()) if cap.per == own.per
        ]
        whole = min(same, key=lambda cap: cap.calls, default=own)
        return whole if whole.calls > own.calls else None

    @property
    def is_one_of_several(self) -> bool:
        """Whether other processes have a share of a cap, and dial the same list."""
        return any(self.whole_cap(one) is not None for one in self.pabx)

    def limit_of(self, one: PABXStatistics) -> Limit:
        """Return what holds a PABX back.

        A pause, a silence or a stop counts from the moment it is there. What else holds
        calls back changes from one call to the next: the most frequent one counts.
        """
        now = one.limit
        usual = self.limits.get(one.name, now)
        if now not in CHANGING or usual not in CHANGING:
            return now
        if usual is Limit.LOST_SLOTS and not one.lost_slots:
            return now
        return usual
