"""Tells what a cell plainly is that is not one number to dial.

Punctuation that is taken away makes a number of anything: ``01/02/1990`` would be rung
as 01021990, and two numbers in one cell as a third. So each form that is plainly
something else is refused by its shape. A text of digits alone has no shape; it is
taken as it is written.
"""

import re
from collections.abc import Iterator
from typing import Final

from digitro_async.contacts._contact_row import Problem, RejectCode

__all__ = ["other_form", "plain_form"]

_DIGITS: Final = re.compile(r"[0-9]")

_SHORTEST_NUMBER: Final = 7
"""Digits of the shortest number that another one may follow in its cell."""

_SHORTEST_WHOLE: Final = 8
_MOST_DIGITS: Final = 32
_LONGEST_E164: Final = 15
_LONGEST_WITH_ACCESS: Final = 19
"""Most digits with an international access code, as 00, and a carrier's two digits."""


def plain_form(number: str) -> Problem | None:
    """Return why a text of digits and ``+ * #`` is no number, or None."""
    if _PLAIN_PLACEHOLDER.fullmatch(number):
        return _CARRIER
    if "+" in number[1:] and _is_joined_by_plus(number):
        return _SEVERAL
    return None


def other_form(text: str) -> Problem | None:
    """Return what a cell plainly is in place of one number, or None.

    Args:
        text: The cell with plain signs, without invisible characters and blanks around.
    """
    problem = _whole_form(text) or _whole_form(text.strip(_AROUND_A_FORM))
    if problem:
        return problem
    if _is_address(text):
        return _ADDRESS
    if _PLACEHOLDER.match(text):
        return _CARRIER
    if _TRUNK_ZERO.match(text):
        return _ZERO
    if _MASKED.search(text):
        return _MASKED_DIGITS
    return _several(text)


def _whole_form(text: str) -> Problem | None:
    """Return what a whole text is by its shape, or None."""
    for pattern, problem in _WHOLE_FORMS:
        if pattern.fullmatch(text):
            return problem
    return _DATE if _is_date(text) else None


_AROUND_A_FORM: Final = " ().-/"
"""Signs around a date or an amount that are taken out of a number with the others."""


def _several(text: str) -> Problem | None:
    """Return the problem of a cell that holds more than one number, or None."""
    digits = len(_DIGITS.findall(text))
    if not _SHORTEST_WHOLE <= digits <= _MOST_DIGITS:
        return None
    if _is_joined_by_plus(text):
        return _SEVERAL
    for before, sign, after in _cuts(text):
        if before >= _SHORTEST_NUMBER:
            is_number = after >= _SHORTEST_NUMBER or (
                sign != "(" and after > _EXTENSION
            )
            return _SEVERAL if is_number or sign == "/" else _WITH_EXTENSION
    if _LETTERED_EXTENSION.search(text):
        return _WITH_EXTENSION
    if _NUMBER_AND_MORE.search(text) and not text.startswith("+"):
        last = len(_RUNS.findall(text)[-1])
        return _WITH_EXTENSION if last <= _EXTENSION else _SEVERAL
    return _several_in_groups(text, digits)


_EXTENSION: Final = 3
"""Digits of the longest group that is an extension, and can't be a number's last."""


def _several_in_groups(text: str, digits: int) -> Problem | None:
    runs = [len(run) for run in _RUNS.findall(text)]
    if sum(run >= _SHORTEST_NUMBER for run in runs) > 1:
        return _SEVERAL
    longest = _LONGEST_WITH_ACCESS if text.startswith("00") else _LONGEST_E164
    if digits > longest:
        return _SEVERAL
    if _LOCAL_AND_GROUP.search(text) and not _BRAZILIAN.fullmatch(_number_in(text)):
        return _WITH_EXTENSION if runs[-1] <= _EXTENSION else _SEVERAL
    return None


def _cuts(text: str) -> Iterator[tuple[int, str, int]]:
    """Yield each sign between numbers: digits of the part before, sign, digits after.

    The part before begins behind the sign before it.
    """
    begin = 0
    for found in _BETWEEN.finditer(text):
        before = len(_DIGITS.findall(text[begin : found.start()]))
        after = len(_DIGITS.findall(text[found.end() :]))
        if after:
            yield before, found[0].strip()[:1], after
        if found[0].strip() != "(":
            begin = found.end()


def _is_joined_by_plus(text: str) -> bool:
    before, plus, after = text.rpartition("+")
    parts = (before, after) if plus else ("", "")
    return all(len(_DIGITS.findall(part)) >= _SHORTEST_NUMBER for part in parts)


def _number_in(text: str) -> str:
    return re.sub(r"[^0-9+]", "", text)


def _is_date(text: str) -> bool:
    found = _DAY_FIRST.fullmatch(text) or _YEAR_FIRST.fullmatch(text)
    if found:
        one, other = int(found["one"]), int(found["other"])
        return 0 < min(one, other) <= _MONTHS and 0 < max(one, other) <= _DAYS
    return False


