"""EventChannelSettings: every guess about a PABX's event channel, in one class.

Sources: P2, P3 and P4 are the pages api-10270983, api-10271009 and api-10271012 of
docs-pabx.digitro.com. They name the event that opens a channel, and say that it brings
the integer that stands in the paths of commands: that alone is VERIFIED. How a channel
is opened, what its events look like and which event tells of a call's end is UNKNOWN.
All else here is INFERRED from the vendor's sister products, which send server-sent
events.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs

from digitro_async._common.validators import (
    instance_of,
    one_line,
    positive,
    positive_seconds,
    quiet_init,
)
from digitro_async.call_events import CallPhase, Disposition
from digitro_async.errors import ConfigurationError

__all__ = ["ChannelRequest", "EventChannelSettings", "Subscription"]

_Meaning = TypeVar("_Meaning", CallPhase, Disposition)


def _path(_: object, field: Any, value: Any) -> None:
    if not isinstance(value, str) or not value.startswith("/") or not value.isascii():
        raise ConfigurationError(f"{field.name} must be a path: it starts with /")


def _maybe_seconds(owner: object, field: Any, value: Any) -> None:
    if value is not None:
        positive_seconds(owner, field, value)


def _names(value: object) -> tuple[str, ...]:
    """Return the names that a text, or several of them, give."""
    given = (value,) if isinstance(value, str) else value
    if isinstance(given, list | tuple) and all(isinstance(one, str) for one in given):
        return tuple(given)
    raise ConfigurationError("names must be text, or several texts")


def _meanings(kind: type[_Meaning], value: object) -> Mapping[str, _Meaning]:
    known = list(kind)
    if isinstance(value, Mapping) and all(
        isinstance(name, str) and meaning in known for name, meaning in value.items()
    ):
        return {name: kind(meaning) for name, meaning in value.items()}
    raise ConfigurationError(f"a meaning must be one of {', '.join(known)}")


def _phases(value: object) -> Mapping[str, CallPhase]:
    return _meanings(CallPhase, value)


def _dispositions(value: object) -> Mapping[str, Disposition]:
    return _meanings(Disposition, value)


@quiet_init
@attrs.frozen(kw_only=True)
class ChannelRequest:
    """One request about a channel: to open it, to close it or to subscribe.

    Args:
        method: Method of HTTP.
        path: Path after the base URL; ``{channel_id}`` in it stands for the id.
        headers: Headers beside the api key's.
        body: Members of the JSON body, None for no body; a text ``{channel_id}`` in it
            stands for the id, as a number where it stands alone.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    path: str = attrs.field(validator=_path)
    method: str = attrs.field(default="GET", validator=one_line)
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: Mapping[str, Any] | None = None


@quiet_init
@attrs.frozen(kw_only=True)
class Subscription:
    """The step that some products want after a channel is open. Off by default.

    Args:
        request: The request that subscribes.
        expires_field: Where the answer says after how many seconds the subscription
            ends, as names joined by dots; None where it does not end.
        renewal_share: The share of that time after which it is renewed.
        id_field: Where the answer gives the id of the subscription, for its renewal.
        renewal_id_field: Where the request takes that id when it renews.

    Raises:
        ConfigurationError: If a value can't be used.
    """

    request: ChannelRequest = attrs.field(validator=instance_of(ChannelRequest))
    expires_field: str | None = None
    renewal_share: float = 0.5
    id_field: str | None = None
    renewal_id_field: str | None = None


@quiet_init
@attrs.frozen(kw_only=True)
class EventChannelSettings:
    """How a PABX's event channel is opened and read, and what its events mean.

    Args:
        open: The request that opens the channel. UNKNOWN: there is no honest default.
        name_fields: Members of an event's data that may hold its name, tried in this
            order where server-sent events name none. INFERRED.
        opened_names: Names of the event that opens the channel. VERIFIED (P2 to P4).
        closed_names: Names of events that say that the channel ends. INFERRED.
        id_fields: Where the opening event may hold the id, as names joined by dots,
            tried in this order. UNKNOWN; the id may be a number or digits as text.
        heartbeat_names: Names of events that are heartbeats. Comments, and events
            without name and members, always are. INFERRED.
        call_id_fields: Where a call's event may hold its call id. The first is
            VERIFIED as the name in answers and commands, INFERRED for events.
        call_phases: What the names of calls' events say of how far a call is. UNKNOWN.
        disposition_fields: Where an event may hold the word for what became of the
            call. UNKNOWN.
        dispositions: What these words mean; compared without regard to case. UNKNOWN.
        destination_fields: Where a call's event may hold the number called. UNKNOWN.
        time_fields: Where an event may hold the PABX's own time. UNKNOWN.
        subscription: The step between "open" and "ready", None without one.
        close: The request that closes a channel, None to end the connection alone.
        open_timeout: Seconds until the opening event must have come.
        read_timeout: Seconds of silence after which the channel counts as lost, None
            to wait for ever. INFERRED: the vendor publishes no period of heartbeats.
        first_backoff: Seconds until the channel is opened again; doubles each time.
        max_backoff: Most seconds until it is opened again.
        refused_backoff: Seconds until it is opened again where the PABX refused a
            channel. Channels are limited by licences, so this is long.
        end_timeout: Seconds from the answer to a call until its end must have been
            told; after that its disposition is ``none_seen``.
        dead_id_statuses: Statuses of answers to commands that say that the channel id
            is not valid any more. UNKNOWN.
        queue_size: Most events that wait for whoever takes them.
        max_event_bytes: Largest event that is read.

    Raises:
        ConfigurationError: If a value can't be used; the text names the field.
    """

    open: ChannelRequest = attrs.field(validator=instance_of(ChannelRequest))
    name_fields: tuple[str, ...] = attrs.field(default=(), converter=_names)
    opened_names: tuple[str, ...] = attrs.field(converter=_names)
    closed_names: tuple[str, ...] = attrs.field(default=(), converter=_names)
    id_fields: tuple[str, ...] = attrs.field(default=(), converter=_names)
    heartbeat_names: tuple[str, ...] = attrs.field(default=(), converter=_names)
    call_id_fields: tuple[str, ...] = attrs.field(default=(), converter=_names)
    call_phases: Mapping[str, CallPhase] = attrs.field(factory=dict, converter=_phases)
    disposition_fields: tuple[str, ...] = attrs.field(default=(), converter=_names)
    dispositions: Mapping[str, Disposition] = attrs.field(
        factory=dict, converter=_dispositions
    )
    destination_fields: tuple[str, ...] = attrs.field(default=(), converter=_names)
    time_fields: tuple[str, ...] = attrs.field(default=(), converter=_names)
    subscription: Subscription | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(instance_of(Subscription)),
    )
    close: ChannelRequest | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(instance_of(ChannelRequest)),
    )
    open_timeout: float = attrs.field(default=10.0, validator=positive_seconds)
    read_timeout: float | None = attrs.field(default=60.0, validator=_maybe_seconds)
    first_backoff: float = attrs.field(default=1.0, validator=positive_seconds)
    max_backoff: float = attrs.field(default=60.0, validator=positive_seconds)
    refused_backoff: float = attrs.field(default=60.0, validator=positive_seconds)
    end_timeout: float = attrs.field(default=300.0, validator=positive_seconds)
    dead_id_statuses: frozenset[int] = attrs.field(
        default=frozenset({404}), converter=frozenset
    )
    queue_size: int = attrs.field(default=10_000, validator=positive)
    max_event_bytes: int = attrs.field(default=1_048_576, validator=positive)
