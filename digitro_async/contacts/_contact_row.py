"""The rows of a list: contacts, and rows that can't be one."""

import enum
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import attrs

from digitro_async._common.drafts import draft_of
from digitro_async._common.number_form import has_number_form
from digitro_async._common.text import printable
from digitro_async._common.validators import (
    MAX_TEXT,
    masked_fields,
    personal,
    quiet_init,
)
from digitro_async.calls import (
    NEEDED_FIELDS,
    OWN_FIELDS,
    PredictiveCall,
    check_field_names,
    problem_of_fields,
)
from digitro_async.contacts._contact_number import ContactNumber, DayHours
from digitro_async.errors import ConfigurationError, InvalidCallError
from digitro_async.privacy import Personal, Secret

__all__ = [
    "ContactRow",
    "Problem",
    "RejectCode",
    "RejectedRow",
    "file_name",
    "one_line_name",
    "row_of_cells",
    "row_with_numbers",
]

_NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class RejectCode(enum.StrEnum):
    """Codes of the reasons why rows are no contacts; a closed set, fit for counting."""

    NO_NUMBER = "no_number"
    """The destination is empty or has no digit."""
    BAD_CHARACTER = "bad_character"
    """The destination holds letters or other characters no number has."""
    PUNCTUATION = "punctuation"
    """The destination is written with blanks, dashes, dots and the like."""
    E_NOTATION = "e_notation"
    """A spreadsheet rounded the destination, as in 4,83E+10."""
    DECIMAL = "decimal"
    """A spreadsheet wrote the destination with decimals."""
    SEVERAL_NUMBERS = "several_numbers"
    """The destination holds more than one number, or a number and an extension."""
    NOT_A_PHONE = "not_a_phone"
    """The destination is plainly a date, a time, a document, an amount or the like."""
    PLACEHOLDER = "placeholder"
    """The destination leaves digits open: ``0xx48``, ``9****-7001``, ``+44 (0)20``."""
    INVISIBLE_CHARACTER = "invisible_character"
    """The destination holds characters that nobody sees, as U+200B."""
    NUMBER_TOO_LONG = "number_too_long"
    """The destination is longer than any number."""
    INTERNAL_CODE = "internal_code"
    """The destination holds ``*`` or ``#``: a code, where public numbers are wanted."""
    SAME_DIGITS = "same_digits"
    """The destination is one digit repeated."""
    TOO_SHORT = "too_short"
    """The destination has fewer digits than any public number."""
    TOO_LONG = "too_long"
    """The destination has more digits than its prefix leaves room for."""
    NO_AREA_CODE = "no_area_code"
    """The destination is a local number, and no area code was given for such."""
    INVALID_AREA_CODE = "invalid_area_code"
    """The destination's area code (DDD) is none."""
    MISSING_NINTH_DIGIT = "missing_ninth_digit"
    """The destination is a mobile number of eight digits."""
    INVALID_SUBSCRIBER = "invalid_subscriber"
    """No number begins like the destination behind its area code."""
    UNKNOWN_CARRIER = "unknown_carrier"
    """The destination has two digits of no carrier behind its 0."""
    SERVICE_NUMBER = "service_number"
    """The destination is a public service's or a carrier's own: 190, 10315."""
    FREEPHONE = "freephone"
    """The destination is a company's number: 0800."""
    SHARED_COST = "shared_cost"
    """The destination is a company's number: 0300, 4004, 3003."""
    TELEMARKETING_CODE = "telemarketing_code"
    """The destination is one that telemarketing calls from: 0303."""
    PREMIUM_RATE = "premium_rate"
    """The destination is paid for, or a donation: 0900, 0500."""
    COLLECT_CALL = "collect_call"
    """The destination would be called at its own cost: 90 or 9090 before it."""
    FOREIGN = "foreign"
    """The destination is in another country."""
    OTHER_AREA = "other_area"
    """The destination is in another area than the local form is for."""
    CELL_TYPE = "cell_type"
    """A cell of a workbook holds a date, a time, a boolean, an error or no value."""
    MERGED_CELL = "merged_cell"
    """A cell of a workbook is merged with another one, which holds the value."""
    CONTROL_CHARACTER = "control_character"
    """The destination, id or pabx holds a control character."""
    TOO_FEW_COLUMNS = "too_few_columns"
    """The row ends before a column that it needs."""
    TOO_MANY_COLUMNS = "too_many_columns"
    """The row is longer than the header."""
    UNREADABLE_BYTES = "unreadable_bytes"
    """Bytes that mean nothing in the file's encoding."""
    OPEN_END = "open_end"
    """The last line has no end: the file may not be written to its end yet."""
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
    CHANGED = "changed"
    """The ledger has the contact with another number or other fields."""


