"""PURE: the rules for the ends of calls to one address."""

import attrs

from digitro_async.call_events import CallPhase

__all__ = ["EndRules"]


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