_MONTHS: Final = 12
_DAYS: Final = 31


def _is_address(text: str) -> bool:
    """Whether a text is an IPv4 address; four groups of two digits are a number."""
    parts = text.split(".")
    return (
        _IPV4.fullmatch(text) is not None
        and all(int(part) <= 255 and str(int(part)) == part for part in parts)  # noqa: PLR2004
        and {len(part) for part in parts} != {2}
    )


def _problem(code: RejectCode, reason: str) -> Problem:
    return Problem(code, reason, "destination")


def _is(kind: str) -> Problem:
    return _problem(RejectCode.NOT_A_PHONE, f"is {kind}, and no number to dial")


_SEVERAL = _problem(
    RejectCode.SEVERAL_NUMBERS, "two numbers in one cell: give each a row of its own"
)
_WITH_EXTENSION = _problem(
    RejectCode.SEVERAL_NUMBERS,
    "two numbers in one cell, the second an extension: leave the extension out",
)
_CARRIER = _problem(
    RejectCode.PLACEHOLDER,
    "holds a carrier placeholder, as in 0xx48: write the carrier's digits, or none",
)
_ZERO = _problem(
    RejectCode.PLACEHOLDER,
    "holds (0) after a country code: write the number that is to be dialled",
)
_MASKED_DIGITS = _problem(
    RejectCode.PLACEHOLDER, "has masked digits: export the number in full"
)
_DATE = _is("a date")
_TIME = _is("a time")
_AMOUNT = _is("an amount")
_PERCENTAGE = _is("a percentage")
_COORDINATES = _is("a pair of coordinates")
_ADDRESS = _is("an IP address")
_DOCUMENT = _is("a document (CPF, CNPJ, RG, CEP or the like)")

_CLOCK = r"[0-9]{1,2}[:hH][0-9]{2}.*"
_YEAR = r"(?:19|20)[0-9]{2}"
_DAY_FIRST = re.compile(
    r"(?P<one>[0-9]{1,2}) ?(?P<sign>[/.-]| ) ?(?P<other>[0-9]{1,2}) ?(?P=sign) ?"
    rf"(?:(?:{_YEAR}|(?<=/)[0-9]{{4}})(?:[ T,-].*)?|(?<! )[0-9]{{2}}(?:[ ,]+{_CLOCK})?)"
)
_YEAR_FIRST = re.compile(
    rf"{_YEAR} ?(?P<sign>[/.-]| ) ?(?P<one>[0-9]{{1,2}}) ?(?P=sign) ?"
    r"(?P<other>[0-9]{1,2})(?:[ T,-].*)?"
)
_MONTH = (
    r"(?:jan|fev|feb|mar|abr|apr|mai|may|jun|jul|ago|aug|set|sep|out|oct|nov|dez|dec)"
)
_MONEY = r"(?:R\$|US\$|[$\u20ac\u00a3\u00a5]|BRL|USD|EUR)"

# In their order: the first that fits a whole cell says what it is.
_WHOLE_FORMS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), problem)
    for pattern, problem in (
        (rf"{_CLOCK}|[0-9]{{1,2}} ?h(?:s|oras)?", _TIME),
        (rf"(?:0?[1-9]|1[0-2]) ?[/.-] ?{_YEAR}", _DATE),
        (rf"{_YEAR} ?[/.-] ?(?:0?[1-9]|1[0-2])", _DATE),
        (rf"{_YEAR} ?/ ?(?:[0-9]{{2}}|{_YEAR})", _DATE),
        (r"[0-9]{1,2} ?/ ?[0-9]{1,2}", _DATE),
        (
            rf"[0-9]{{1,2}}[ /.-]*(?:de )?{_MONTH}[a-z\u00e7.]*(?:\W*(?:de )?[0-9]+)?",
            _DATE,
        ),
        (r"[+-]?[0-9.,]+ ?%", _PERCENTAGE),
        (rf".*{_MONEY}.*", _AMOUNT),
        # Thousands apart, with decimals; or decimals alone.
        (r"[+-]? ?[0-9]{1,3}(?:[. '][0-9]{3})+,[0-9]{1,2}", _AMOUNT),
        (r"[+-]? ?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?", _AMOUNT),
        (r"[+-]? ?[0-9]{1,6}[.,][0-9]{1,2}", _AMOUNT),
        # Up to seven digits: more are a number that a spreadsheet wrote in thousands.
        (r"[+-]? ?(?:[0-9]{1,3}\.[0-9]{3}|[0-9]\.[0-9]{3}\.[0-9]{3})", _AMOUNT),
        (r"[+-]? ?[0-9]{1,3}(?:\.[0-9]{3})*\.000\.000", _AMOUNT),
        (r"-[0-9]+[.,][0-9]+", _AMOUNT),
        (r"-[0-9]{1,6}", _AMOUNT),
        (r"-?[0-9]{1,3}[.,][0-9]{4,} ?[,; ] ?-?[0-9]{1,3}[.,][0-9]{4,}", _COORDINATES),
        # CPF, CNPJ, CEP, the number of a lawsuit, a card.
        (r"[0-9]{3}[. -][0-9]{3}[. -][0-9]{3}[-/. ] ?[0-9]{2}", _DOCUMENT),
        (r"[0-9]{9} ?[-/] ?[0-9]{2}", _DOCUMENT),
        (r"[0-9]{3}-[0-9]{2}-[0-9]{4}", _DOCUMENT),
        # A process, and the year that it was opened in.
        (rf"[0-9]{{3,7}} ?/ ?{_YEAR}|{_YEAR} ?/ ?[0-9]{{5,7}}", _DOCUMENT),
        (
            r"[0-9]{2}[. ]?[0-9]{3}[. ]?[0-9]{3} ?/ ?[0-9]{4} ?[-. ]? ?[0-9]{2}",
            _DOCUMENT,
        ),
        (r"[0-9]{2}[. ]?[0-9]{3}[. ]?[0-9]{3} ?/ ?000[0-9]", _DOCUMENT),
        (r"[0-9]{2}[. ][0-9]{3}[. ][0-9]{3}[. ][0-9]{4}[- .][0-9]{2}", _DOCUMENT),
        (r"[0-9]{2}\.?[0-9]{3}-[0-9]{3}", _DOCUMENT),
        (r"[0-9]{7}-[0-9]{2}\.[0-9]{4}\.[0-9]\.[0-9]{2}\.[0-9]{4}", _DOCUMENT),
        (r"(?:[0-9]{4}[ .-]){3}[0-9]{4}", _DOCUMENT),
        # One check digit behind a dash: RG, PIS, accounts, ISBN.
        (r"(?:[0-9][ .-]?){4,20} ?- ?[0-9X]", _DOCUMENT),
    )
)