class Problem(NamedTuple):
    """The problem that makes a row no contact; it repeats nothing of the row."""

    code: RejectCode
    reason: str
    field: str | None = None


_WRAP: Mapping[str, Any] = {
    field.name: field.converter for field in attrs.fields(PredictiveCall)
}


def _own_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's own fields, wrapped as a call wraps them; None says nothing."""
    check_field_names(given)
    return {
        name: value if (wrap := _WRAP[name]) is None else wrap(value)
        for name, value in given.items()
        if value is not None
    }


@quiet_init
@attrs.frozen(kw_only=True)
class ContactRow:
    """One row of a list: the person to call, and the own fields of the call.

    It is no call yet. It becomes one when a campaign claims the contact: then its own
    fields stand over the defaults of that run, and no default ever overrides them.

    Args:
        line: Number of the row's first line, from 1; the header of a file counts.
        id: Your own id of the contact, if it has one. It is often a tax number, so it
            is kept out of the repr.
        destination: The number to dial, exactly as the PABX shall get it.
        pabx: Name of the PABX that must take it, or None for any.
        fields: Fields of ``PredictiveCall`` but ``destination``, and their texts; only
            what differs from one contact to another belongs here.
        kind: The kind that the list gives the number.
        hours: The times of a day at which the number may be rung.
        number_field: The column that the number stands in.
        further: The contact's other numbers, in the order in which they are rung.
        rejected_numbers: Numbers of the row that are none, with their reasons.
        priority: Its priority: of contacts that wait, the highest comes up first.

    Raises:
        InvalidCallError: If a text can't stand in a call; the error names the field.
        ConfigurationError: If a call has no such field.
    """

    line: int
    id: str | None = attrs.field(default=None, repr=False)
    destination: Personal = attrs.field(converter=personal)
    pabx: str | None = None
    fields: Mapping[str, str | Secret | Personal] = attrs.field(
        factory=dict, converter=_own_fields, repr=False
    )
    kind: str | None = attrs.field(default=None, repr=False)
    hours: DayHours = attrs.field(default=(), repr=False)
    number_field: str = attrs.field(default="destination", repr=False)
    further: tuple[ContactNumber, ...] = attrs.field(default=(), repr=False)
    rejected_numbers: tuple["RejectedRow", ...] = attrs.field(default=(), repr=False)
    priority: int = 0

    def __attrs_post_init__(self) -> None:
        problem = problem_of_fields({**self.fields, "destination": self.destination})
        if problem:
            raise InvalidCallError(problem, reason="invalid_field")

    @property
    def numbers(self) -> tuple[ContactNumber, ...]:
        """All numbers of the contact, in the order in which they are rung."""
        first = ContactNumber(
            destination=self.destination,
            kind=self.kind,
            hours=self.hours,
            field=self.number_field,
        )
        return first, *self.further

    @classmethod
    def from_call(
        cls,
        call: PredictiveCall,
        *,
        line: int,
        id: str | None = None,  # noqa: A002 - the name of the field
        pabx: str | None = None,
    ) -> Self:
        """Return the row that says all that a call does: no default changes it later.

        Every field of the call that is not None is the row's own, so a ledger keeps it,
        passwords too.

        Args:
            call: The call.
            line: Number of the contact in its list, from 1.
            id: Your own id of the contact, if it has one.
            pabx: Name of the PABX that must take it, or None for any.
        """
        return cls(
            line=line,
            id=id,
            destination=call.destination,
            pabx=pabx,
            fields={name: getattr(call, name) for name in OWN_FIELDS},
        )

    def build_call(
        self, defaults: Mapping[str, str | Secret | Personal]
    ) -> PredictiveCall:
        """Return the call of the row: its own fields over the defaults.

        Args:
            defaults: Fields of a call and their texts, for rows that don't give them.

        Raises:
            InvalidCallError: If a default can't stand in a call.
            ConfigurationError: If a field that a call needs is given by neither.
        """
        defaults = masked_fields(PredictiveCall, defaults)  # errors show locals
        for name in NEEDED_FIELDS:
            if name not in self.fields and name not in defaults:
                raise ConfigurationError(f"{name} is missing: no default gives it")
        given: dict[str, Any] = {**defaults, **self.fields}
        return PredictiveCall(**given, destination=self.destination)


