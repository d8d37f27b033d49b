"""PURE: reads Brazilian numbers, by the numbering rules and without a guess.

What decides (sources in docs/contact-files.md): area codes begin with 1 to 9, so a
leading 0 is a prefix; ``55`` before ten or eleven digits is the country, and before
eight or nine it is an area code in Rio Grande do Sul. Nearly every number is read by
one pattern. phonenumbers, of the extra ``contacts``, is asked about the rest: numbers
that this table does not know, and other countries. Tests hold that both say the same.
"""

import re
from typing import Final

from digitro_async._common.number_form import DIALLABLE
from digitro_async.numbers._area_codes import AREA_CODES
from digitro_async.numbers._number_problems import NumberProblem, NumberReason
from digitro_async.numbers._numbering_plan import country_of, is_in_plan
from digitro_async.numbers._phone_number import CARRIERS, PhoneNumber
from digitro_async.numbers._target_form import NATIONAL_SHORT

__all__ = ["parse_number"]

_AREA: Final = "|".join(sorted(AREA_CODES))
_USUAL: Final = re.compile(
    rf"(?:\+?55|0({'|'.join(sorted(CARRIERS))})?)?"
    rf"(?!([2-5])\2{{9}}\Z|9{{11}}\Z)({_AREA})"
    rf"(9[0-9]{{8}}|(?!{NATIONAL_SHORT})[2-5][0-9]{{7}})",
    re.ASCII,
)
_NATIONAL_SHORT: Final = re.compile(NATIONAL_SHORT, re.ASCII)
_LANDLINE: Final = "2345"
_TRUNKED: Final = "7"
_MOBILE_BEFORE_2016: Final = "689"
_SHORTEST_LOCAL: Final = 8
_LOCAL: Final = (8, 9)
_NATIONAL: Final = (10, 11)
_WITH_CARRIER: Final = (12, 13)
_LONGEST_NATIONAL: Final = 11
_SHORTEST_INTERNATIONAL: Final = 7
_SERVICE_DIGITS: Final = 3
_DESK_DIGITS: Final = 5
_SHORTEST_FILLER: Final = 7


def parse_number(
    text: str, *, area_code: str | None = None
) -> PhoneNumber | NumberProblem:
    """Return the number that a text is, or why it is no person's number in Brazil.

    Args:
        text: Digits, perhaps with a plus sign before them.
        area_code: The area code (DDD) of numbers that are written without one; None
            where such numbers are refused.

    Raises:
        ConfigurationError: If the text is unusual and phonenumbers is not installed.
    """
    found = _USUAL.fullmatch(text)
    if found is not None:
        return PhoneNumber(found[3], found[4], found[1])
    return _parse_unusual(text, area_code)


def _parse_unusual(text: str, area_code: str | None) -> PhoneNumber | NumberProblem:
    digits = text.removeprefix("+")
    if not DIALLABLE.fullmatch(text) or "+" in digits:
        return _BAD_CHARACTER
    if not digits.isdigit():
        return _INTERNAL
    if len(digits) >= _SHORTEST_FILLER and digits == digits[0] * len(digits):
        return _SAME
    if text != digits:
        return _parse_with_country(digits)
    if digits.startswith("00"):
        return _parse_international(digits[2:])
    if digits.startswith("0"):
        return _parse_with_trunk(digits[1:])
    if _COLLECT.fullmatch(digits):
        return _COLLECT_CALL
    if len(digits) == _SERVICE_DIGITS or _is_desk(digits):
        return _SERVICE
    if digits.startswith("55") and len(digits) > _LONGEST_NATIONAL:
        return _parse_with_country(digits)
    return _parse_national(digits, area_code)


_COLLECT: Final = re.compile(
    rf"9090[0-9]{{8,9}}|90(?:{'|'.join(sorted(CARRIERS))})[0-9]{{10,11}}", re.ASCII
)


def _is_desk(digits: str) -> bool:
    return len(digits) == _DESK_DIGITS and digits.startswith("10")


def _parse_with_country(digits: str) -> PhoneNumber | NumberProblem:
    """Read what stands behind a plus sign, or begins with 55 and is long enough."""
    if not digits.startswith("55"):
        return _foreign(digits)
    rest = digits[2:]
    # (0) after the country code is a trunk prefix that nobody took away.
    return _parse_with_trunk(rest[1:]) if rest[:1] == "0" else _parse_national(rest)


def _parse_international(rest: str) -> PhoneNumber | NumberProblem:
    """Read what stands behind 00: a carrier or none, then a country code."""
    for digits in (rest, rest[2:] if rest[:2] in CARRIERS else ""):
        if digits.startswith("55"):
            found = _parse_national(digits[2:])
            if isinstance(found, PhoneNumber):
                return found
    behind_carrier = rest[2:] if rest[:2] in CARRIERS else rest
    return _foreign(behind_carrier)


def _parse_with_trunk(rest: str) -> PhoneNumber | NumberProblem:
    """Read what stands behind one 0: perhaps a carrier, then an area code."""
    problem = _problem_of_code(rest)
    if problem:
        return problem
    if len(rest) in _WITH_CARRIER:
        carrier = rest[:2]
        if carrier not in CARRIERS:
            return _NO_CARRIER
        return _parse_area(rest[2:], carrier)
    if len(rest) in _NATIONAL:
        return _parse_area(rest)
    return _SHORT if len(rest) < _NATIONAL[0] else _LONG


