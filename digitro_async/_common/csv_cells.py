r"""Writes one row of CSV as bytes, so that the row does no harm in any spreadsheet.

The bytes are UTF-8, cells are divided by commas, and a row ends with a line feed. Two
things are added, and a reader can take both away again:

* A spreadsheet runs a cell that begins with ``=``, ``+``, ``-`` or ``@``. A spreadsheet
  that is set to another delimiter (``;`` in Brazil) also finds such beginnings inside
  of cells, because it doesn't heed their quotes. So an apostrophe, the guard, stands
  before a cell that such a sign begins, or before a piece of a cell that such a sign
  begins after ``,``, ``;``, a tab or a line break. Blanks, quotes and invisible signs
  may precede the sign. Where apostrophes stand already, the guard is one more: the
  reader takes one away.
* Half a surrogate pair, which UTF-8 can't hold, is written as ``\ud800``. Backslashes
  just before it, or before a text that looks like it, are doubled.
"""

import csv
import io
import re
from collections.abc import Iterable
from typing import Final

__all__ = ["csv_line", "text_of_cell"]

_PARTS: Final = r",;\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029"
"""Signs after which some reader begins a new cell or line."""

_SIGNS: Final = (
    r"=\u207c\u208c\ufe66\uff1d"
    r"+\u207a\u208a\ufb29\ufe62\uff0b"
    r"\-\u2212\u207b\u208b\ufe63\uff0d"
    r"@\ufe6b\uff20"
)
"""Signs that begin a formula, with forms that some spreadsheets take for the same."""

_UNSEEN: Final = (
    r'"\x00-\x08\x0e-\x1b\x1f \x7f-\x84\x86-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd'
    r"\u070f\u0890\u0891\u08e2\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f"
    r"\u202a-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Blanks, invisible signs, and the quote, which readers take away."""

_BEGINNING: Final = re.compile(
    rf"(?:\A|(?<=[{_PARTS}]))(?='*[{_UNSEEN}]*[{_SIGNS}])|\A(?='*[\t\r\n])"
)
_GUARD: Final = re.compile(
    rf"(?:\A|(?<=[{_PARTS}]))'(?='*[{_UNSEEN}]*[{_SIGNS}])|\A'(?='*[\t\r\n])"
)
_ESCAPED: Final = re.compile(r"(\\+)(ud[89a-f][0-9a-f]{2})")
_LIKE_A_SURROGATE: Final = re.compile(
    r"\\+(?=ud[89a-f][0-9a-f]{2}|[" + "\ud800-\udfff" + "])"
)


def csv_line(cells: Iterable[object]) -> bytes:
    """Return a row with its line end; texts are guarded, numbers left as they are."""
    text = io.StringIO()
    # The writer quotes a line break only where it is part of its own line end.
    csv.writer(text, lineterminator="\r\n").writerow(map(_cell_of, cells))
    row = text.getvalue().removesuffix("\r\n") + "\n"
    return row.encode("utf-8", "backslashreplace")


def text_of_cell(cell: str) -> str:
    """Return the text that ``csv_line`` wrote as this cell, without guard and escapes.

    Args:
        cell: The cell, without the quotes of its file.
    """
    return _ESCAPED.sub(_unescaped, _GUARD.sub("", cell))


def _unescaped(found: re.Match[str]) -> str:
    backslashes, code = found.groups()
    half = "\\" * (len(backslashes) // 2)
    return half + (chr(int(code[1:], 16)) if len(backslashes) % 2 else code)


def _cell_of(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = str(value)  # plain text of a member of an enumeration, too
    if "\\" in text or not text.isascii():
        text = _LIKE_A_SURROGATE.sub(r"\g<0>\g<0>", text)
    return _BEGINNING.sub("'", text)
