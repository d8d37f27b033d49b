"""The values of the public API: a PABX, a call, and what became of it."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import attrs

from digitro_async._address import check_base_url
from digitro_async._checks import (
    MAX_TEXT,
    instance_of,
    maybe_personal,
    maybe_secret,
    one_line,
    personal,
    positive,
    problem_of_text,
    quiet_init,
    secret,
)
from digitro_async.errors import (
    ConfigurationError,
    DigitroError,
    InvalidCallError,
    Outcome,
)
from digitro_async.privacy import Personal, Secret
from digitro_async.settings import (
    PoolSettings,
    RateLimit,
    TimeoutSettings,
    TLSSettings,
    UnsetFields,
)

__all__ = [
    "PABX",
    "CallAccepted",
    "CallResult",
    "DispatchItem",
    "Outcome",
    "PredictiveCall",
    "Timings",
]


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


def _unset_fields(value: str | UnsetFields) -> UnsetFields:
    if value in list(UnsetFields):
        return UnsetFields(value)
    raise ConfigurationError("unset_fields must be null or omit")


@quiet_init
@attrs.frozen(cache_hash=True)
class PABX:
    """One telephone exchange and how to reach it.

    Args:
        name: Your name for it, used in results, statistics and errors.
        base_url: Scheme, host, port and, where a proxy adds one, a path prefix.
        channel_id: Integer of the event channel that commands belong to; None where
            it becomes known only later (``attrs.evolve(pabx, channel_id=...)``).
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


@attrs.frozen(kw_only=True, slots=False, init=False)  # made by the million
class PredictiveCall:
    """A predictive call as the PABX is asked to make it.

    The 13 documented fields (docs-pabx.digitro.com/api-10271002) under English names,
    in the order of the documented example. All are text on the wire. The vendor has
    published no list of values for most of them, so they are sent as given: nothing is
    checked against a guess, and only ``route`` has a default ("normally the value 0").

    Args:
        device: The device the call is generated from.
        device_password: Its password.
        route: The route to use.
        account: The user's account; normally unset.
        account_password: The password that goes with the account; normally unset.
        destination: The number to dial, exactly as the PABX shall get it.
        predictive_mode: Opaque; "0" in the example.
        user_data: Free text that travels with the call. Personal data.
        caller_id: The originator's identity.
        call_progress_detection: Opaque; "1" in the example.
        reanswer_time: Opaque; "10" in the example, the unit is not published.
        destination_detection: Opaque; "1" in the example.
        telemarketing_block: Opaque; "NAO" in the example.

    Raises:
        InvalidCallError: If a required field is empty, or a field is not text, too
            long, or holds control characters; the text names the field only.
    """

    device: str
    device_password: Secret = attrs.field(converter=secret)
    route: str = "0"
    account: str | None = None
    account_password: Secret | None = attrs.field(default=None, converter=maybe_secret)
    destination: Personal = attrs.field(converter=personal)
    predictive_mode: str | None = None
    user_data: Personal | None = attrs.field(default=None, converter=maybe_personal)
    caller_id: Personal | None = attrs.field(default=None, converter=maybe_personal)
    call_progress_detection: str | None = None
    reanswer_time: str | None = None
    destination_detection: str | None = None
    telemarketing_block: str | None = None

    # Written by hand because a million calls go through here: the one that attrs would
    # write takes twice as long, and it would show what it was given to tools that print
    # the locals of a traceback. Here every such local is masked, or gone.
    def __init__(
        self,
        *,
        device: str,
        device_password: str | Secret,
        route: str = "0",
        account: str | None = None,
        account_password: str | Secret | None = None,
        destination: str | Personal,
        predictive_mode: str | None = None,
        user_data: str | Personal | None = None,
        caller_id: str | Personal | None = None,
        call_progress_detection: str | None = None,
        reanswer_time: str | None = None,
        destination_detection: str | None = None,
        telemarketing_block: str | None = None,
    ) -> None:
        fields = self.__dict__
        fields["device"] = device
        fields["device_password"] = secret(device_password)
        fields["route"] = route
        fields["account"] = account
        fields["account_password"] = maybe_secret(account_password)
        fields["destination"] = personal(destination)
        fields["predictive_mode"] = predictive_mode
        fields["user_data"] = maybe_personal(user_data)
        fields["caller_id"] = maybe_personal(caller_id)
        fields["call_progress_detection"] = call_progress_detection
        fields["reanswer_time"] = reanswer_time
        fields["destination_detection"] = destination_detection
        fields["telemarketing_block"] = telemarketing_block
        del device_password, account_password, destination, user_data, caller_id
        problem = None if _are_plain(fields.values()) else _problem_of(fields)
        if problem is not None:
            del self, fields, device, route, account, predictive_mode, reanswer_time
            del call_progress_detection, destination_detection, telemarketing_block
            raise InvalidCallError(problem, reason="invalid_field")


_REQUIRED = frozenset({"device", "device_password", "route", "destination"})


def _are_plain(values: Iterable[Any]) -> bool:
    """Whether one look at all texts together finds nothing wrong.

    False only means that each field must be looked at. Texts are opened without a call
    of ``reveal``: a million calls go through here.
    """
    (
        device,
        device_password,
        route,
        account,
        password,
        destination,
        mode,
        data,
        caller,
        progress,
        reanswer,
        detection,
        block,
    ) = values
    try:
        required = (device, device_password._text, route, destination._text)  # noqa: SLF001 - see privacy
        together = "".join(
            (
                *required,
                "" if account is None else account,
                "" if password is None else password._text,  # noqa: SLF001 - same
                "" if mode is None else mode,
                "" if data is None else data._text,  # noqa: SLF001 - same
                "" if caller is None else caller._text,  # noqa: SLF001 - same
                "" if progress is None else progress,
                "" if reanswer is None else reanswer,
                "" if detection is None else detection,
                "" if block is None else block,
            )
        )
    except (AttributeError, TypeError):  # neither text nor masked text
        return False
    return together.isprintable() and len(together) <= MAX_TEXT and "" not in required


def _problem_of(values: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a call's fields, naming the first, not its value."""
    for field in attrs.fields(PredictiveCall):
        problem = problem_of_text(
            values[field.name],
            masked=field.converter is not None,
            required=field.name in _REQUIRED,
            lines=field.name == "user_data",
        )
        if problem:
            return f"{field.name} {problem}"
    return None


@attrs.frozen(slots=False)  # made for every call: a quarter faster
class CallAccepted:
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

    call: PredictiveCall
    pabx: str | None = None
    key: Hashable = attrs.field(default=None, repr=False)


@attrs.frozen(slots=False)  # made for every call: a quarter faster
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


@attrs.frozen(kw_only=True, slots=False)  # same
class CallResult:
    """What became of one dispatched call.

    Attributes:
        call: The call itself, the very object that was given.
        outcome: What is known of it.
        call_id: The PABX's call id where it was accepted.
        error: Why it was not, ready to be raised; None where it was accepted.
        pabx: Name of the PABX that had it last, None if it got to none.
        attempts: POSTs that were begun.
        timings: When.
        key: The key of its ``DispatchItem``.
    """

    call: PredictiveCall
    outcome: Outcome
    call_id: str | None = None
    error: DigitroError | None = None
    pabx: str | None = None
    attempts: int = 0
    timings: Timings = Timings(None, 0.0, 0.0)
    key: Hashable = attrs.field(default=None, repr=False)
    accepted: CallAccepted | None = attrs.field(default=None, repr=False)
