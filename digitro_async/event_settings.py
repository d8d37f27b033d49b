"""EventChannelSettings: every guess about a PABX's event channel, in one class.

Sources: P2, P3 and P4 are the pages api-10270983, api-10271009 and api-10271012 of
docs-pabx.digitro.com. They name the event that opens a channel, and say that it brings
the integer that stands in the paths of commands: that alone is VERIFIED. How a channel
is opened, what its events look like and which event tells of a call's end is UNKNOWN.
All else here is INFERRED from the vendor's sister products, which send server-sent
events: I1 is docs-cti.digitro.com/doc-646020, D1 is digitro.com/?p=20929, N3 and N4 are
neo1.devgd2.digitro.cloud/neo/cti/docs/03-sse.md and 04-events-subs.md.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import attrs

from digitro_async._common.base_url import check_base_url
from digitro_async._common.validators import (
    instance_of,
    is_number,
    positive,
    positive_seconds,
    quiet_init,
    secret,
)
from digitro_async.call_events import CallPhase, Disposition
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Secret

__all__ = ["CHANNEL_ID_MARK", "ChannelRequest", "EventChannelSettings", "Subscription"]

CHANNEL_ID_MARK = "{channel_id}"
"""What stands for the id of a channel in paths and bodies."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_MOST_NAMES = 1000
_Meaning = TypeVar("_Meaning", CallPhase, Disposition)


def _path(_: object, field: Any, value: Any) -> None:
    if not isinstance(value, str) or not value.startswith("/"):
        raise ConfigurationError(f"{field.name} must be a path: it starts with /")
    if not all("!" <= char <= "~" for char in value):
        raise ConfigurationError(
            f"{field.name} must be visible ASCII without spaces: encode other"
            " characters as %XX"
        )


def _method(_: object, field: Any, value: Any) -> None:
    if value not in _METHODS:
        raise ConfigurationError(f"{field.name} must be one of {', '.join(_METHODS)}")


def _secret_texts(value: Any) -> Any:
    """Return headers whose texts are wrapped: one of them may be a key."""
    if not isinstance(value, Mapping):
        return value
    return {name: secret(text) for name, text in value.items()}


def _headers(_: object, field: Any, value: Any) -> None:
    if not isinstance(value, Mapping) or not all(
        isinstance(name, str)
        and isinstance(text, Secret)
        and name
        and all("!" <= char <= "~" and char != ":" for char in name)
        and all(" " <= char <= "~" for char in text.reveal())
        for name, text in value.items()
    ):
        raise ConfigurationError(
            f"{field.name} must be names and texts, in printable ASCII"
        )


def _members(_: object, field: Any, value: Any) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise ConfigurationError(f"{field.name} must be the members of a JSON object")


def _maybe_seconds(owner: object, field: Any, value: Any) -> None:
    if value is not None:
        positive_seconds(owner, field, value)


def _share(_: object, field: Any, value: Any) -> None:
    if not is_number(value) or not 0 < value < 1:
        raise ConfigurationError(f"{field.name} must be a share between 0 and 1")


