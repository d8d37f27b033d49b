"""Builds the requests about an event channel, and reads the answers to them."""

import copy
import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from digitro_async.event_settings import (
    CHANNEL_ID_MARK,
    ChannelRequest,
    EventChannelSettings,
    Subscription,
)
from digitro_async.models import PABX
from digitro_async.protocol._event_fields import field_path, first_text, members_of
from digitro_async.protocol._request import build_headers

__all__ = [
    "EVENT_STREAM",
    "OutgoingRequest",
    "SubscriptionAnswer",
    "build_channel_request",
    "read_subscription",
]

EVENT_STREAM: Final = "text/event-stream"
"""Media type of server-sent events."""

_OK: Final = range(200, 300)
_MOST_SECONDS: Final = 10_000_000
_LONGEST_ID: Final = 1024


@attrs.frozen
class OutgoingRequest:
    """One request about a channel, ready to be sent: THE API KEY IS OPEN.

    Attributes:
        method: Method of HTTP.
        url: The whole address.
        headers: All headers that are not about the connection.
        body: JSON in UTF-8, None without a body.
    """

    method: str
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class SubscriptionAnswer:
    """What the answer to a subscription says.

    Attributes:
        is_done: Whether it says that it worked.
        expires: Seconds until the subscription ends, None where it does not.
        subscription_id: Its id, None where none is given.
    """

    is_done: bool
    expires: float | None = None
    subscription_id: str | None = attrs.field(default=None, repr=False)


def build_channel_request(
    pabx: PABX,
    settings: EventChannelSettings,
    request: ChannelRequest,
    *,
    channel_id: int | None = None,
    members: Mapping[str, str] | None = None,
    is_stream: bool = False,
) -> OutgoingRequest:
    """Return a request about a channel.

    Args:
        pabx: The PABX.
        settings: The settings of its event channel.
        request: The request, as it is set.
        channel_id: The id of the channel, None while it has none.
        members: Further members of the body, by their names joined by dots.
        is_stream: Whether a stream of events is to be the answer.
    """
    base = pabx.base_url if settings.base_url is None else settings.base_url
    path = request.path
    if channel_id is not None:
        path = path.replace(CHANNEL_ID_MARK, str(channel_id))
    headers = build_headers(pabx)
    if is_stream:
        headers["Accept"] = EVENT_STREAM
        headers["Cache-Control"] = "no-store"
    body = None
    if request.body is not None or members:
        filled = _filled(dict(request.body or {}), channel_id)
        for name, value in (members or {}).items():
            _put(filled, name, value)
        body = json.dumps(filled, ensure_ascii=False).encode("utf-8", "replace")
    else:
        del headers["Content-Type"]
    own = {name: text.reveal() for name, text in request.headers.items()}
    given = {name.lower() for name in own}
    kept = {name: text for name, text in headers.items() if name.lower() not in given}
    return OutgoingRequest(request.method, base + path, {**kept, **own}, body)


def read_subscription(
    subscription: Subscription, status: int, body: bytes
) -> SubscriptionAnswer:
    """Return what the answer to a subscription says.

    Args:
        subscription: The settings of the subscription.
        status: Status of the answer.
        body: Its body.
    """
    members = members_of(body.decode("utf-8", "replace")) or {}
    is_done = status in _OK
    if subscription.success_field is not None:
        said = (_field(members, subscription.success_field) or "").strip().casefold()
        words = {word.strip().casefold() for word in subscription.success_words}
        is_done = is_done and said in words
    found = _field(members, subscription.id_field)
    return SubscriptionAnswer(
        is_done=is_done,
        expires=_seconds(_field(members, subscription.expires_field))
        or subscription.expires,
        subscription_id=None if found is None else found[:_LONGEST_ID],
    )


def _field(members: dict[str, Any], name: str | None) -> str | None:
    return None if name is None else first_text(members, (field_path(name),))


def _seconds(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if 0 < found < _MOST_SECONDS else None


def _filled(value: Any, channel_id: int | None) -> Any:
    """Return a copy of a body with the id of the channel in place of its mark."""
    if isinstance(value, Mapping):
        return {name: _filled(one, channel_id) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(one, channel_id) for one in value]
    if isinstance(value, str) and channel_id is not None:
        if value == CHANNEL_ID_MARK:
            return channel_id
        return value.replace(CHANNEL_ID_MARK, str(channel_id))
    return copy.copy(value)


def _put(members: dict[str, Any], name: str, value: str) -> None:
    """Set a member, however deep."""
    *outer, last = field_path(name)
    for part in outer:
        inner = members.get(part)
        if not isinstance(inner, dict):
            inner = members[part] = {}
        members = inner
    members[last] = value
