"""Calls: one class for each command, whose texts are kept where nothing shows them."""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any, ClassVar, Final

import attrs

from digitro_async._common.text import did_you_mean
from digitro_async._common.validators import (
    MAX_TEXT,
    maybe_personal,
    maybe_secret,
    opened,
    personal,
    problem_of_text,
    secret,
)
from digitro_async.errors import ConfigurationError, InvalidCallError
from digitro_async.privacy import Masked, Personal, Secret

__all__ = [
    "NEEDED_FIELDS",
    "OPTIONAL_FIELDS",
    "OWN_FIELDS",
    "Call",
    "PredictiveCall",
    "check_defaults",
    "check_field_names",
    "problem_of_fields",
]


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


class Call:
    """A command to a PABX, as a program gives it. Base of every class of calls.

    Attributes:
        command: Name of its row in the command table.
    """

    command: ClassVar[str]

    # The texts of its fields, opened. Not declared in a subclass: attrs would take it
    # for a field.
    _texts: Any


@attrs.frozen(kw_only=True, slots=False, init=False)
class PredictiveCall(Call):
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

    command: ClassVar[str] = "predictive_call"

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


OWN_FIELDS: Final = tuple(
    field.name for field in attrs.fields(PredictiveCall) if field.name != "destination"
)
"""The fields that a row may have for itself, and that may have a default."""

OPTIONAL_FIELDS: Final[Mapping[str, str | None]] = {
    field.name: field.default
    for field in attrs.fields(PredictiveCall)
    if field.default is not attrs.NOTHING
}
"""The fields that a call does without, and the value of each then."""

NEEDED_FIELDS: Final = tuple(name for name in OWN_FIELDS if name not in OPTIONAL_FIELDS)
"""The fields that a row or a default must give."""


def problem_of_fields(values: Mapping[str, object]) -> str | None:
    """Return what a call would refuse in some of its fields, naming the first.

    The result is ``<field> <problem>`` and holds no value.

    Args:
        values: Fields of a call and their texts, wrapped or not.
    """
    texts: list[Any] = [opened(value) for value in values.values()]
    try:
        together = "".join(texts)
    except TypeError:  # not text
        together = "\0"
    # One look at all of them is enough for nearly every row.
    if together.isprintable() and len(together) <= MAX_TEXT and "" not in texts:
        return None
    for field in attrs.fields(PredictiveCall):
        if field.name in values:
            problem = problem_of_text(
                opened(values[field.name]),
                required=field.name in _REQUIRED,
                lines=field.name == "user_data",
            )
            if problem:
                return f"{field.name} {problem}"
    return None


def check_field_names(names: Mapping[str, object]) -> None:
    """Refuse names that are no field which a row or a default may give.

    Raises:
        ConfigurationError: If there is one; the text names it.
    """
    for name in names:
        if name not in OWN_FIELDS:
            hint = did_you_mean(str(name), OWN_FIELDS)
            raise ConfigurationError(f"{name!r} is no field of a call{hint}")


def check_defaults(defaults: Mapping[str, object]) -> None:
    """Refuse defaults of calls that no call could have.

    Said once here, and not for each of a million contacts.

    Args:
        defaults: Fields of a call and their texts, wrapped as a call wraps them: tools
            show the locals of an error's frames.

    Raises:
        ConfigurationError: If there is no such field, or its text can't be in a call.
    """
    if "destination" in defaults:
        raise ConfigurationError("destination can't have a default")
    check_field_names(defaults)
    problem = problem_of_fields(defaults)
    if problem:
        raise ConfigurationError(f"call default {problem}")
