"""PURE: numbers as they may stand where others read them."""

import re
from typing import Final

__all__ = ["mask_numbers", "masked"]

_SHOWN_DIGITS: Final = 2

_NUMBER: Final = re.compile(r"\d(?:[ ./()-]{0,2}\d){4,}")
"""Five digits or more, as people write them; fewer are a status or an extension."""


def masked(text: str) -> str:
    """Return a number of which the first and last two digits are shown."""
    left = sum(char.isalnum() for char in text)
    shown, seen = [], 0
    for char in text:
        if char.isalnum():
            seen += 1
            is_shown = seen <= _SHOWN_DIGITS or seen > left - _SHOWN_DIGITS
            shown.append(char if is_shown else "x")
        else:
            shown.append(char)
    return "".join(shown)


def mask_numbers(text: str) -> str:
    """Return a text in which numbers that may be a person's are masked."""
    return _NUMBER.sub(lambda found: masked(found[0]), text)
