"""Ends of calls and changes of event channels, as observers are told of them."""

import time

from digitro_async._common.reasons import told_reason
from digitro_async.call_events import (
    CallEnd,
    ChannelClosed,
    ChannelEvent,
    ChannelOpened,
    Gap,
)
from digitro_async.observe import CallEnded, EventKind, EventReporter

__all__ = ["note_channel", "note_end"]


def note_end(reporter: EventReporter, end: CallEnd) -> None:
    """Tell what became of a call, where somebody observes that."""
    activity = reporter.activity
    if CallEnded in activity.wanted:
        ended = CallEnded(
            time=time.time(),
            pabx=end.pabx,
            disposition=end.disposition,
            evidence=end.evidence,
            ring_seconds=end.ring_seconds,
            talk_seconds=end.talk_seconds,
        )
        activity.put(ended)


def note_channel(reporter: EventReporter, event: ChannelEvent) -> None:
    """Tell that an event channel opened or ended, or that events may be missing."""
    name, activity = event.pabx, reporter.activity
    if isinstance(event, ChannelOpened):
        text = f"the event channel of PABX {name} is open"
        activity.note(EventKind.CHANNEL_OPENED, text, pabx=name)
    elif isinstance(event, ChannelClosed):
        reason = told_reason(event.reason)
        text = f"the event channel of PABX {name} has ended ({reason})"
        activity.note(EventKind.CHANNEL_CLOSED, text, pabx=name, reason=reason)
    elif isinstance(event, Gap):
        reason = told_reason(event.reason)
        text = f"events of PABX {name} may be missing ({reason})"
        activity.note(EventKind.EVENTS_MISSED, text, pabx=name, reason=reason)
