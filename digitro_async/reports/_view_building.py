"""PURE: from what a ledger tells to the view of its campaign."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from digitro_async.ledger._call_ends_port import EndCounts
from digitro_async.ledger._history_records import ListedContact
from digitro_async.ledger._records import Import
from digitro_async.ledger._schedule_records import WaitCounts
from digitro_async.ledger._state import State, Step
from digitro_async.reports._campaign_tally import (
    AttemptOutcome,
    CampaignTally,
    Standstill,
)
from digitro_async.reports._campaign_view import (
    CampaignView,
    ContactsView,
    DurationsView,
    HourView,
    Interval,
    ListView,
    PABXView,
    ReasonView,
    StandstillView,
    Timeline,
)
from digitro_async.reports._end_tally import EndTally
from digitro_async.reports._latencies import LATENCY_BOUNDS, Latencies
from digitro_async.reports._list_figures import list_figures
from digitro_async.reports._listed_views import listed_view
from digitro_async.reports._pabx_caps import PABXCaps
from digitro_async.reports._shown_texts import (
    shown_pabx,
    shown_reason,
    shown_words,
)
from digitro_async.reports._waits_building import waits_view

__all__ = ["LISTED_STATES", "LedgerSnapshot", "build_view"]

LISTED_STATES: Final = {
    "unknown": (State.UNKNOWN,),
    "rejected": (State.REJECTED, State.INVALID, State.SKIPPED),
    "withheld": (State.WITHHELD,),
}
"""Lists of contacts of a view, and the states of those that are in each."""

_LATER_WORDS: Final = {
    Step.RECONCILE_ACCEPTED: "reconciled: the call was placed",
    Step.RECONCILE_NOT_PLACED: "reconciled: no call was placed",
    Step.DOUBT: "made unknown: the answer may be another call's",
    Step.RESTORE: "made unknown: the ledger is an older copy",
    Step.INVALIDATE: "could not be called as it is",
    Step.SKIP: "not called any more",
    Step.WITHHOLD: "withheld: a list said something else",
    Step.UPDATE: "updated from a list",
    Step.CONFIRM: "confirmed by a list",
}

_NEVER_KNOWN: Final = (
    (
        "A ledger records attempts, and not why none was begun: a pause, a rule, a "
        "full PABX and a process that did not run look alike in a time without them."
    ),
    "Calls that other programs made through the same PABX are not in it.",
    (
        "An attempt is counted when its intent was recorded, which is shortly before "
        "it left: the seconds of the PABX's own clock may differ."
    ),
)


@attrs.frozen(kw_only=True)
class LedgerSnapshot:
    """What a ledger tells of now, beside its past.

    Attributes:
        name: Its name, as it may be shown.
        made_at: Unix time.
        offset: Seconds that local time is ahead of UTC.
        zone: Name of that local time.
        problem: Why it may not be dialled; empty where it may be.
        states: How many contacts are in each state.
        exhausted: Pending contacts that are out of attempts.
        ends: How calls ended, one for each contact.
        imports: The lists that were put in.
        listed: Name of each list of contacts to the first of them.
        waiting: How many contacts wait by rules.
        first_waiting: The first of them.
    """

    name: str
    made_at: float
    offset: float = 0.0
    zone: str = "UTC"
    problem: str = ""
    states: Mapping[State, int]
    exhausted: int = 0
    ends: EndCounts = attrs.field(factory=lambda: EndCounts({}))
    imports: Sequence[Import] = ()
    listed: Mapping[str, Sequence[ListedContact]] = attrs.field(factory=dict)
    waiting: WaitCounts = attrs.field(
        factory=lambda: WaitCounts(kinds={}, reasons={}, next_due=None)
    )
    first_waiting: Sequence[ListedContact] = ()


def build_view(
    snapshot: LedgerSnapshot,
    tally: CampaignTally,
    ends: EndTally,
    caps: PABXCaps | None = None,
) -> CampaignView:
    """Return the view of a campaign.

    Args:
        snapshot: What its ledger tells of now.
        tally: Its steps.
        ends: The ends of its calls.
        caps: The caps of its PABX, as far as they are known.
    """
    caps = caps or PABXCaps()
    attempts = _attempts(tally)
    contacts = {
        name: _contacts(snapshot, name, snapshot.listed.get(name, ()))
        for name in LISTED_STATES
    }
    names = _names(tally)
    return CampaignView(
        name=snapshot.name,
        made_at=snapshot.made_at,
        offset=snapshot.offset,
        zone=snapshot.zone,
        problem=snapshot.problem,
        states=snapshot.states,
        exhausted=snapshot.exhausted,
        lists=tuple(_list(one) for one in snapshot.imports),
        attempts=attempts,
        timeline=_timeline(tally, ends, caps.together(names)),
        pabx=tuple(_pabx(name, tally, ends, caps) for name in names),
        reasons=_reasons(tally),
        latency=_durations(_all_latencies(tally)),
        ends=snapshot.ends.dispositions,
        awaited=snapshot.ends.awaited,
        ring=_durations(ends.ring),
        talk=_durations(ends.talk),
        hours=_hours(ends),
        figures=list_figures(snapshot.states, snapshot.exhausted, tally, ends),
        tries=dict(sorted(tally.attempts_made().items())),
        standstills=tuple(_standstill(one) for one in tally.standstills),
        later={
            words: tally.later_steps[step]
            for step, words in _LATER_WORDS.items()
            if tally.later_steps[step]
        },
        waits=waits_view(snapshot.waiting, snapshot.first_waiting, tally.later_steps),
        unknowable=_unknowable(names, caps, ends),
        **contacts,
    )


def _attempts(tally: CampaignTally) -> dict[AttemptOutcome, int]:
    counts: Counter[AttemptOutcome] = Counter()
    for (_, outcome), count in tally.by_pabx.items():
        counts[outcome] += count
    counts[AttemptOutcome.OPEN] = tally.open_attempts.total()
    return {outcome: counts[outcome] for outcome in AttemptOutcome}


def _names(tally: CampaignTally) -> list[str]:
    return sorted({pabx for pabx, _ in tally.by_pabx} | set(tally.open_attempts))


def _timeline(tally: CampaignTally, ends: EndTally, cap: float | None) -> Timeline:
    buckets = tally.begun, tally.outcomes, ends.by_time
    width = max(one.width for one in buckets)
    for one in buckets:
        one.widen(width)
    span = tally.begun.span
    if span is None:
        return Timeline(cap=cap)
    begin, end = span
    begins = [begin + width * place for place in range(round((end - begin) / width))]
    several = zip(
        begins,
        tally.begun.counts(begins),
        tally.outcomes.counts(begins),
        ends.by_time.counts(begins),
        strict=True,
    )
    return Timeline(
        width=width,
        cap=cap,
        intervals=tuple(
            Interval(
                begins_at=begins_at,
                begun=begun.total(),
                outcomes=dict(outcomes),
                dispositions=dict(dispositions),
            )
            for begins_at, begun, outcomes, dispositions in several
        ),
    )


def _pabx(name: str, tally: CampaignTally, ends: EndTally, caps: PABXCaps) -> PABXView:
    outcomes = {outcome: tally.by_pabx[name, outcome] for outcome in AttemptOutcome}
    outcomes[AttemptOutcome.OPEN] = tally.open_attempts[name]
    peak = tally.peak(name)
    return PABXView(
        name=shown_pabx(name),
        attempts=sum(outcomes.values()),
        outcomes=outcomes,
        dispositions={
            disposition: count
            for (pabx, disposition), count in sorted(ends.by_pabx.items())
            if pabx == name
        },
        peak=0 if peak is None else peak[0],
        cap=caps.of_name.get(name),
        latency=_durations(tally.latencies.get(name)),
    )


def _reasons(tally: CampaignTally) -> tuple[ReasonView, ...]:
    several = sorted(tally.by_reason.items(), key=lambda one: (-one[1], one[0]))
    return tuple(
        ReasonView(
            pabx=shown_pabx(pabx),
            outcome=outcome,
            reason=shown_reason(reason),
            words=shown_words(shown_reason(reason)),
            attempts=count,
        )
        for (pabx, outcome, reason), count in several
    )


def _all_latencies(tally: CampaignTally) -> Latencies:
    together = Latencies()
    for one in tally.latencies.values():
        together.merge(one)
    return together


def _durations(latencies: Latencies | None) -> DurationsView | None:
    if latencies is None or not latencies.count:
        return None
    return DurationsView(
        count=latencies.count,
        bars=tuple(zip((*LATENCY_BOUNDS, None), latencies.bars(), strict=True)),
        median=latencies.quantile(0.5) or 0.0,
        p90=latencies.quantile(0.9) or 0.0,
        p99=latencies.quantile(0.99) or 0.0,
    )


def _hours(ends: EndTally) -> tuple[HourView, ...]:
    if not ends.by_hour:
        return ()
    return tuple(
        HourView(hour=hour, ended=ends.ended_in(hour), answered=ends.answered_in(hour))
        for hour in range(24)
    )


def _standstill(stop: Standstill) -> StandstillView:
    reason = shown_reason(stop.reason)
    return StandstillView(
        began_at=stop.began_at,
        seconds=stop.seconds,
        before=shown_words(reason) if reason else "were accepted",
    )


def _list(one: Import) -> ListView:
    return ListView(
        number=one.number,
        began_at=one.began_at,
        is_whole=one.is_whole,
        new=one.new,
        known=one.known + one.repeated,
        rejected=one.rejected,
    )


def _contacts(
    snapshot: LedgerSnapshot, name: str, first: Iterable[ListedContact]
) -> ContactsView:
    shown = tuple(map(listed_view, first))
    total = sum(snapshot.states.get(state, 0) for state in LISTED_STATES[name])
    return ContactsView(total=max(total, len(shown)), first=shown)


def _unknowable(
    names: Sequence[str], caps: PABXCaps, ends: EndTally
) -> tuple[str, ...]:
    sentences = [*_NEVER_KNOWN]
    if not set(names) <= set(caps.of_name):
        sentences.append(
            "The cap of a PABX stands in the configuration and not in the ledger: "
            "where none is shown, it was not named to this report."
        )
    if not ends.by_pabx:
        sentences.append(
            "No end of a call is recorded: accepted means that the PABX took the call, "
            "not that anybody answered."
        )
    return tuple(sentences)
