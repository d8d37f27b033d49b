"""PURE: all that a report or a live page shows of a campaign, as frozen values.

Every figure that a page shows stands here, as a number: whoever draws computes none.
Nothing here is private: numbers of contacts are masked, reasons are codes.
"""

from collections.abc import Mapping

import attrs

from digitro_async.call_events import Disposition
from digitro_async.ledger._state import State
from digitro_async.reports._campaign_tally import AttemptOutcome

__all__ = [
    "CampaignView",
    "ContactsView",
    "DurationsView",
    "Figure",
    "HourView",
    "Interval",
    "ListView",
    "ListedView",
    "PABXView",
    "ReasonView",
    "StandstillView",
    "Timeline",
    "WaitsView",
]


@attrs.frozen(kw_only=True)
class Interval:
    """What began in one interval of time.

    Attributes:
        begins_at: Unix time of its begin.
        begun: Attempts that began in it.
        outcomes: What came of them, when it was recorded.
        dispositions: How their calls ended, as far as that is known.
    """

    begins_at: float
    begun: int
    outcomes: Mapping[AttemptOutcome, int]
    dispositions: Mapping[Disposition, int]


@attrs.frozen(kw_only=True)
class Timeline:
    """The intervals from the first attempt to the last, without a gap.

    Attributes:
        width: Seconds of an interval.
        intervals: The intervals, in order.
        cap: Calls a second that all PABX together may be given, None where the caps of
            some are not known.
    """

    width: int = 1
    intervals: tuple[Interval, ...] = ()
    cap: float | None = None


@attrs.frozen(kw_only=True)
class DurationsView:
    """How long something took.

    Attributes:
        count: How often that is known.
        bars: End of each bar of a histogram, in seconds, to the count of what is below
            it and not in the bar before; None is the end of the last one.
        median: Seconds that half of all took at most.
        p90: Seconds that nine of ten took at most.
        p99: Seconds that 99 of 100 took at most.
    """

    count: int
    bars: tuple[tuple[float | None, int], ...]
    median: float
    p90: float
    p99: float


@attrs.frozen(kw_only=True)
class PABXView:
    """What one PABX was given, and what came of it.

    Attributes:
        name: Its name.
        attempts: Attempts that it had.
        outcomes: What came of them.
        dispositions: How calls ended, as far as that is known.
        peak: Most attempts that began within one second of the clock.
        cap: Calls a second that it may be given, None where that is not known.
        latency: How long its answers took, None where it gave none.
        held_back: What holds it back now, in words; only a process that dials knows.
    """

    name: str
    attempts: int
    outcomes: Mapping[AttemptOutcome, int]
    dispositions: Mapping[Disposition, int] = attrs.field(factory=dict)
    peak: int = 0
    cap: float | None = None
    latency: DurationsView | None = None
    held_back: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class ReasonView:
    """Attempts that were not accepted for one reason.

    Attributes:
        pabx: Name of the PABX.
        outcome: What came of them.
        reason: Why, as a code.
        words: The same in words that follow a number of attempts.
        attempts: How many there were.
    """

    pabx: str
    outcome: AttemptOutcome
    reason: str
    words: str
    attempts: int


@attrs.frozen(kw_only=True)
class StandstillView:
    """A time in which no attempt began.

    Attributes:
        began_at: Unix time of the last attempt before it.
        seconds: How long it was.
        before: What came of the last attempts before it, in words.
    """

    began_at: float
    seconds: float
    before: str


@attrs.frozen(kw_only=True)
class Figure:
    """A share, with the counts that it is made of.

    Attributes:
        key: A name for programs.
        name: The name for people.
        formula: How it is computed, in words.
        part: The count above the line.
        whole: The count below the line.
    """

    key: str
    name: str
    formula: str
    part: int
    whole: int

    @property
    def share(self) -> float | None:
        """The share, None where there is nothing to take it of."""
        return self.part / self.whole if self.whole else None


@attrs.frozen(kw_only=True)
class HourView:
    """Calls that began in one hour of the day, on any day.

    Attributes:
        hour: The hour by local time, 0 to 23.
        ended: Calls of which it is known how they ended.
        answered: Those that were answered.
    """

    hour: int
    ended: int
    answered: int


