"""PURE: the events that a client tells of."""

import enum

import attrs

__all__ = ["ClientEvent", "EventKind"]


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


@attrs.frozen(kw_only=True)
class ClientEvent:
    """Something that happened to a client, beside its calls.

    It names PABX and codes. No number, id or key is in it.

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
    """

    kind: EventKind
    time: float
    pabx: str | None = None
    address: str | None = None
    reason: str = ""
    cause: str = ""
    retry_after: float | None = None
    text: str = ""
