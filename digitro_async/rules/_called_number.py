"""PURE: a number to dial as the rules see it, in whatever form it is dialled."""

from typing import Final

import attrs

from digitro_async.errors import ConfigurationError
from digitro_async.privacy import Personal
from digitro_async.rules._dialling_areas import (
    ANYWHERE,
    DiallingArea,
    area_of,
    dialling_areas,
)

__all__ = ["CalledNumber", "called_number", "check_area_code", "key_of_national"]

SUBSCRIBER: Final = 10**9
"""The key of a national number is its code times this, and the subscriber's number."""

_OTHER: Final = 10**17
_COUNTRY: Final = "55"
_LOCAL: Final = (8, 9)
_NATIONAL: Final = (10, 11)
_AFTER_COUNTRY: Final = (12, 13)
_AFTER_TRUNK: Final = (11, 12)
_AFTER_CARRIER: Final = (13, 14)


@attrs.frozen
class CalledNumber:
    """A number that may be dialled.

    Two forms of one number have the same key. It is personal, so no repr shows it.

    Attributes:
        key: A number that stands for it: equal for all forms that it is written in.
        area: Where it was issued; ``ANYWHERE`` if it does not tell.
    """

    key: int = attrs.field(repr=False)
    area: DiallingArea = attrs.field(eq=False)

    @property
    def digits(self) -> Personal:
        """Area code and subscriber's number, or all digits of any other number."""
        code, subscriber = divmod(self.key, SUBSCRIBER)
        if self.key < _OTHER:
            return Personal(f"{code}{subscriber}")
        return Personal(str(self.key - _OTHER)[1:])


def called_number(text: str, *, home_area: str = "") -> CalledNumber:
    """Return a number as the rules see it.

    It never refuses one: a number that is not understood has no known area, and falls
    under the strictest rules.

    Args:
        text: The number in the form that is dialled, such as ``0`` and area code and
            subscriber's number; punctuation is passed over.
        home_area: Area code of numbers without one; empty if they have none.
    """
    digits = text if text.isdecimal() and text.isascii() else _digits(text)
    national = _national(digits, home_area, is_international=text[:1] == "+")
    if national is not None:
        area = area_of(national)
        if area is not None and national[2] != "0":
            return CalledNumber(key_of_national(national), area)
    return CalledNumber(_OTHER + int(f"1{digits}"), ANYWHERE)


def key_of_national(national: str) -> int:
    """Return the key of an area code and a subscriber's number, digits only."""
    return int(national[:2]) * SUBSCRIBER + int(national[2:])


def check_area_code(name: str, value: object) -> None:
    """Refuse what is no area code.

    Raises:
        ConfigurationError: If it is not one of the 67, or empty.
    """
    if value == "":
        return
    known = isinstance(value, str) and len(value) == len("11")
    if not known or value not in dialling_areas():
        raise ConfigurationError(f'{name} must be an area code (DDD), such as "48"')


def _digits(text: str) -> str:
    return "".join(char for char in text if "0" <= char <= "9")


def _national(digits: str, home_area: str, *, is_international: bool) -> str | None:
    """Return area code and subscriber's number of the digits; None if they hold none.

    Length tells the forms apart, and the first digit those of one length.
    """
    length = len(digits)
    if is_international:
        found = digits.startswith(_COUNTRY) and length in _AFTER_COUNTRY
        return digits[2:] if found else None
    if digits.startswith("0"):
        if digits.startswith("00"):
            return None
        if length in _AFTER_TRUNK:
            return digits[1:]
        return digits[3:] if length in _AFTER_CARRIER else None
    if length in _NATIONAL:
        return digits
    if digits.startswith(_COUNTRY) and length in _AFTER_COUNTRY:
        return digits[2:]
    return home_area + digits if home_area and length in _LOCAL else None
