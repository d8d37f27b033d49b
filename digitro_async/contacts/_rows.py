"""Turns the cells of a line into a row, or says why they are none."""

import re
from collections.abc import Mapping, Sequence

from digitro_async.calls import NEEDED_FIELDS, check_defaults
from digitro_async.contacts._columns import Columns
from digitro_async.contacts._contact_row import ContactRow, Problem, RejectCode
from digitro_async.contacts._csv_records import Record
from digitro_async.contacts._numbers import read_number
from digitro_async.errors import ConfigurationError, InvalidCallError
from digitro_async.privacy import Personal, Secret

__all__ = ["Defaults", "RowReader", "needed_of_rows"]

Defaults = Mapping[str, str | Secret | Personal]
"""Texts for fields of a call that a row leaves empty."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LONGEST_ID = 256
_LONGEST_PABX = 64
_SHORTEST_PUBLIC = 8  # a landline without its area code


def needed_of_rows(file: str, columns: Columns, defaults: Defaults) -> tuple[str, ...]:
    """Return the fields that each row of a file must give, as no default does.

    Raises:
        ConfigurationError: If a default can't be used, or a field that a call needs is
            neither a column nor a default. Better said once than for a million rows.
    """
    check_defaults(defaults)
    needed = tuple(name for name in NEEDED_FIELDS if name not in defaults)
    in_file = {name for _, name in columns.fields}
    for name in needed:
        if name not in in_file:
            raise ConfigurationError(
                f"{name} is missing: {file} has no such column and the call "
                f"defaults don't name it"
            )
    return needed


class RowReader:
    """Reads the rows of one file.

    Args:
        columns: The place of each field.
        needed: Fields that each row must give.
        strip_punctuation: Whether numbers lose their punctuation.
    """

    def __init__(
        self,
        columns: Columns,
        needed: Sequence[str],
        *,
        strip_punctuation: bool,
    ) -> None:
        self._columns = columns
        self._needed = needed
        self._strip = strip_punctuation

    def read(self, record: Record) -> ContactRow | Problem:
        """Return the row, or the problem that makes it no contact."""
        columns, cells = self._columns, record.cells
        if len(cells) != columns.width:
            return _width_problem(len(cells), columns.width)
        number = read_number(cells[columns.destination], strip_punctuation=self._strip)
        if isinstance(number, Problem):
            return number
        own_id = "" if columns.id is None else cells[columns.id].strip()
        pabx = "" if columns.pabx is None else cells[columns.pabx].strip()
        problem = _own_problem("id", own_id, _LONGEST_ID) or _own_problem(
            "pabx", pabx, _LONGEST_PABX
        )
        if problem:
            return problem
        fields = self._fields(cells)
        for name in self._needed:
            if name not in fields:
                return Problem(RejectCode.INVALID_FIELD, "is empty", name)
        try:
            row = ContactRow(
                line=record.line,
                id=own_id or None,
                destination=number,
                pabx=pabx or None,
                fields=fields,
            )
        except InvalidCallError as error:
            # Its text is "<field> <problem>" and holds no value.
            field, _, reason = str(error.args[0]).partition(" ")
            return Problem(RejectCode.INVALID_FIELD, reason, field)
        return row

    def is_whole_row(self, text: str) -> bool:
        """Whether one line looks like a row by itself."""
        cells = text.rstrip("\r\n").split(self._columns.delimiter)
        if len(cells) != self._columns.width:
            return False
        number = cells[self._columns.destination].strip('"')
        bare = read_number(number, strip_punctuation=True)
        return isinstance(bare, str) and len(bare) >= _SHORTEST_PUBLIC

    def _fields(self, cells: list[str]) -> dict[str, str]:
        """Return the fields that a row says itself; blank cells say nothing."""
        return {
            name: cell
            for index, name in self._columns.fields
            if (cell := cells[index]) and not cell.isspace()
        }


def _width_problem(cells: int, width: int) -> Problem:
    few = cells < width
    return Problem(
        RejectCode.TOO_FEW_COLUMNS if few else RejectCode.TOO_MANY_COLUMNS,
        f"has {cells} columns where the header has {width}"
        + ("" if few else "; put quotes around cells that hold the delimiter"),
    )


def _own_problem(field: str, text: str, longest: int) -> Problem | None:
    if len(text) > longest:
        return Problem(
            RejectCode.INVALID_FIELD, f"is longer than {longest} characters", field
        )
    if _CONTROL.search(text):
        return Problem(RejectCode.CONTROL_CHARACTER, "holds a control character", field)
    return None
