"""Checks a number to dial; it is sent as written or not at all.

What form the PABX wants depends on its set-up, so nothing is completed or reformatted.
Only ``strip_punctuation`` takes away what no form has.
"""

import re

from digitro_async._common.number_form import DIALLABLE, MAX_NUMBER
from digitro_async.contacts._contact_row import Problem, RejectCode

__all__ = ["MAX_NUMBER", "read_number"]

_BLANKS = " \t\u00a0\u2007\u202f"
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
_PUNCTUATION = _BLANKS + _DASHES + ".()/"
_STRIP = str.maketrans("", "", _PUNCTUATION)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_E_NOTATION = re.compile(r"[+-]?[0-9]+([.,][0-9]*)?[eE][+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?[0-9]{5,}[.,][0-9]{1,2}")
_SEPARATORS = re.compile(f"[{re.escape(_BLANKS + _DASHES)}/]+")

_SHORTEST_BEFORE_SLASH = 7  # "48/32817000" is one number, "3281-7000/7001" is two
_SHORTEST_WHOLE = 8


def read_number(cell: str, *, strip_punctuation: bool) -> str | Problem:
    """Return the number without blanks around it, or its problem."""
    number = cell.strip(_BLANKS)
    problem = _form_problem(number)
    if problem:
        return problem
    bare = number.translate(_STRIP)
    if bare == number:
        return _checked(number)
    if not strip_punctuation:
        return _checked_only(bare) or _PUNCTUATED
    if _is_several(number):
        return _SEVERAL
    return _checked(bare)


def _form_problem(number: str) -> Problem | None:
    """Return the problem of a number that its form shows, before its characters."""
    if not number:
        return _EMPTY
    if number.isdigit():
        return None  # nearly every number; other scripts' digits are refused later
    if _CONTROL.search(number):
        return _CONTROLS
    if _E_NOTATION.fullmatch(number):
        return _ROUNDED
    if _DECIMAL.fullmatch(number):
        return _DECIMALS
    return None


def _checked(number: str) -> str | Problem:
    return _checked_only(number) or number


def _checked_only(number: str) -> Problem | None:
    if not DIALLABLE.fullmatch(number):
        return _NO_DIGIT if not number.strip("+*#") else _FOREIGN
    return _LONG if len(number) > MAX_NUMBER else None


def _is_several(number: str) -> bool:
    before_slashes = number.split("/")[:-1]
    groups = _SEPARATORS.split(number)
    return (
        any(_digits(part) >= _SHORTEST_BEFORE_SLASH for part in before_slashes)
        or sum(_digits(group) >= _SHORTEST_WHOLE for group in groups) > 1
    )


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _problem(code: RejectCode, reason: str) -> Problem:
    return Problem(code, reason, "destination")


_EMPTY = _problem(RejectCode.NO_NUMBER, "is empty")
_NO_DIGIT = _problem(RejectCode.NO_NUMBER, "has no digit")
_CONTROLS = _problem(RejectCode.CONTROL_CHARACTER, "holds a control character")
_ROUNDED = _problem(
    RejectCode.E_NOTATION,
    "was rounded by a spreadsheet (E notation); export the column as text",
)
_DECIMALS = _problem(
    RejectCode.DECIMAL, "has decimals from a spreadsheet; export the column as text"
)
_FOREIGN = _problem(
    RejectCode.BAD_CHARACTER, "may hold only digits and + * # (no letters)"
)
_PUNCTUATED = _problem(
    RejectCode.PUNCTUATION,
    "holds blanks, dashes, dots, parentheses or slashes; "
    "strip_punctuation takes them away",
)
_SEVERAL = _problem(RejectCode.SEVERAL_NUMBERS, "holds more than one number")
_LONG = _problem(RejectCode.NUMBER_TOO_LONG, f"is longer than {MAX_NUMBER} characters")
