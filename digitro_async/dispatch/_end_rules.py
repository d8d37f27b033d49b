"""PURE: the rules for the ends of calls to one address."""

from collections.abc import Iterable

import attrs

from digitro_async.call_events import CallPhase
from digitro_async.models import PABX

__all__ = ["EndRules", "end_rules_of"]


@attrs.frozen(kw_only=True)
class EndRules:
    """The rules for the ends of calls; times in seconds.

    Attributes:
        end_timeout: From the answer to a call until its end must have been told.
        grace: After the event of a call's end, for events that come late.
        gap_timeout: After a gap, until calls are no longer counted; None for never.
        match_window: From the start of a call, for its match by number; None for none.
        begin: The phase by which a new call is known, None where events tell of none.
        keep: From its first event, for a call whose id no answer gave.
        most_calls: Most calls whose end is waited for.
        most_unmatched: Most calls that are kept whose id no answer gave.
    """

    end_timeout: float
    grace: float = 1.0
    gap_timeout: float | None = None
    match_window: float | None = 10.0
    begin: CallPhase | None = CallPhase.STARTED
    keep: float = 60.0
    most_calls: int = 100_000
    most_unmatched: int = 10_000


def end_rules_of(together: Iterable[PABX]) -> EndRules:
    """Return the rules that are right for each of the PABX at one address."""
    pairs = [(one.events, one.call_ends) for one in together if one.events is not None]
    phases = {phase for events, _ in pairs for phase in events.call_phases.values()}
    begins = (CallPhase.STARTED, CallPhase.RINGING)
    windows = [ends.match_window for _, ends in pairs]
    gaps = [ends.gap_timeout for _, ends in pairs]
    window = None if None in windows else min(filter(None, windows))
    total = max(one.timeouts.total for one in together)
    return EndRules(
        end_timeout=max(events.end_timeout for events, _ in pairs),
        grace=max(ends.grace for _, ends in pairs),
        gap_timeout=None if None in gaps else max(one or 0.0 for one in gaps),
        match_window=window,
        begin=next((phase for phase in begins if phase in phases), None),
        keep=(window or 0.0) + 2 * total,
    )
