"""PURE: the events that a client tells of."""

import enum
from typing import Final

import attrs

__all__ = ["QUIET_KINDS", "ClientEvent", "EventKind"]


class EventKind(enum.StrEnum):
    """What happened."""

    PAUSED = "paused"
    """A PABX gets no call from now on, or for another cause than before."""
    PROBE_FAILED = "probe_failed"
    """The call that was to show whether a pause may end failed: the pause goes on."""
    RESUMED = "resumed"
    """A PABX that was paused gets calls again."""
    PROTOCOL_VIOLATION = "protocol_violation"
    """A PABX broke the protocol, so that outcomes may be doubtful; see ``alarms``."""
    REUSE_ENDED = "reuse_ended"
    """A PABX closed kept connections under calls: each has a new one from now on."""
    FEWER_IN_FLIGHT = "fewer_in_flight"
    """This machine has no file, port or memory for one more call: fewer are in flight
    than ``max_in_flight``, until more are possible."""
    CHANNEL_MISSING = "channel_missing"
    """A PABX has no event channel, or does not know the one it was given. Calls start
    after ``set_channel_id``, or when the client has opened the channel again. A
    ``PAUSED`` comes before it."""
    UNKNOWN_SETTLED = "unknown_settled"
    """An event shows that a call was placed whose answer was lost."""
    LEDGER_FAILED = "ledger_failed"
    """The ledger of a campaign can't be written: its run begins no further call."""
    # What follows is told to observers alone: it is no cause for concern.
    PROBE_BEGAN = "probe_began"
    """One call goes to a paused PABX, to show whether the pause may end."""
    RATE_CHANGED = "rate_changed"
    """Another cap is kept than before: ``calls`` in ``per`` seconds."""
    DRAIN_BEGAN = "drain_began"
    """The client begins no further call."""
    DRAIN_ENDED = "drain_ended"
    """The last call on the wire has ended after that."""
    CHANNEL_OPENED = "channel_opened"
    """The event channel of a PABX is open."""
    CHANNEL_CLOSED = "channel_closed"
    """The event channel of a PABX has ended, for ``reason``; it is opened again."""
    EVENTS_MISSED = "events_missed"
    """Events of a PABX may be missing, for ``reason``."""
    RUN_BEGAN = "run_began"
    """A run of a campaign begins to dial."""
    RUN_DRAINS = "run_drains"
    """A run begins no further call."""
    RUN_AWAITS_ENDS = "run_awaits_ends"
    """A run has made its calls, and waits until it is known what became of them."""
    RUN_ENDED = "run_ended"
    """A run is over; ``reason`` is ``done`` where nothing was left to be dialled."""


@attrs.frozen(kw_only=True)
class ClientEvent:
    """Something that happened to a client, beside its calls.

    ``on_event`` is told of what may concern an operator, an observer of everything. It
    names PABX and codes. No number, id or key is in it.

    Attributes:
        kind: What happened.
        time: Unix time when it happened.
        pabx: Name of the PABX, None for an event of the whole client.
        address: Host, port and path prefix of the PABX.
        reason: Code of the event's reason: for a pause, that of ``statistics()``.
        cause: Code of the attempt that led to it, as in ``error.reason``; empty where
            no attempt did.
        retry_after: Seconds until the PABX is tried again; None where nobody will, or
            where it is not paused.
        text: All of this in a sentence.
        run: For a run of a campaign, the id of the owner of its claims.
        calls: For another cap, the calls that it allows; None for that of the settings.
        per: The seconds in which these are counted.
    """

    kind: EventKind
    time: float
    pabx: str | None = None
    address: str | None = None
    reason: str = ""
    cause: str = ""
    retry_after: float | None = None
    text: str = ""
    run: str | None = None
    calls: int | None = None
    per: float | None = None


QUIET_KINDS: Final = frozenset(
    {
        EventKind.PROBE_BEGAN,
        EventKind.RATE_CHANGED,
        EventKind.DRAIN_BEGAN,
        EventKind.DRAIN_ENDED,
        EventKind.CHANNEL_OPENED,
        EventKind.CHANNEL_CLOSED,
        EventKind.EVENTS_MISSED,
        EventKind.RUN_BEGAN,
        EventKind.RUN_DRAINS,
        EventKind.RUN_AWAITS_ENDS,
        EventKind.RUN_ENDED,
    }
)
"""The kinds that observers alone are told of."""
