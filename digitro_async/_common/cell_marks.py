"""PURE: the signs with which a spreadsheet says that a cell is text."""

import re
from typing import Final

__all__ = ["without_cell_mark"]

_MARKED: Final = re.compile(
    # Before a sign that begins a formula, as the files that this library writes, and
    # before a text of digits. Any other apostrophe is a part of what somebody wrote.
    r"'(?='*[\s\"]*[=+@\uff1d\uff0b\uff20\uff0d-]|[0-9][0-9\s.,/()-]*\Z)"
    r'|="[^"]*"\Z'
)


def without_cell_mark(cell: str) -> str:
    """Return a cell of any column without the sign that it is text, if it has one.

    Of apostrophes the first is taken away, so what this library writes comes back.
    """
    if _MARKED.match(cell) is None:
        return cell
    return cell[1:] if cell.startswith("'") else cell[2:-1]