_RowDraft = draft_of(ContactRow)


def row_of_cells(
    line: int,
    own_id: str,
    number: str,
    pabx: str,
    fields: Mapping[str, str],
    *,
    priority: int = 0,
) -> ContactRow:
    """Return the row of cells; empty texts are none.

    Args:
        line: Number of the row's first line.
        own_id: The caller's id.
        number: The number to dial, as ``read_number`` returns it.
        pabx: Name of the PABX to use.
        fields: Fields of ``PredictiveCall`` and their texts, none of them empty.
        priority: The priority.

    Raises:
        InvalidCallError: If a text can't stand in a call; the error names the field.
    """
    together = "".join(fields.values())
    if not (
        together.isprintable() and len(together) <= MAX_TEXT and has_number_form(number)
    ):
        return ContactRow(
            line=line,
            id=own_id or None,
            destination=number,
            pabx=pabx or None,
            fields=fields,
            priority=priority,
        )
    # A file has a million rows, and nearly all are as plain as this. The constructor
    # takes ten times as long.
    draft = _RowDraft()
    draft.line, draft.id, draft.pabx = line, own_id or None, pabx or None
    draft.destination = personal(number)
    draft.fields = {
        name: text if (wrap := _WRAP[name]) is None else wrap(text)
        for name, text in fields.items()
    }
    draft.kind, draft.hours, draft.number_field = None, (), "destination"
    draft.further = draft.rejected_numbers = ()
    draft.priority = priority
    draft.__class__ = ContactRow
    row: ContactRow = draft
    return row


def row_with_numbers(
    row: ContactRow,
    numbers: Sequence[ContactNumber],
    rejected: Sequence["RejectedRow"],
) -> ContactRow:
    """Return a row with all its numbers.

    Args:
        row: The row, with the first of the numbers.
        numbers: The numbers, in the order in which they are rung.
        rejected: Those that are none.
    """
    first = numbers[0]
    draft = _RowDraft()
    draft.line, draft.id, draft.pabx = row.line, row.id, row.pabx
    draft.destination, draft.fields = row.destination, row.fields
    draft.kind, draft.hours, draft.number_field = first.kind, first.hours, first.field
    draft.further, draft.rejected_numbers = tuple(numbers[1:]), tuple(rejected)
    draft.priority = row.priority
    draft.__class__ = ContactRow
    made: ContactRow = draft
    return made


@attrs.frozen(kw_only=True)
class RejectedRow:
    """The place of a row that is no contact, and the reason, without the row's content.

    Attributes:
        file: Name of the file, without its folder, on one line.
        line: Number of the row's first line, from 1; the header counts.
        field: The column that is wrong, or None where it is the row.
        reason: For a person to read.
        code: For a program to count.
        is_number: Whether it is one number of a row that is a contact by another one.
    """

    file: str
    line: int
    field: str | None = None
    reason: str
    code: RejectCode
    is_number: bool = False

    def __str__(self) -> str:
        column = f"{self.field}: " if self.field else ""
        return f"{file_name(self.file)}, line {self.line}: {column}{self.reason}"


def one_line_name(path: str | os.PathLike[str]) -> str:
    """Return a file's name with escapes for line breaks and bytes that are no text."""
    text = Path(path).name or str(path)
    return _NOT_IN_A_LINE.sub(lambda found: ascii(found[0])[1:-1], text)


def file_name(path: str | os.PathLike[str]) -> str:
    """Return a file's name as text that steers no terminal."""
    return printable(one_line_name(path))
