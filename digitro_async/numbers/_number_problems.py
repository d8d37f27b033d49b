"""PURE: the reasons why a text is no number of a person in Brazil."""

import enum
from typing import NamedTuple

__all__ = ["NumberProblem", "NumberReason"]


class NumberReason(enum.StrEnum):
    """Codes of the reasons; a closed set, fit for counting."""

    BAD_CHARACTER = "bad_character"
    """It holds something else than digits and a ``+`` before them."""
    INTERNAL_CODE = "internal_code"
    """It holds ``*`` or ``#``: a code of a PABX or of a network."""
    SAME_DIGITS = "same_digits"
    """It is one digit repeated, as forms are filled with that nobody wants to fill."""
    TOO_SHORT = "too_short"
    """It has fewer digits than any number: an extension, or a number cut off."""
    TOO_LONG = "too_long"
    """It has more digits than its prefix leaves room for."""
    NO_AREA_CODE = "no_area_code"
    """It is a local number, and no area code was given for such numbers."""
    INVALID_AREA_CODE = "invalid_area_code"
    """There is no such area code (DDD)."""
    MISSING_NINTH_DIGIT = "missing_ninth_digit"
    """It is a mobile number of eight digits, as they were before November 2016."""
    INVALID_SUBSCRIBER = "invalid_subscriber"
    """Its length is right, and no number begins like this behind the area code."""
    UNKNOWN_CARRIER = "unknown_carrier"
    """Two digits stand where a carrier's are, and no carrier has them."""
    SERVICE_NUMBER = "service_number"
    """A public service or a carrier's desk: three digits, or ``10`` and three."""
    FREEPHONE = "freephone"
    """A company's number that callers don't pay for: 0800."""
    SHARED_COST = "shared_cost"
    """A company's number without an area code: 0300, 4004, 3003 and the like."""
    TELEMARKETING_CODE = "telemarketing_code"
    """A number with 0303, by which telemarketing calls, and which is not called."""
    PREMIUM_RATE = "premium_rate"
    """A number that is paid for, or a donation: 0900 and 0500."""
    COLLECT_CALL = "collect_call"
    """A call that the called person would pay: ``90`` or ``9090`` before it."""
    FOREIGN = "foreign"
    """A number of another country."""
    OTHER_AREA = "other_area"
    """It has another area code than the local form is for."""


class NumberProblem(NamedTuple):
    """The problem that makes a text no number to dial; it repeats nothing of it.

    Attributes:
        code: For a program to count.
        reason: For a person to read: what follows "the number".
    """

    code: NumberReason
    reason: str
