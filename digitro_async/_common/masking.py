"""PURE: numbers as they may stand where others read them."""

from typing import Final

__all__ = ["masked"]

_SHOWN_DIGITS: Final = 2


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
