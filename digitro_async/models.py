"""The values of the public API: a PABX, a call and its result."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import attrs

from digitro_async._common.base_url import check_base_url
from digitro_async._common.validators import (
    instance_of,
    one_line,
    positive,
    quiet_init,
    secret,
)
from digitro_async.call_events import CallEnd, Disposition
from digitro_async.calls import Call, PredictiveCall
from digitro_async.command_settings import CommandSettings
from digitro_async.errors import (
    ConfigurationError,
    DigitroError,
    DrainedError,
    Outcome,
    PABXPausedError,
)
from digitro_async.event_settings import EventChannelSettings
from digitro_async.privacy import Personal, Secret
from digitro_async.settings import (
    CallEndSettings,
    PoolSettings,
    RateLimit,
    TimeoutSettings,
    TLSSettings,
    UnsetFields,
)

__all__ = [
    "PABX",
    "Call",
    "CallAccepted",
    "CallResult",
    "CommandAccepted",
    "CommandAnswer",
    "DispatchItem",
    "Outcome",
    "PredictiveCall",
    "Timings",
]


# Python refuses to write a number of thousands of digits; no channel id has a hundred.
_LARGEST_CHANNEL = 10**100
"""Smallest number that is refused as a channel id."""


def _header_value(_: object, field: Any, value: Any) -> None:
    text = value.reveal() if isinstance(value, Secret) else ""
    if not text or not all(" " < char <= "~" for char in text):
        raise ConfigurationError(
            f"{field.name} must be visible ASCII without spaces or line breaks"
        )


def _channel(_: object, field: Any, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigurationError(f"{field.name} must be a whole number of 0 or more")
    if value >= _LARGEST_CHANNEL:
        raise ConfigurationError(f"{field.name} is too large to stand in an address")


def _unset_fields(value: str | UnsetFields) -> UnsetFields:
    if value in list(UnsetFields):
        return UnsetFields(value)
    raise ConfigurationError("unset_fields must be null or omit")


def _command_settings(
    value: CommandSettings | Iterable[CommandSettings],
) -> tuple[CommandSettings, ...]:
    given: tuple[object, ...] = (value,)
    if not isinstance(value, CommandSettings) and isinstance(value, Iterable):
        given = tuple(value)
    several = tuple(one for one in given if isinstance(one, CommandSettings))
    if len(several) < len(given):
        raise ConfigurationError("commands must be CommandSettings, or several")
    if len({one.command for one in several}) < len(several):
        raise ConfigurationError("commands has two settings for one command")
    return several


@quiet_init
@attrs.frozen(cache_hash=True)
class PABX:
    """One telephone exchange and how to reach it.

    A cap belongs to an address, not to a name: where several ``PABX`` have base URLs
    with the same host, port and path prefix, a client keeps the cap of each for the
    calls of all together, also for the calls of one that has no ``rate``.

    Args:
        name: Your name for the PABX, used in results, statistics and errors.
        base_url: Scheme, host, port and, where a proxy adds one, a path prefix.
        channel_id: Id of the event channel that commands belong to, an integer; None
            where the id becomes known only later: the client opens the channel where
            ``events`` says how, and otherwise takes one by ``client.set_channel_id``.
        api_key: Value of the ``x-api-key`` header; a text is wrapped in a ``Secret``.
        rate: Cap on calls, or None for no cap.
        max_in_flight: Most calls in flight at once; it should be rate x latency.
        max_in_progress: Most calls in progress at once, None for no cap. A call is in
            progress from before it is sent until an event tells of its end, or until
            the ``end_timeout`` of ``events``, which must be given. Like a ``rate``, it
            holds for all calls to one address.
        pool: How connections are kept.
        timeouts: Limits of one attempt.
        tls: The certificate or the authority to trust over https.
        unset_fields: How fields of a call that are None are written.
        commands: What answers to single commands mean, where that is not documented.
        call_ends: How the ends of calls are told from events.
        events: How its event channel is opened and read; None to open none. Where
            ``channel_id`` is given, the channel is read and commands keep that id.

    Raises:
        ConfigurationError: If a value can't be used; the text names the field.
    """

    name: str = attrs.field(validator=one_line)
    base_url: str = attrs.field(converter=check_base_url)
    channel_id: int | None = attrs.field(validator=_channel)
    api_key: Secret = attrs.field(converter=secret, validator=_header_value)
    rate: RateLimit | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(instance_of(RateLimit)),
        kw_only=True,
    )
    max_in_flight: int = attrs.field(default=100, validator=positive, kw_only=True)
    max_in_progress: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(positive), kw_only=True
    )
    pool: PoolSettings = attrs.field(
        factory=PoolSettings, validator=instance_of(PoolSettings), kw_only=True
    )
    timeouts: TimeoutSettings = attrs.field(
        factory=TimeoutSettings, validator=instance_of(TimeoutSettings), kw_only=True
    )
    tls: TLSSettings = attrs.field(
        factory=TLSSettings, validator=instance_of(TLSSettings), kw_only=True
    )
    unset_fields: UnsetFields = attrs.field(
        default=UnsetFields.NULL, converter=_unset_fields, kw_only=True
    )
    commands: tuple[CommandSettings, ...] = attrs.field(
        default=(), converter=_command_settings, kw_only=True
    )
    call_ends: CallEndSettings = attrs.field(
        factory=CallEndSettings, validator=instance_of(CallEndSettings), kw_only=True
    )
    events: EventChannelSettings | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(instance_of(EventChannelSettings)),
        kw_only=True,
        hash=False,  # it holds tables of names
        repr=False,
    )

    def __attrs_post_init__(self) -> None:
        if self.max_in_progress is not None and self.events is None:
            raise ConfigurationError(
                "max_in_progress needs events: nothing else tells when a call ends;"
                " give PABX(events=EventChannelSettings(...)) as well"
            )


@attrs.frozen
class CommandAccepted:
    """The answer to a command that the PABX received.

    The classes of the answers to single commands are derived from this one.

    Attributes:
        raw: The whole answer, with the keys that this library doesn't know.
    """

    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)

    @property
    def call_id(self) -> str | None:
        """The call id, None where the answer gives none."""
        return None


@attrs.frozen
class CallAccepted(CommandAccepted):
    """The answer to a call that the PABX received. It doesn't say that a phone rang.

    Attributes:
        call_id: The call id, an opaque text: compare it exactly. The text has spaces,
            slashes and colons, so encode it in paths and file names.
        raw: The whole answer, with the keys that this library doesn't know.
    """

    call_id: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)


@attrs.frozen
class CommandAnswer(CommandAccepted):
    """The answer to a command other than a call.

    Attributes:
        raw: The members of an answer that is an object of JSON; empty for others.
        value: The JSON of the answer, None where it is none.
        text: The whole answer as text, masked: it may repeat what was sent.
    """

    value: Any = attrs.field(default=None, repr=False, hash=False)
    text: Personal = attrs.field(factory=lambda: Personal(""))


@attrs.frozen(kw_only=True)
class DispatchItem:
    """A call for ``dispatch``, with a key of yours and the PABX that must take it.

    Args:
        call: The call.
        pabx: Name of the PABX that must take it, or None for the least loaded.
        key: Your name for the call, any hashable value; it comes back in the result.
    """

    call: Call
    pabx: str | None = None
    key: Hashable = attrs.field(default=None, repr=False)


@attrs.frozen
class Timings:
    """The times of one call and its last attempt.

    Attributes:
        sent_at: Unix time in seconds when the last attempt began, None if none began.
        waited: Seconds from reading the call to ``sent_at`` (cap, pauses, retries).
        latency: Seconds from ``sent_at`` to the answer or the failure.
    """

    sent_at: float | None
    waited: float
    latency: float


@attrs.frozen(kw_only=True)
class CallResult:
    """The result of one call that ``dispatch`` read.

    Attributes:
        call: The call, the same object that the source gave.
        outcome: The final knowledge about the call.
        call_id: The call id, None where the call was not accepted.
        error: The error, ready to be raised; None where the call was accepted.
        pabx: Name of the PABX that had the call last, None where none had it.
        attempts: Number of POSTs that were begun.
        timings: When the call was read, sent and answered.
        key: The key of the call's ``DispatchItem``, None without one.
        accepted: The answer of the PABX, of the command's own class; None where the
            call was not accepted.
        end: What became of the call, None where that was not known yet, or where its
            PABX has no ``events``.
    """

    call: Any
    outcome: Outcome
    call_id: str | None = None
    error: DigitroError | None = None
    pabx: str | None = None
    attempts: int = 0
    timings: Timings = Timings(None, 0.0, 0.0)
    key: Hashable = attrs.field(default=None, repr=False)
    accepted: CommandAccepted | None = attrs.field(default=None, repr=False)
    end: CallEnd | None = attrs.field(default=None, repr=False)

    @property
    def disposition(self) -> Disposition | None:
        """What became of the call in one word, None where it is not known."""
        return None if self.end is None else self.end.disposition

    @property
    def was_put_back(self) -> bool:
        """Whether it ended waiting for its turn, as the run or its PABX was stopped.

        Its outcome is ``not_sent`` then, and no failure of its own: what stopped the
        others stopped it. In a campaign its contact is pending as before.
        """
        return isinstance(self.error, DrainedError | PABXPausedError)
