"""What comes out of a contact file: contacts, and rows that can't be one."""

import enum
import os
import re
from pathlib import Path
from typing import NamedTuple

import attrs

from digitro_async.models import PredictiveCall

__all__ = [
    "Contact",
    "Problem",
    "RejectCode",
    "RejectedRow",
    "file_name",
    "one_line_name",
]

_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class RejectCode(enum.StrEnum):
    """Why a row is no contact; a closed set, fit for counting."""

    NO_NUMBER = "no_number"
    """The destination is empty or has no digit."""
    BAD_CHARACTER = "bad_character"
    """The destination holds letters or other characters no number has."""
    PUNCTUATION = "punctuation"
    """The destination is written with blanks, dashes, dots and the like."""
    E_NOTATION = "e_notation"
    """A spreadsheet rounded the destination to something like 4,83E+10."""
    DECIMAL = "decimal"
    """A spreadsheet wrote the destination with decimals."""
    SEVERAL_NUMBERS = "several_numbers"
    """The destination holds more than one number."""
    NUMBER_TOO_LONG = "number_too_long"
    """The destination is longer than any number."""
    CONTROL_CHARACTER = "control_character"
    """The destination, id or pabx holds a control character."""
    TOO_FEW_COLUMNS = "too_few_columns"
    """The row is shorter than the header."""
    TOO_MANY_COLUMNS = "too_many_columns"
    """The row is longer than the header."""
    UNREADABLE_BYTES = "unreadable_bytes"
    """Bytes that mean nothing in the file's encoding."""
    NUL_BYTE = "nul_byte"
    """A NUL byte, which no text has."""
    LINE_TOO_LONG = "line_too_long"
    """The line is longer than any row may be."""
    OPEN_QUOTE = "open_quote"
    """A quote that is not closed, or closes only after whole other rows."""
    STRAY_QUOTE = "stray_quote"
    """Text after a closing quote."""
    INVALID_FIELD = "invalid_field"
    """A field that can't stand in a call: empty, too long, control characters."""
    DUPLICATE = "duplicate"
    """An earlier row is the same contact."""


class Problem(NamedTuple):
    """What is wrong with a row, said without anything the row holds."""

    code: RejectCode
    reason: str
    field: str | None = None


@attrs.frozen(kw_only=True)
class Contact:
    """One row of a contact file, ready to be called.

    Attributes:
        line: Number of the row's first line, from 1; the header counts.
        id: The caller's own id of the contact, where the file has one. It is often
            a tax number, so it is kept out of the repr.
        call: The call to make.
        pabx: Name of the PABX that must take it, or None for any.
    """

    line: int
    id: str | None = attrs.field(default=None, repr=False)
    call: PredictiveCall
    pabx: str | None = None


@attrs.frozen(kw_only=True)
class RejectedRow:
    """A row that is no contact and why; it holds nothing of the row itself.

    Attributes:
        file: Name of the file, without its folder, on one line.
        line: Number of the row's first line, from 1; the header counts.
        field: The column that is wrong, or None where it is the row.
        reason: For a person to read.
        code: For a program to count.
    """

    file: str
    line: int
    field: str | None = None
    reason: str
    code: RejectCode

    def __str__(self) -> str:
        column = f"{self.field}: " if self.field else ""
        return f"{file_name(self.file)}, line {self.line}: {column}{self.reason}"


def one_line_name(path: str | os.PathLike[str]) -> str:
    """Return a file's name as it is, but for what breaks lines or is no text."""
    text = Path(path).name or str(path)
    return _NOT_IN_A_LINE.sub(lambda found: ascii(found[0])[1:-1], text)


def file_name(path: str | os.PathLike[str]) -> str:
    """Return a file's name as text that can always be shown."""
    text = one_line_name(path)
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