def _maybe_field(_: object, field: Any, value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ConfigurationError(f"{field.name} must be names joined by dots")


def _maybe_base_url(value: Any) -> str | None:
    return None if value is None else check_base_url(value)


def _names(value: object) -> object:
    """Return the names that a text, or several of them, give."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list | tuple) else value


def _are_names(_: object, field: Any, value: Any) -> None:
    if (
        not isinstance(value, tuple)
        or len(value) > _MOST_NAMES
        or not all(isinstance(one, str) and one.strip() for one in value)
    ):
        raise ConfigurationError(f"{field.name} must be a name, or a list of names")


def _some_names(owner: object, field: Any, value: Any) -> None:
    _are_names(owner, field, value)
    if not value:
        raise ConfigurationError(f"{field.name} must hold at least one name")


def _meanings(kind: type[_Meaning], value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    known = list(kind)
    return {
        name: kind(meaning) if meaning in known else meaning
        for name, meaning in value.items()
    }


def _phases(value: object) -> object:
    return _meanings(CallPhase, value)


def _dispositions(value: object) -> object:
    return _meanings(Disposition, value)


def _are_meanings(kind: type[_Meaning]) -> Any:
    def check(_: object, field: Any, value: Any) -> None:
        if not isinstance(value, Mapping) or len(value) > _MOST_NAMES:
            raise ConfigurationError(f"{field.name} must be a table of names")
        for name, meaning in value.items():
            if not isinstance(name, str) or not name.strip():
                raise ConfigurationError(f"{field.name} must be a table of names")
            if not isinstance(meaning, kind):
                raise ConfigurationError(
                    f"{field.name} must give each name one of {', '.join(kind)}"
                )

    return check


def _statuses(value: object) -> object:
    return frozenset(value) if isinstance(value, list | tuple | set) else value


def _are_statuses(_: object, field: Any, value: Any) -> None:
    # After any other status the phone may ring: a call would be made twice.
    if not isinstance(value, frozenset) or not all(
        isinstance(one, int) and 400 <= one < 500  # noqa: PLR2004 - refusals in HTTP
        for one in value
    ):
        raise ConfigurationError(f"{field.name} must be statuses from 400 to 499")


def _id_range(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _is_id_range(_: object, field: Any, value: Any) -> None:
    if value is None:
        return
    if (
        not isinstance(value, tuple)
        or len(value) != 2  # noqa: PLR2004 - from and to
        or not all(isinstance(one, int) and not isinstance(one, bool) for one in value)
        or not 0 <= value[0] <= value[1] <= 2**63
    ):
        raise ConfigurationError(
            f"{field.name} must be two whole numbers: the smallest id and the largest"
        )


@quiet_init
@attrs.frozen(kw_only=True)
class ChannelRequest:
    """One request about a channel: to open it, to close it or to subscribe.

    The api key's header is always sent, and ``Accept`` as fits the request.

    Args:
        path: Path after the base URL, with a query where there is one;
            ``{channel_id}`` in it stands for the id.
        method: Method of HTTP. INFERRED: the sister products open by GET (N3, I1).
        headers: Headers beside the api key's; their texts are wrapped in a ``Secret``.
        body: Members of the JSON body, None for no body; a text ``{channel_id}`` in it
            stands for the id, as a number. It is no place for secrets.

    Raises:
        ConfigurationError: If a value can't be used; the text names the field.
    """

    path: str = attrs.field(validator=_path)
    method: str = attrs.field(default="GET", validator=_method)
    headers: Mapping[str, Secret] = attrs.field(
        factory=dict, converter=_secret_texts, validator=_headers, repr=False
    )
    body: Mapping[str, Any] | None = attrs.field(
        default=None, validator=_members, repr=False
    )


def _request(value: object) -> object:
    """Return the request of a path alone, and any other value as it is."""
    return ChannelRequest(path=value) if isinstance(value, str) else value


@quiet_init
@attrs.frozen(kw_only=True)
class Subscription:
    """The step that some products want after a channel is open. Off by default.

    It is made at once after the opening event: the sister product Interact CTI closes a
    channel that nothing is subscribed to after a minute (D1).

    Args:
        request: The request that subscribes.
        expires_field: Where the answer says after how many seconds the subscription
            ends, as names joined by dots.
        expires: Seconds until it ends where the answer does not say; None where it
            does not end.
        renewal_share: The share of that time after which it is renewed.
        id_field: Where the answer gives the id of the subscription, for its renewal.
        renewal_id_field: Where the request takes that id when it renews.
        success_field: Where the answer says whether it worked; None where the status
            alone says so. INFERRED: sister products may hide a failure in a 200.
        success_words: The words that mean that it worked, without regard to case.

    Raises:
        ConfigurationError: If a value can't be used; the text names the field.
    """

    request: ChannelRequest = attrs.field(
        converter=_request, validator=instance_of(ChannelRequest)
    )
    expires_field: str | None = attrs.field(default=None, validator=_maybe_field)
    expires: float | None = attrs.field(default=None, validator=_maybe_seconds)
    renewal_share: float = attrs.field(default=0.5, validator=_share)
    id_field: str | None = attrs.field(default=None, validator=_maybe_field)
    renewal_id_field: str | None = attrs.field(default=None, validator=_maybe_field)
    success_field: str | None = attrs.field(default=None, validator=_maybe_field)
    success_words: tuple[str, ...] = attrs.field(
        default=("ok",), converter=_names, validator=_some_names
    )


@quiet_init
@attrs.frozen(kw_only=True)
class EventChannelSettings:
    """How a PABX's event channel is opened and read, and what its events mean.

    Names of events and words are compared without regard to case; names of fields
    exactly. The name of a field may go down into an event, as names joined by dots
    (``call.id``); ``*`` in it stands for any one name. The first that is found counts.

    Args:
        open: The request that opens the channel, or its path alone. UNKNOWN: there is
            no honest default.
        opened_names: Names of the event that opens the channel. VERIFIED (P2 to P4:
            ``EVENTO_DE_ABERTURA_DE_CANAL``), spelling on the wire INFERRED.
        id_fields: Where the opening event holds the id, a number or digits as text
            (N3). UNKNOWN. An event that is nothing but a number is the id itself.
        chosen_ids: Smallest and largest id where the client chooses it, as in Interact
            CTI (I1); None where the PABX gives it, as P2 to P4 say (VERIFIED).
        name_fields: Where an event's data may hold its name, for events without an
            ``event:`` line. ``*`` takes the name of its only member, or of the root
            element of XML. UNKNOWN.
        closed_names: Names of events that say that the channel ends. UNKNOWN.
        heartbeat_names: Names of events that are heartbeats. UNKNOWN. Comments, and
            events without a name that are empty or ``{}``, always are (I1, D1).
        call_id_fields: Where an event about a call holds its call id. The name that
            answers and commands use is VERIFIED (P1 to P3); in events INFERRED.
        call_phases: What the names of events say of how far a call is. UNKNOWN.
        phase_fields: Where an event may hold a word for how far its call is; the words
            stand in ``call_phases``, too. UNKNOWN.
        disposition_fields: Where an event may hold the word for what became of the
            call. UNKNOWN.
        dispositions: What these words mean. The name of an event may stand here, too,
            where it says by itself what became of the call. UNKNOWN.
        destination_fields: Where an event may hold the number called. UNKNOWN.
        time_fields: Where an event may hold the PABX's own time. UNKNOWN.
        base_url: Base URL of all requests about the channel, None for that of the
            PABX. UNKNOWN.
        subscription: The step between "open" and "ready", None without one. UNKNOWN;
            Interact CTI and Neo want one (D1, N4).
        close: The request that closes a channel, or its path alone; None to end the
            connection alone. UNKNOWN.
        open_timeout: Seconds until the opening event must have come, and for each
            other request about the channel.
        read_timeout: Seconds of silence after which the channel counts as lost, None
            to wait for ever. INFERRED: the vendor publishes no period of heartbeats.
        first_backoff: Seconds until the channel is opened again; doubles each time.
            The server's ``retry:`` takes its place, up to ``max_backoff``.
        max_backoff: Most seconds until it is opened again. A channel that was open for
            so long begins with ``first_backoff`` again.
        refused_backoff: Seconds until it is opened again where the PABX refused a
            channel or a subscription. Channels are limited by licences (INFERRED from
            an integrator's notes of a sister product), so this is long.
        end_timeout: Seconds from the answer to a call until its end must have been
            told; after that its disposition is ``none_seen``.
        dead_id_statuses: Statuses, from 400 to 499, of answers to commands that say
            that the channel id is not valid any more. UNKNOWN.
        max_event_bytes: Largest event that is read, in bytes.

    Raises:
        ConfigurationError: If a value can't be used; the text names the field.
    """

    open: ChannelRequest = attrs.field(
        converter=_request, validator=instance_of(ChannelRequest)
    )
    opened_names: tuple[str, ...] = attrs.field(converter=_names, validator=_some_names)
    id_fields: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=_are_names
    )
    chosen_ids: tuple[int, int] | None = attrs.field(
        default=None, converter=_id_range, validator=_is_id_range
    )
    name_fields: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=_are_names
    )
    closed_names: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=_are_names
    )
    heartbeat_names: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=_are_names
    )
    call_id_fields: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=_are_names
    )
    call_phases: Mapping[str, CallPhase] = attrs.field(
        factory=dict, converter=_phases, validator=_are_meanings(CallPhase)
    )
    phase_fields: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=_are_names
    )
    disposition_fields: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=_are_names
    )
    dispositions: Mapping[str, Disposition] = attrs.field(
        factory=dict, converter=_dispositions, validator=_are_meanings(Disposition)
    )
    destination_fields: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=_are_names
    )
    time_fields: tuple[str, ...] = attrs.field(
        default=(), converter=_names, validator=_are_names
    )
    base_url: str | None = attrs.field(default=None, converter=_maybe_base_url)
    subscription: Subscription | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(instance_of(Subscription)),
    )
    close: ChannelRequest | None = attrs.field(
        default=None,
        converter=_request,
        validator=attrs.validators.optional(instance_of(ChannelRequest)),
    )
    open_timeout: float = attrs.field(default=10.0, validator=positive_seconds)
    read_timeout: float | None = attrs.field(default=60.0, validator=_maybe_seconds)
    first_backoff: float = attrs.field(default=1.0, validator=positive_seconds)
    max_backoff: float = attrs.field(default=60.0, validator=positive_seconds)
    refused_backoff: float = attrs.field(default=60.0, validator=positive_seconds)
    end_timeout: float = attrs.field(default=300.0, validator=positive_seconds)
    dead_id_statuses: frozenset[int] = attrs.field(
        default=frozenset({404}), converter=_statuses, validator=_are_statuses
    )
    max_event_bytes: int = attrs.field(default=1_048_576, validator=positive)

    def __attrs_post_init__(self) -> None:
        if (self.chosen_ids is None) is (CHANNEL_ID_MARK in self.open.path):
            raise ConfigurationError(
                "chosen_ids and {channel_id} in the path of open go together: without"
                " them the PABX gives the id"
            )