def _parse_national(
    digits: str, area_code: str | None = None
) -> PhoneNumber | NumberProblem:
    """Read a number that begins with its area code, or has none."""
    problem = _problem_of_code(digits)
    if problem:
        return problem
    if len(digits) < _SHORTEST_LOCAL:
        return _SHORT
    if len(digits) in _LOCAL:
        if _NATIONAL_SHORT.fullmatch(digits):
            return _SHARED
        problem = _problem_of_subscriber(digits)
        if problem is None and area_code is None:
            return _NO_AREA
        return problem or PhoneNumber(str(area_code), digits)
    return _LONG if len(digits) > _LONGEST_NATIONAL else _parse_area(digits)


def _parse_area(digits: str, carrier: str | None = None) -> PhoneNumber | NumberProblem:
    """Read ten or eleven digits of which the first two are the area code."""
    area, subscriber = digits[:2], digits[2:]
    if digits == digits[0] * len(digits):
        return _SAME
    problem = None if area in AREA_CODES else _NO_SUCH_AREA
    if problem is None and _NATIONAL_SHORT.fullmatch(subscriber):
        return _SHARED
    problem = problem or _problem_of_subscriber(subscriber)
    if problem is None or (
        problem is not _OLD_MOBILE and is_in_plan(digits)
    ):  # what is newer than this table
        return PhoneNumber(area, subscriber, carrier)
    return problem


def _problem_of_subscriber(digits: str) -> NumberProblem | None:
    """Return why eight or nine digits are no number behind an area code, or None."""
    first = digits[0]
    if len(digits) > _SHORTEST_LOCAL:
        return None if first == "9" else _NO_SUCH_NUMBER
    if first in _MOBILE_BEFORE_2016:
        return _OLD_MOBILE
    return None if first in _LANDLINE + _TRUNKED else _NO_SUCH_NUMBER


def _problem_of_code(digits: str) -> NumberProblem | None:
    """Return the problem of a code without an area (800, 300, ...), or None."""
    for pattern, problem in _CODES:
        if pattern.fullmatch(digits):
            return problem
    return None


def _foreign(digits: str) -> NumberProblem:
    if len(digits) < _SHORTEST_INTERNATIONAL:
        return _SHORT
    country = country_of(digits)
    named = "" if country is None else f" (country code {country})"
    return NumberProblem(
        NumberReason.FOREIGN, f"is of another country than Brazil{named}"
    )


_BAD_CHARACTER = NumberProblem(
    NumberReason.BAD_CHARACTER, "holds more than digits and a plus sign before them"
)
_INTERNAL = NumberProblem(
    NumberReason.INTERNAL_CODE, "holds * or #: a code, and no public number"
)
_SAME = NumberProblem(
    NumberReason.SAME_DIGITS, "is one digit repeated: a form that was filled anyhow"
)
_SHORT = NumberProblem(
    NumberReason.TOO_SHORT, "is too short: an extension, or digits are missing"
)
_LONG = NumberProblem(
    NumberReason.TOO_LONG, "is too long, or begins with an unknown prefix"
)
_NO_AREA = NumberProblem(
    NumberReason.NO_AREA_CODE,
    "has no area code (DDD); --area-code 48 says which one such numbers have",
)
_NO_SUCH_AREA = NumberProblem(
    NumberReason.INVALID_AREA_CODE, "begins with an area code (DDD) that is none"
)
_OLD_MOBILE = NumberProblem(
    NumberReason.MISSING_NINTH_DIGIT,
    "is a mobile number without its ninth digit; none is added, it may be another's",
)
_NO_SUCH_NUMBER = NumberProblem(
    NumberReason.INVALID_SUBSCRIBER,
    "has the length of a number, and no number begins like it behind the area code",
)
_NO_CARRIER = NumberProblem(
    NumberReason.UNKNOWN_CARRIER, "has two digits of no carrier behind its 0"
)
_SERVICE = NumberProblem(
    NumberReason.SERVICE_NUMBER, "is of a public service, and no person's"
)
_FREEPHONE = NumberProblem(
    NumberReason.FREEPHONE, "is a company's number (0800), and no person's"
)
_SHARED = NumberProblem(
    NumberReason.SHARED_COST,
    "is a company's number (0300, 4004, 3003 and the like), and no person's",
)
_TELEMARKETING = NumberProblem(
    NumberReason.TELEMARKETING_CODE, "is one that telemarketing calls from (0303)"
)
_PREMIUM = NumberProblem(
    NumberReason.PREMIUM_RATE, "is paid for or a donation (0900, 0500)"
)
_COLLECT_CALL = NumberProblem(
    NumberReason.COLLECT_CALL, "is a collect call: take 90 or 9090 away"
)

_CODES: Final = (
    (re.compile(r"800[0-9]{6,7}"), _FREEPHONE),
    (re.compile(r"303[0-9]{6,7}"), _TELEMARKETING),
    (re.compile(r"300[0-9]{6,7}"), _SHARED),
    (re.compile(r"[59]00[0-9]{6,7}"), _PREMIUM),
)
