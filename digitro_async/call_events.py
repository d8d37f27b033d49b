"""PURE: the events of an event channel, and what became of a call, as frozen values.

The names of events, and the words in them, are the PABX's: which of them means what is
set in ``EventChannelSettings``. Times are Unix times in seconds.
"""

import enum
from collections.abc import Hashable, Mapping

import attrs

from digitro_async.privacy import Personal

__all__ = [
    "CallEnd",
    "CallEvent",
    "CallPhase",
    "CallSeen",
    "ChannelClosed",
    "ChannelEvent",
    "ChannelOpened",
    "ChannelReason",
    "Disposition",
    "EndEvidence",
    "Gap",
    "Heartbeat",
    "OtherEvent",
]


class Disposition(enum.StrEnum):
    """What became of a call that the PABX took."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    MACHINE = "machine"
    FAX = "fax"
    INVALID_NUMBER = "invalid_number"
    CONGESTION = "congestion"
    BLOCKED = "blocked"
    ABANDONED = "abandoned"
    ENDED = "ended"
    """It ended, and no event said how."""
    OTHER = "other"
    """An event said how, in a word that the settings do not know."""
    NONE_SEEN = "none_seen"
    """No event told of its end in time."""


class CallPhase(enum.StrEnum):
    """How far a call is, by one event."""

    STARTED = "started"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"
    OTHER = "other"
    """The event is about a call, and says nothing of how far it is."""


class ChannelReason(enum.StrEnum):
    """Why a channel ended, or why events may be missing.

    A channel that could not be opened, or broke off, may have a reason of connections
    or ``status_...`` instead, as a call has.
    """

    CLOSED = "closed"
    """This program closed the channel."""
    CLOSED_BY_PABX = "closed_by_pabx"
    """An event said that the channel ends."""
    STREAM_ENDED = "stream_ended"
    """The PABX ended the stream of events."""
    SILENCE = "silence"
    """Nothing came for ``read_timeout`` seconds."""
    NO_ANSWER_IN_TIME = "no_answer_in_time"
    """The request that opens a channel was not answered in ``open_timeout`` seconds."""
    NO_OPENING_EVENT = "no_opening_event"
    """No event of ``opened_names`` came in ``open_timeout`` seconds."""
    NO_CHANNEL_ID = "no_channel_id"
    """The opening event held no id at ``id_fields``."""
    SUBSCRIPTION_FAILED = "subscription_failed"
    """The request that subscribes was not answered."""
    SUBSCRIPTION_REFUSED = "subscription_refused"
    """The PABX refused a subscription."""
    SUBSCRIPTION_LOST = "subscription_lost"
    """The subscription could not be renewed."""
    DEAD_ID = "dead_id"
    """The answer to a command said that the channel id is not valid any more."""
    BAD_SETTINGS = "bad_settings"
    """The settings of the PABX can't be used."""
    CHANNEL_LOST = "channel_lost"
    """A channel was lost, and another one is open."""
    NOT_TAKEN = "not_taken"
    """Nobody took events fast enough, and as many as may wait waited already."""
    EVENT_TOO_LARGE = "event_too_large"
    """One event was larger than ``max_event_bytes``, and was passed over."""


@attrs.frozen(kw_only=True)
class ChannelEvent:
    """Base of all events of one event channel.

    Attributes:
        pabx: Name of the PABX.
        seen_at: When the event was read.
    """

    pabx: str
    seen_at: float


@attrs.frozen(kw_only=True)
class ChannelOpened(ChannelEvent):
    """A channel is open, and subscribed to: commands go over its id from now on.

    Attributes:
        channel_id: The id.
    """

    channel_id: int


@attrs.frozen(kw_only=True)
class ChannelClosed(ChannelEvent):
    """A channel ended, or could not be opened; its id can't be used any more.

    Attributes:
        channel_id: The id, None where none was given.
        reason: Why, as a code: a ``ChannelReason``, or that of a connection.
    """

    channel_id: int | None
    reason: str


@attrs.frozen(kw_only=True)
class Heartbeat(ChannelEvent):
    """A sign of life of the channel. It is never handed to programs."""


