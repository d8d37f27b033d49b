"""PURE: the form of a number to dial, at every door through which one comes in.

The vendor publishes none. That a number has only digits and ``+ * #`` is a GUESS;
``AnyDestination`` is the way round it.
"""

import re
from typing import Final

__all__ = [
    "DIALLABLE",
    "MAX_NUMBER",
    "AnyDestination",
    "has_number_form",
    "problem_of_number",
]

MAX_NUMBER: Final = 32
"""Longest number, in characters: twice what E.164 allows, for prefixes and codes."""

DIALLABLE: Final = re.compile(r"[+*#]*[0-9][0-9+*#]*")
"""The form of a number: digits and ``+ * #``, one digit at least."""


class AnyDestination(str):
    """A destination that is sent whatever its form is: letters, an address, a code.

    Example::

        PredictiveCall(
            device="1125000",
            device_password="4567",
            destination=AnyDestination("sip:1125000@pabx.example"),
        )
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}('***')"


def has_number_form(text: str) -> bool:
    """Whether a text has the form of a number, or was said to need none."""
    if text.isdigit() and text.isascii() and len(text) <= MAX_NUMBER:  # nearly all
        return True
    if type(text) is AnyDestination:
        return True
    return len(text) <= MAX_NUMBER and DIALLABLE.fullmatch(text) is not None


def problem_of_number(text: str) -> str | None:
    """Return why a text is no number to dial, or None; the text is not shown."""
    if has_number_form(text):
        return None
    if len(text) > MAX_NUMBER:
        problem = f"is longer than {MAX_NUMBER} characters"
    elif not any("0" <= char <= "9" for char in text):
        problem = "has no digit"
    else:
        problem = "may hold only digits and + * # (no letters, blanks or punctuation)"
    return problem
