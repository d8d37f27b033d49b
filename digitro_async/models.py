"""The values of the public API: a PABX, a call, and what became of it."""

from collections.abc import Hashable, Mapping
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
from digitro_async.calls import Call, PredictiveCall
from digitro_async.errors import ConfigurationError, DigitroError, Outcome
from digitro_async.privacy import Secret
from digitro_async.settings import (
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
    "DispatchItem",
    "Outcome",
    "PredictiveCall",
    "Timings",
]


_LARGEST_CHANNEL = 10**100
"""More digits than any channel has; Python refuses to write thousands of them."""


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


@quiet_init
@attrs.frozen(cache_hash=True)
class PABX:
    """One telephone exchange and how to reach it.

    The address is what counts for ``rate``, not the name: where several PABX have base
    URLs with one host, port and path prefix, a client holds each of their caps for all
    of them together, also for one that has no ``rate``.

    Args:
        name: Your name for it, used in results, statistics and errors.
        base_url: Scheme, host, port and, where a proxy adds one, a path prefix.
        channel_id: Integer of the event channel that commands belong to; None where
            it becomes known only later (``client.set_channel_id``).
        api_key: Value of the ``x-api-key`` header; text is wrapped at once.
        rate: Cap on calls, or None for no cap.
        max_in_flight: Most calls on the wire at once; size it as rate x latency.
        pool: How connections are kept.
        timeouts: Limits of one attempt.
        tls: Whom to trust over https.
        unset_fields: How fields of a call that are None are written.

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


@attrs.frozen
class CommandAccepted:
    """The PABX received a command. The answers to commands are of classes under this.

    Attributes:
        raw: The whole answer, keys this library doesn't know included.
    """

    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)

    @property
    def call_id(self) -> str | None:
        """The PABX's identity of a call, None where the answer gives none."""
        return None


@attrs.frozen
class CallAccepted(CommandAccepted):
    """The PABX received the command. It does not mean ringing, let alone answered.

    Attributes:
        call_id: The PABX's identity of the call: opaque text, compare it exactly. It
            has spaces, slashes and colons, so encode it in paths and file names.
        raw: The whole answer, keys this library doesn't know included.
    """

    call_id: str
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, hash=False)


@attrs.frozen(kw_only=True)
class DispatchItem:
    """A call for ``dispatch`` with something to know it by.

    Args:
        call: The call.
        pabx: Name of the PABX that must take it, or None for the least loaded.
        key: Anything; it comes back in the result.
    """

    call: Call
    pabx: str | None = None
    key: Hashable = attrs.field(default=None, repr=False)


@attrs.frozen
class Timings:
    """When the last attempt happened.

    Attributes:
        sent_at: Unix time in seconds when the last attempt began, None without one.
        waited: Seconds from being read to that moment (rate, pauses, retries).
        latency: Seconds from that moment to the answer or the failure.
    """

    sent_at: float | None
    waited: float
    latency: float


@attrs.frozen(kw_only=True)
class CallResult:
    """What became of one dispatched call.

    Attributes:
        call: The call itself, the very object that was given, of its own class.
        outcome: What is known of it.
        call_id: The PABX's call id where it was accepted.
        error: Why it was not, ready to be raised; None where it was accepted.
        pabx: Name of the PABX that had it last, None if it got to none.
        attempts: POSTs that were begun.
        timings: When.
        key: The key of its ``DispatchItem``.
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
