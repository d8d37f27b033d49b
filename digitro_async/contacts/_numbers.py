"""Checks a number to dial; it is sent as written or not at all.

What form the PABX wants depends on its set-up, so nothing is completed or reformatted.
Only ``strip_punctuation`` takes away what no form has.
"""

import re
import unicodedata

from digitro_async._common.number_form import DIALLABLE, MAX_NUMBER
from digitro_async.contacts._characters import (
    AROUND,
    BLANKS,
    code_points,
    drop_invisible,
    drop_punctuation,
    invisible_in,
    with_plain_signs,
    without_text_mark,
)
from digitro_async.contacts._contact_row import Problem, RejectCode
from digitro_async.contacts._number_forms import other_form, plain_form

__all__ = ["MAX_NUMBER", "read_number"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_E_NOTATION = re.compile(r"[+-]?[0-9]+([.,][0-9]*)?( ?[eE] ?[+-]|[eE])[0-9]+")
_DECIMAL = re.compile(
    r"[+-]?(?:[0-9]{5,}[.,][0-9]{1,2}|[0-9]{7,}[.,]0+|[0-9]{9,}[.,][0-9]{1,6})"
)
_SHORTEST_OF_SEVERAL = 7

# The usual form with an area code. It is nothing else, so no other form is looked for:
# that makes reading such a file four times as fast.
_USUAL = re.compile(
    r"(?:\+?55 ?)?\(?0?[1-9][0-9]\)?[ .-]?(?:9 ?)?[0-9]{4}[ .-][0-9]{4}"
    r"|(?:\+?55 ?)?\(?0?[1-9][0-9]\)?[ .-]?9[0-9]{4}[ .-][0-9]{4}"
    r"|\(0?[1-9][0-9]\) ?9?[0-9]{8}"
)
_WITHOUT_ITS_SIGNS = str.maketrans("", "", " ().-")


def read_number(cell: str, *, strip_punctuation: bool) -> str | Problem:
    """Return the number of a cell, or its problem.

    Blanks around it, and the sign by which a spreadsheet says that a cell is text, are
    no part of it.
    """
    if cell.isdigit() and cell.isascii():  # nearly every number
        return cell if len(cell) <= MAX_NUMBER else _LONG
    written = without_text_mark(cell.strip(BLANKS)).strip(BLANKS)
    if DIALLABLE.fullmatch(written):
        problem = plain_form(written)
        return problem or (_LONG if len(written) > MAX_NUMBER else written)
    return _read_written(written, strip_punctuation=strip_punctuation)


def _read_written(written: str, *, strip_punctuation: bool) -> str | Problem:
    """Return the number of a cell that holds more than a number, or its problem."""
    if strip_punctuation:
        written = written.strip(AROUND)
        if _USUAL.fullmatch(written):
            return written.translate(_WITHOUT_ITS_SIGNS)
    seen = without_text_mark(drop_invisible(written).strip(BLANKS)).strip(BLANKS)
    if not seen:
        return _EMPTY
    problem = _form_problem(seen)
    if problem:
        return problem
    bare = drop_punctuation(seen)
    if not DIALLABLE.fullmatch(bare):
        return _foreign(bare)
    if len(bare) > MAX_NUMBER:
        return _LONG
    if strip_punctuation:
        return plain_form(bare) or bare
    unseen = invisible_in(written)
    return _invisible(unseen) if unseen else _PUNCTUATED


def _form_problem(seen: str) -> Problem | None:
    """Return the problem that the form of a cell shows, before its characters."""
    if _CONTROL.search(seen):
        parts = _CONTROL.split(seen)
        numbers = sum(_digits(part) >= _SHORTEST_OF_SEVERAL for part in parts)
        return other_form(" / ".join(parts)) if numbers > 1 else _CONTROLS
    plain = with_plain_signs(seen)
    if _E_NOTATION.fullmatch(plain):
        return _ROUNDED
    if _DECIMAL.fullmatch(plain):
        return _DECIMALS
    return None if len(plain) > _LONGEST_CELL else other_form(plain)


_LONGEST_CELL = 200
"""Longest cell whose form is looked at; what is longer can't be one number."""


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _foreign(bare: str) -> Problem:
    """Return the problem of characters that no number has."""
    if not bare.strip("+*#"):
        return _NO_DIGIT
    for char in bare:
        if not char.isascii():
            # The zero of its script names a digit's script, and not the digit.
            digit = unicodedata.decimal(char, None)
            if digit is not None:
                return _problem(
                    RejectCode.BAD_CHARACTER,
                    "has digits of another script, whose 0 is "
                    f"{code_points([chr(ord(char) - digit)])}; only 0 to 9 are dialled",
                )
            if not char.isalpha():
                return _problem(
                    RejectCode.BAD_CHARACTER,
                    f"{_ONLY}; the character {code_points([char])} is there",
                )
    return _FOREIGN


def _problem(code: RejectCode, reason: str) -> Problem:
    return Problem(code, reason, "destination")


def _invisible(unseen: list[str]) -> Problem:
    return _problem(
        RejectCode.INVISIBLE_CHARACTER,
        f"holds invisible characters ({code_points(unseen)}); "
        "with --strip-punctuation they are taken away",
    )


_ONLY = "may hold only digits and + * # (no letters)"
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
_FOREIGN = _problem(RejectCode.BAD_CHARACTER, _ONLY)
_PUNCTUATED = _problem(
    RejectCode.PUNCTUATION,
    "holds blanks, dashes, dots, parentheses or slashes; "
    "with --strip-punctuation they are taken away",
)
_LONG = _problem(RejectCode.NUMBER_TOO_LONG, f"is longer than {MAX_NUMBER} characters")
