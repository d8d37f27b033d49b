"""PURE: how the simulator's event channels behave where the vendor says nothing."""

import enum
from typing import Any

import attrs

from digitro_async._common.validators import positive, positive_seconds, yes_or_no
from digitro_async.errors import ConfigurationError

__all__ = ["EventDelivery", "EventForm", "HeartbeatForm"]


class EventForm(enum.StrEnum):
    """The form of the data of events."""

    JSON = "json"
    XML = "xml"


class HeartbeatForm(enum.StrEnum):
    """The form of heartbeats."""

    EMPTY = "empty"
    """An event without a name whose data is an empty object."""
    COMMENT = "comment"
    """A comment of server-sent events."""
    NAMED = "named"
    """An event with the first of ``heartbeat_names``."""


def _form(value: Any) -> EventForm:
    if value not in list(EventForm):
        raise ConfigurationError(f"form must be one of {', '.join(EventForm)}")
    return EventForm(value)


def _heartbeat(value: Any) -> HeartbeatForm:
    if value not in list(HeartbeatForm):
        known = ", ".join(HeartbeatForm)
        raise ConfigurationError(f"heartbeat_form must be one of {known}")
    return HeartbeatForm(value)


def _status(_: object, field: Any, value: Any) -> None:
    if type(value) is not int or not 200 <= value <= 999:  # noqa: PLR2004 - as HTTP
        raise ConfigurationError(f"{field.name} must be a whole number from 200 to 999")


def _maybe_seconds(owner: object, field: Any, value: Any) -> None:
    if value is not None:
        positive_seconds(owner, field, value)


@attrs.frozen(kw_only=True)
class EventDelivery:
    """How the simulator's event channels behave; all of it is a guess.

    Args:
        form: Form of the data of events.
        id_as_text: Whether the opening event gives the channel id as text.
        name_in_data: Whether the data holds the name of an event, under the first of
            ``name_fields``, in place of the line ``event:``.
        heartbeat: Seconds between two heartbeats; None for none.
        heartbeat_form: Form of heartbeats.
        max_channels: Channels that may be open at once, as by a licence.
        refused_status: Status of the answer where no further channel may be opened.
        kept_licence: Seconds for which a channel that a client left without closing it
            counts as open, and no other is opened in its place.
        dead_id_status: Status of commands over an id that no open channel has.
        expires: Seconds after which a subscription ends, and its channel with it, where
            the answer to a subscription says so.
        unsubscribed: Seconds after which a channel without subscription is closed,
            where the settings have a subscription.
        to_all_channels: Whether every channel tells of every call; otherwise only the
            one that its command came over.

    Raises:
        ConfigurationError: If a value can't be used; the text names the field.
    """

    form: EventForm = attrs.field(default=EventForm.JSON, converter=_form)
    id_as_text: bool = attrs.field(default=False, validator=yes_or_no)
    name_in_data: bool = attrs.field(default=False, validator=yes_or_no)
    heartbeat: float | None = attrs.field(default=15.0, validator=_maybe_seconds)
    heartbeat_form: HeartbeatForm = attrs.field(
        default=HeartbeatForm.EMPTY, converter=_heartbeat
    )
    max_channels: int = attrs.field(default=1, validator=positive)
    refused_status: int = attrs.field(default=403, validator=_status)
    kept_licence: float | None = attrs.field(default=None, validator=_maybe_seconds)
    dead_id_status: int = attrs.field(default=404, validator=_status)
    expires: float = attrs.field(default=3600.0, validator=positive_seconds)
    unsubscribed: float = attrs.field(default=60.0, validator=positive_seconds)
    to_all_channels: bool = attrs.field(default=True, validator=yes_or_no)
