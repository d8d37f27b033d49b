"""Call classes, one for each command, which show no text that a call holds."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import attrs

from digitro_async._common.call_class import (
    IS_NUMBER,
    MAY_HOLD_LINES,
    Call,
    call_class,
    first_problem,
)
from digitro_async._common.number_form import AnyDestination, has_number_form
from digitro_async._common.text import one_of
from digitro_async._common.validators import (
    MAX_TEXT,
    maybe_personal,
    maybe_secret,
    opened,
    personal,
    secret,
)
from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal, Secret

__all__ = [
    "IS_NUMBER",
    "MAY_HOLD_LINES",
    "NEEDED_FIELDS",
    "OPTIONAL_FIELDS",
    "OWN_FIELDS",
    "AnyDestination",
    "Call",
    "PredictiveCall",
    "call_class",
    "check_defaults",
    "check_field_names",
    "problem_of_fields",
]


@call_class
@attrs.frozen(kw_only=True, slots=False)
class PredictiveCall(Call):
    """A predictive call, with its 13 documented fields.

    The fields (docs-pabx.digitro.com/api-10271002) have English names and the order of
    the documented example. All are text on the wire. The vendor has published no list
    of values for most of them, so each value is sent as given: none but the number is
    checked against a guess, and only ``route`` has a default text ("normally the value
    0").

    Args:
        device: The extension that asks for the call.
        device_password: The password of the device.
        route: The route to use.
        account: The user's account; normally unset.
        account_password: The password of the account; normally unset.
        destination: The number to dial, exactly as it is sent to the PABX: digits and
            ``+ * #``. ``AnyDestination(text)`` takes any text.
        predictive_mode: Opaque; "0" in the example.
        user_data: Free text that travels with the call. Personal data.
        caller_id: The identity of the originator.
        call_progress_detection: Opaque; "1" in the example.
        reanswer_time: Opaque; "10" in the example, the unit is not published.
        destination_detection: Opaque; "1" in the example.
        telemarketing_block: Opaque; "NAO" in the example.

    Raises:
        InvalidCallError: If a required field is empty, the destination is no number,
            or a field is not text, too long, or holds control characters; the text
            names the field only.
    """

    command: ClassVar[str] = "predictive_call"

    device: str
    device_password: Secret = attrs.field(converter=secret)
    route: str = "0"
    account: str | None = None
    account_password: Secret | None = attrs.field(default=None, converter=maybe_secret)
    destination: Personal = attrs.field(converter=personal, metadata=IS_NUMBER)
    predictive_mode: str | None = None
    user_data: Personal | None = attrs.field(
        default=None, converter=maybe_personal, metadata=MAY_HOLD_LINES
    )
    caller_id: Personal | None = attrs.field(default=None, converter=maybe_personal)
    call_progress_detection: str | None = None
    reanswer_time: str | None = None
    destination_detection: str | None = None
    telemarketing_block: str | None = None


OWN_FIELDS: Final = tuple(
    field.name for field in attrs.fields(PredictiveCall) if field.name != "destination"
)
"""The fields that a contact row may give itself, and that may have a default."""

OPTIONAL_FIELDS: Final[Mapping[str, str | None]] = {
    field.name: field.default
    for field in attrs.fields(PredictiveCall)
    if field.default is not attrs.NOTHING
}
"""The fields that may be left out, each with the value it then has."""

NEEDED_FIELDS: Final = tuple(name for name in OWN_FIELDS if name not in OPTIONAL_FIELDS)
"""The fields that a contact row or a default must give."""


def problem_of_fields(values: Mapping[str, object]) -> str | None:
    """Return the problem of the first field that a call would refuse, or None.

    The problem is ``<field> <problem>`` and holds no value.

    Args:
        values: Fields of a call and their texts, wrapped or not.
    """
    texts: list[Any] = [opened(value) for value in values.values()]
    try:
        together = "".join(texts)
    except TypeError:  # not text
        together = "\0"
    # One check of all texts together is enough for nearly every row.
    if (
        together.isprintable()
        and len(together) <= MAX_TEXT
        and "" not in texts
        and (
            "destination" not in values
            or has_number_form(opened(values["destination"]))
        )
    ):
        return None
    opened_values = {name: opened(value) for name, value in values.items()}
    return first_problem(attrs.fields(PredictiveCall), opened_values)


def check_field_names(names: Mapping[str, object]) -> None:
    """Check that a contact row or a default may give the fields of these names.

    Raises:
        ConfigurationError: If a name is no such field; the text names it.
    """
    for name in names:
        if name not in OWN_FIELDS:
            hint = one_of(str(name), OWN_FIELDS)
            raise ConfigurationError(f"{name!r} is no field of a call{hint}")


def check_defaults(defaults: Mapping[str, object]) -> None:
    """Check that calls could have the defaults.

    Args:
        defaults: Fields of a call and their texts, wrapped as a call wraps them.

    Raises:
        ConfigurationError: If a call has no such field, or can't hold such a text.
    """
    # Checked once here, so that an error doesn't come for each of a million contacts.
    # The texts are wrapped because tools show the locals of an error's frames.
    if "destination" in defaults:
        raise ConfigurationError("destination can't have a default")
    check_field_names(defaults)
    problem = problem_of_fields(defaults)
    if problem:
        raise ConfigurationError(f"call default {problem}")