_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")

_CROSS = "[x\u00d7\u0445]"
"""The letter x, the sign for times, and the Cyrillic letter that looks like it."""

_OPEN_DIGITS = rf"(?:{_CROSS}(?: ?{_CROSS})+|y{{2,}}|z{{2,}}|_{{2,}}|\?{{2,}})"
_PLACEHOLDER = re.compile(
    r"[^0-9a-z]*(?:(?:00)?55[^0-9a-z]*)?"
    rf"(?:[0o][^0-9a-z]*)?(?:{_OPEN_DIGITS}|(?<=0){_CROSS}(?=[^0-9a-z]*[0-9]{{2}})"
    r"|(?<=[0(])\*{2,}|(?<=0)[^0-9a-z]+(?:op|prest)[a-z]*\b)",
    re.IGNORECASE,
)
_PLAIN_PLACEHOLDER = re.compile(r"(?:\+?55)?0\*\*[1-9][0-9](?:[0-9]{8,9})?")
_TRUNK_ZERO = re.compile(r"\+ ?[0-9]{1,3}[ .-]*\(0\)")
_MASKED = re.compile(
    rf"[0-9][ ().-]*(?:\*{{2,}}|{_CROSS}{{2,}}|\u2022{{2,}}|#{{2,}}|[_?]{{2,}}"
    r"|[.\u2026]{3,}|-{3,})[ ().-]*(?:[0-9x*]|\Z)",
    re.IGNORECASE,
)

_RUNS = re.compile(r"[0-9]+")
_BETWEEN = re.compile(
    r"\s*[/\\,;|&(\n]\s*|\s+-\s+(?=\(|\+)|\s+(?:e|ou|or|and|y|o)\s+", re.IGNORECASE
)
_LETTERED_EXTENSION = re.compile(
    r"(?:[0-9][ ().-]*){7,}[^0-9a-z]*(?:(?:ext(?:ens[a\u00e3]o|ension|n)?|ramal|ram|rml"
    r"|r|x|int(?:erno)?|branch|p)(?![a-z])|#)[^0-9a-z]*(?:n[o.\u00ba\u00b0]*)?[^0-9a-z]*[0-9]",
    re.IGNORECASE,
)

# A whole local number, closed by a dash or a dot, and a further group.
_NUMBER_AND_MORE = re.compile(
    r"(?<![0-9])[0-9]{4,5}[.-][0-9]{4}[^0-9+]+[0-9]+\)?\Z"
    r"|(?<![0-9])[0-9]{10,11}[ -]+[0-9]{1,4}\Z"
)
_LOCAL_AND_GROUP = re.compile(
    r"(?:\A|\+?55)[ (0]*[1-9][0-9]\)? *[0-9]{4,5}[ .-]?[0-9]{4} +(?:- *)?[0-9]{1,4}\Z"
)
_BRAZILIAN = re.compile(
    r"(?:(?:\+|00[0-9]{2})?55|0(?:[0-9]{2})?)?(?:[1-9][0-9])?9?[0-9]{8}"
)
