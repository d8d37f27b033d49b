"""The values of the public API: a PABX, a call, and what became of it."""

from collections.abc import Hashable, Mapping
from operator import attrgetter
from typing import Any

import attrs

from digitro_async._address import check_base_url
from digitro_async._checks import (
    MAX_TEXT,
    instance_of,
    maybe_personal,
    maybe_secret,
    one_line,
    opened,
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
from digitro_async.privacy import Masked, Personal, Secret
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


class _CallTexts(Masked):
    """The texts of one call, opened. It has the fields of a call, and shows none."""

    __slots__ = (
        "account",
        "account_password",
        "call_progress_detection",
        "caller_id",
        "destination",
        "destination_detection",
        "device",
        "device_password",
        "predictive_mode",
        "reanswer_time",
        "route",
        "telemarketing_block",
        "user_data",
    )


class _HasTexts:
    """What attrs must not take for a field."""

    _texts: Any


@attrs.frozen(kw_only=True, slots=False, init=False)
class PredictiveCall(_HasTexts):
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

    # Written by hand because a million calls go through here: it keeps all texts in one
    # masked object, and fields are wrapped when somebody asks for them. The one that
    # attrs would write takes several times as long, and it would show what it was given
    # to tools that print the locals of a traceback. Here every such local is gone.
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
        texts: Any = _CallTexts()
        self.__dict__["_texts"] = texts
        if not isinstance(device_password, str):
            device_password = opened(device_password)
        if not isinstance(account_password, str):
            account_password = opened(account_password)
        if not isinstance(destination, str):
            destination = opened(destination)
        if not isinstance(user_data, str):
            user_data = opened(user_data)
        if not isinstance(caller_id, str):
            caller_id = opened(caller_id)
        texts.device_password, texts.destination = device_password, destination
        texts.account_password = account_password
        texts.user_data, texts.caller_id = user_data, caller_id
        del device_password, account_password, destination, user_data, caller_id
        texts.device = device
        texts.route = route
        texts.account = account
        texts.predictive_mode = predictive_mode
        texts.call_progress_detection = call_progress_detection
        texts.reanswer_time = reanswer_time
        texts.destination_detection = destination_detection
        texts.telemarketing_block = telemarketing_block
        problem = None if _are_plain(texts) else _problem_of(texts)
        if problem is not None:
            del self, texts, device, route, account, predictive_mode, reanswer_time
            del call_progress_detection, destination_detection, telemarketing_block
            raise InvalidCallError(problem, reason="invalid_field")


def _view(field: "attrs.Attribute[Any]") -> property:
    """Return what reads a field out of a call's texts."""
    read = attrgetter(f"_texts.{field.name}")
    wrap = field.converter
    if wrap is None:
        return property(read)
    return property(lambda call: wrap(read(call)))  # type: ignore[operator]  # ours are functions


for _field in attrs.fields(PredictiveCall):
    setattr(PredictiveCall, _field.name, _view(_field))
del _field


_REQUIRED = frozenset({"device", "device_password", "route", "destination"})


def _are_plain(texts: Any) -> bool:
    """Whether one look at all texts together finds nothing wrong.

    False only means that each field must be looked at.
    """
    device, password, route = texts.device, texts.device_password, texts.route
    destination = texts.destination
    account, account_password = texts.account, texts.account_password
    mode, data, caller = texts.predictive_mode, texts.user_data, texts.caller_id
    progress, reanswer = texts.call_progress_detection, texts.reanswer_time
    detection, block = texts.destination_detection, texts.telemarketing_block
    try:
        together = "".join(
            (
                device,
                password,
                route,
                destination,
                "" if account is None else account,
                "" if account_password is None else account_password,
                "" if mode is None else mode,
                "" if data is None else data,
                "" if caller is None else caller,
                "" if progress is None else progress,
                "" if reanswer is None else reanswer,
                "" if detection is None else detection,
                "" if block is None else block,
            )
        )
    except TypeError:  # not text
        return False
    return (
        together.isprintable()
        and len(together) <= MAX_TEXT
        and "" not in (device, password, route, destination)
    )


def _problem_of(texts: object) -> str | None:
    """Return what is wrong with a call's fields, naming the first, not its value."""
    for field in attrs.fields(PredictiveCall):
        problem = problem_of_text(
            getattr(texts, field.name),
            required=field.name in _REQUIRED,
            lines=field.name == "user_data",
        )
        if problem:
            return f"{field.name} {problem}"
    return None


@attrs.frozen
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