@attrs.frozen(kw_only=True)
class CallEvent(ChannelEvent):
    """An event about one call, also of calls that others made.

    Attributes:
        name: Name of the event, as the PABX gave it.
        phase: How far the call is.
        call_id: The call id, None where the event holds none.
        disposition: What became of the call, None where the event does not say.
        word: The PABX's own word for that, None without one.
        destination: The number that was called, None where the event holds none.
        at: The PABX's own time of the event, as text; None where it gives none.
        data: The whole event, raw.
    """

    name: str
    phase: CallPhase
    call_id: str | None = None
    disposition: Disposition | None = None
    word: str | None = None
    destination: Personal | None = attrs.field(default=None, repr=False)
    at: str | None = None
    data: Personal = attrs.field(repr=False, default=Personal(""))


@attrs.frozen(kw_only=True)
class Gap(ChannelEvent):
    """Events may be missing here.

    Attributes:
        since: Since when.
        reason: Why, as a code: a ``ChannelReason``.
        lost: Number of events that were dropped, None where nobody knows.
    """

    since: float
    reason: str
    lost: int | None = None


@attrs.frozen(kw_only=True)
class OtherEvent(ChannelEvent):
    """An event that the settings give no meaning to. That is normal.

    Attributes:
        name: Name of the event, None without one.
        data: The whole event, raw.
    """

    name: str | None
    data: Personal = attrs.field(repr=False)


class EndEvidence(enum.StrEnum):
    """How it is known what became of a call."""

    CALL_ID = "call_id"
    """Events with the call id that the PABX gave in its answer told of its end."""
    DESTINATION = "destination"
    """No answer gave a call id. Events told of the only call to its number then."""
    DEADLINE = "deadline"
    """No event told of its end in time; what events before told is kept."""
    FORGOTTEN = "forgotten"
    """More calls were in progress than are watched, and it was the oldest."""
    REPORT = "report"
    """A file that was imported told of its end, such as a report of the PABX."""


@attrs.frozen(kw_only=True)
class CallSeen:
    """Evidence that a call of unknown outcome was placed: an event shows it.

    Attributes:
        pabx: Name of the PABX.
        call_id: The call id of the event.
        name: Name of the event, as the PABX gave it.
        seen_at: When the first event with this call id was read.
        at: The PABX's own time of that event, as text; None where it gives none.
    """

    pabx: str
    call_id: str
    name: str
    seen_at: float
    at: str | None = None


@attrs.frozen(kw_only=True)
class CallEnd:
    """What became of one call that the PABX took, or may have taken.

    There is one for each such call, and it does not change: an event that comes later
    is handed on, and changes nothing here. The times are those when the events were
    read, None where none was.

    Attributes:
        pabx: Name of the PABX.
        disposition: What became of the call.
        evidence: How that is known.
        call_id: The call id, None where neither an answer nor an event gave it.
        key: The key of the call's ``DispatchItem``, None without one.
        word: The PABX's own word for it, None where it gave none.
        started_at: When an event told that the call began.
        rang_at: When an event told that it rings.
        answered_at: When an event told that it was answered.
        ended_at: When an event told that it ended.
        pabx_times: The PABX's own times of these events, as text, where it gave some.
    """

    pabx: str
    disposition: Disposition
    evidence: EndEvidence
    call_id: str | None = None
    key: Hashable = attrs.field(default=None, repr=False)
    word: str | None = None
    started_at: float | None = None
    rang_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    pabx_times: Mapping[CallPhase, str] = attrs.field(factory=dict, hash=False)

    @property
    def ring_seconds(self) -> float | None:
        """Seconds from ringing to the answer, or to the end of a call without one."""
        until = self.ended_at if self.answered_at is None else self.answered_at
        return _seconds(self.rang_at, until)

    @property
    def talk_seconds(self) -> float | None:
        """Seconds from the answer to the end."""
        return _seconds(self.answered_at, self.ended_at)


def _seconds(began: float | None, ended: float | None) -> float | None:
    """Return the seconds between two times; a clock that was set back makes them 0."""
    return None if began is None or ended is None else max(0.0, ended - began)
