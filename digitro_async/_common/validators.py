"""Validators for attrs classes that name the field and never show its value.

attrs' own validators put the offending value into their message, which would
print passwords and phone numbers; the validators here don't.
"""

import functools
import math
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard, TypeVar

import attrs

from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal, Secret

__all__ = [
    "LONGEST_SECONDS",
    "MAX_TEXT",
    "at_least",
    "instance_of",
    "is_number",
    "is_one_line",
    "is_seconds",
    "masked_fields",
    "maybe_personal",
    "maybe_secret",
    "one_line",
    "opened",
    "personal",
    "positive",
    "positive_seconds",
    "problem_of_text",
    "quiet_init",
    "secret",
    "yes_or_no",
]

Validator = Callable[[Any, Any, Any], None]
_Made = TypeVar("_Made")

MAX_TEXT = 16_384
"""Longest text of one field, in characters: this library's bound, not the vendor's."""

LONGEST_SECONDS = 1_000_000_000
"""Most seconds of a setting, 31 years: timers, and sums of them, can hold that."""

_LARGEST = 2**63 - 1
"""Largest number of a setting: the largest C integer, as ``sys.maxsize``."""


def opened(value: Any) -> Any:
    """Return the text in a wrapper, and any other value as it is."""
    if type(value) is not str and isinstance(value, _WRAPPERS):
        return value._text  # noqa: SLF001 - the other half of privacy
    return value


_WRAPPERS = (Secret, Personal)


# Each of these four is one flat function, because many fields go through them. They
# leave out the check in the constructor of the wrappers: the validators do it.


def secret(value: str | Secret) -> Secret:
    """Return text as a Secret, and any other value as it is."""
    if isinstance(value, str):
        made = _new(Secret)
        made._text = value  # noqa: SLF001 - the other half of privacy
        return made
    return value


def personal(value: str | Personal) -> Personal:
    """Return text as Personal, and any other value as it is."""
    if isinstance(value, str):
        made = _new(Personal)
        made._text = value  # noqa: SLF001 - the other half of privacy
        return made
    return value


def maybe_secret(value: str | Secret | None) -> Secret | None:
    """Return text as a Secret, and None as it is."""
    if isinstance(value, str):
        made = _new(Secret)
        made._text = value  # noqa: SLF001 - the other half of privacy
        return made
    return value


def maybe_personal(value: str | Personal | None) -> Personal | None:
    """Return text as Personal, and None as it is."""
    if isinstance(value, str):
        made = _new(Personal)
        made._text = value  # noqa: SLF001 - the other half of privacy
        return made
    return value


_new = object.__new__


def masked_fields(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of fields, wrapped where the attrs class wraps that field."""
    wrap = {field.name: field.converter for field in attrs.fields(kind)}
    return {
        name: value if (converter := wrap.get(name)) is None else converter(value)
        for name, value in values.items()
    }


def quiet_init(kind: type[_Made]) -> type[_Made]:
    """Keep the arguments of an attrs class out of the frames of its errors.

    The constructor that attrs writes has each argument, not yet wrapped, as a local.
    Tools that show locals (or a half-made object) would show its text.
    """
    init: Any = kind.__init__

    @functools.wraps(init)
    def quiet(self: object, *args: object, **kwargs: object) -> None:
        try:
            init(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - TypeError for a wrong name too
            problem = error.with_traceback(None)
        else:
            return
        del self, args, kwargs
        try:
            raise problem
        finally:
            del problem  # the error's traceback refers to this frame

    kind.__init__ = quiet  # type: ignore[method-assign]  # of a class just made
    return kind


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a finite number."""
    if isinstance(value, bool):
        return False
    # A whole number may be too large for a float, but can be compared with one.
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def is_seconds(value: object) -> bool:
    """Whether a value is a number of seconds, 0 or more, that a timer can wait."""
    return is_number(value) and 0 <= value <= LONGEST_SECONDS


def positive(_: object, field: Any, value: Any) -> None:
    """Demand a whole number above zero."""
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise ConfigurationError(f"{field.name} must be a whole number above 0")
    _check_size(field, value, _LARGEST)


def positive_seconds(_: object, field: Any, value: Any) -> None:
    """Demand a number of seconds above zero that a timer can wait."""
    if not is_number(value) or value <= 0:
        raise ConfigurationError(f"{field.name} must be a number of seconds above 0")
    _check_size(field, value, LONGEST_SECONDS)


def _check_size(field: Any, value: float, most: float) -> None:
    if value > most:
        raise ConfigurationError(f"{field.name} must not be above {most:,}")


def yes_or_no(_: object, field: Any, value: Any) -> None:
    """Demand True or False."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{field.name} must be true or false")


def instance_of(kind: type) -> Validator:
    """Return a validator that demands an object of one class."""
    # attrs' own validator would show the value.

    def check(_: object, field: Any, value: Any) -> None:
        if not isinstance(value, kind):
            raise ConfigurationError(f"{field.name} must be a {kind.__name__}")

    return check


def at_least(floor: float) -> Validator:
    """Return a validator that demands a finite number not below ``floor``."""

    def check(_: object, field: Any, value: Any) -> None:
        if not is_number(value) or value < floor:
            raise ConfigurationError(
                f"{field.name} must be a number of {floor} or more"
            )
        _check_size(field, value, _LARGEST)

    return check


def is_one_line(value: object) -> bool:
    """Whether a value is short printable text without control characters."""
    return (
        isinstance(value, str)
        and bool(value.strip())
        and len(value) <= 64  # noqa: PLR2004 - long enough for any name
        and value.isprintable()
    )


def one_line(_: object, field: Any, value: Any) -> None:
    """Demand short printable text without control characters."""
    if not is_one_line(value):
        raise ConfigurationError(
            f"{field.name} must be printable text of 1 to 64 characters"
        )


def problem_of_text(text: object, *, required: bool, lines: bool) -> str | None:
    """Return why a value can't stand in a call, or None; the value is not shown.

    Args:
        text: Plain text or None.
        required: Whether None and empty text are refused.
        lines: Whether line breaks and tabs are allowed.
    """
    if text is None and not required:
        return None
    if not isinstance(text, str):
        return "must be text"
    if required and not text:
        return "is empty"
    if len(text) > MAX_TEXT:
        return f"is longer than {MAX_TEXT} characters"
    allowed = "\t\r\n" if lines else ""
    for char in text:
        category = unicodedata.category(char)
        if category == "Cs":
            return "holds a half of a surrogate pair, which is not text"
        if category == "Cc" and char not in allowed:
            return "holds a control character"
    return None