@attrs.frozen(kw_only=True)
class ListedView:
    """One contact of a list, nothing of which says who it is.

    Attributes:
        number: The ledger's number of it.
        line: Its line in the contact file.
        state: Where it is.
        masked: The number to dial with most of its digits masked.
        pabx: Name of the PABX that had it last; empty for none.
        attempts: Attempts so far.
        words: Why it is where it is.
        at: Unix time of what is known last of it.
        due: Unix time before which it is not called.
    """

    number: int
    line: int
    state: State
    masked: str
    pabx: str
    attempts: int
    words: str
    at: float | None
    due: float | None = None


@attrs.frozen(kw_only=True)
class ContactsView:
    """Contacts of one kind: how many, and the first of them.

    Attributes:
        total: How many there are.
        first: The first of them, in the order of import.
    """

    total: int = 0
    first: tuple[ListedView, ...] = ()

    @property
    def left_out(self) -> int:
        """How many are not shown."""
        return max(0, self.total - len(self.first))


@attrs.frozen(kw_only=True)
class ListView:
    """A list that was put in.

    Attributes:
        number: The ledger's number of the import.
        began_at: Unix time of its begin.
        is_whole: Whether all that the list had is in the ledger.
        new: Contacts that were not there before.
        known: Contacts that were there already, repeated ones too.
        rejected: Rows that are no contacts.
    """

    number: int
    began_at: float
    is_whole: bool
    new: int
    known: int
    rejected: int


@attrs.frozen(kw_only=True)
class WaitsView:
    """Contacts that are called later, because of rules.

    Attributes:
        counts: Why they wait, in words, to how many do.
        next_due: Unix time of the earliest, None where none waits.
        steps: What rules did so far, in words, to how often.
        contacts: The first of them.
    """

    counts: Mapping[str, int]
    next_due: float | None
    steps: Mapping[str, int]
    contacts: ContactsView


@attrs.frozen(kw_only=True)
class CampaignView:
    """All that is shown of a campaign at one moment.

    Attributes:
        name: Name of its ledger, as it may be shown.
        made_at: Unix time of that moment.
        offset: Seconds that local time is ahead of UTC.
        zone: Name of that local time.
        problem: Why the ledger may not be dialled; empty where it may be.
        states: How many contacts are in each state.
        exhausted: Pending contacts that are out of attempts.
        lists: The lists that were put in.
        attempts: What came of all attempts.
        timeline: The same by time.
        pabx: The same by PABX.
        reasons: Why attempts were not accepted, the most frequent first.
        latency: How long answers took, None where there were none.
        ends: How calls ended, one for each contact, as the ledger counts.
        awaited: Calls whose end is to come.
        ring: How long calls rang, None where nothing told of that.
        talk: How long calls took from the answer to the end, None as above.
        hours: Ends of calls by the hour of the day, empty where none is known.
        figures: How far the list is, in shares.
        tries: Number of attempts to how many contacts had as many.
        standstills: The longest times in which no attempt began, the longest first.
        later: What changed after an attempt, in words, to how often.
        unknown: Contacts to reconcile.
        rejected: Contacts that are not called any more, without success.
        withheld: Contacts of which a list says something else than the ledger.
        waits: Contacts that wait by rules; None of a ledger that knows no rules.
        unknowable: What the ledger can't tell, in sentences.
    """

    name: str
    made_at: float
    offset: float = 0.0
    zone: str = "UTC"
    problem: str = ""
    states: Mapping[State, int]
    exhausted: int = 0
    lists: tuple[ListView, ...] = ()
    attempts: Mapping[AttemptOutcome, int]
    timeline: Timeline
    pabx: tuple[PABXView, ...] = ()
    reasons: tuple[ReasonView, ...] = ()
    latency: DurationsView | None = None
    ends: Mapping[Disposition, int] = attrs.field(factory=dict)
    awaited: int = 0
    ring: DurationsView | None = None
    talk: DurationsView | None = None
    hours: tuple[HourView, ...] = ()
    figures: tuple[Figure, ...] = ()
    tries: Mapping[int, int] = attrs.field(factory=dict)
    standstills: tuple[StandstillView, ...] = ()
    later: Mapping[str, int] = attrs.field(factory=dict)
    unknown: ContactsView = ContactsView()
    rejected: ContactsView = ContactsView()
    withheld: ContactsView = ContactsView()
    waits: WaitsView | None = None
    unknowable: tuple[str, ...] = ()

    @property
    def contacts(self) -> int:
        """All contacts of the ledger."""
        return sum(self.states.values())

    @property
    def attempted(self) -> int:
        """All attempts."""
        return sum(self.attempts.values())
