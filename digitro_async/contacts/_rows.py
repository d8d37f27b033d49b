"""Turns the cells of a line into a row, or says why they are none."""

import re
from collections.abc import Mapping, Sequence

from digitro_async._common.cell_marks import without_cell_mark
from digitro_async.calls import NEEDED_FIELDS, check_defaults
from digitro_async.contacts._characters import drop_invisible, without_text_mark
from digitro_async.contacts._cleaning import Cleaning
from digitro_async.contacts._columns import Columns
from digitro_async.contacts._contact_row import (
    ContactRow,
    Problem,
    RejectCode,
    RejectedRow,
    row_of_cells,
    row_with_numbers,
)
from digitro_async.contacts._csv_records import CSVRecord
from digitro_async.contacts._number_cells import NumberCells, NumberRules
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
_LONGEST_TOTAL = 7  # digits of a count of rows
_TOTAL = re.compile(
    r"\W*(?:(?:sub)?tota(?:l|is)|registros|quantidade|qtde?|soma|sum|count|records"
    r"|trailer|fim|eof)\b.*",
    re.IGNORECASE | re.DOTALL,
)


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
        rules: The rules by which numbers are read.
        file: Name of the file, for numbers that are rejected.

    Attributes:
        cleaning: What was taken away from cells so far.
    """

    def __init__(
        self,
        columns: Columns,
        needed: Sequence[str],
        *,
        rules: NumberRules,
        file: str,
    ) -> None:
        self._columns = columns
        self._needed = needed
        self._file = file
        self._numbers = NumberCells(columns, rules)
        self._has_several = len(columns.numbers) > 1 or (
            columns.numbers[0].kind_at is not None
            or columns.numbers[0].hours_at is not None
        )
        self._number_places = {one.at for one in columns.numbers}
        self._last = max(
            [
                columns.destination,
                *(index for index, name in columns.fields if name in needed),
            ]
        )
        self.cleaning = Cleaning()

    def read(self, record: CSVRecord) -> ContactRow | Problem | None:
        """Return the row, the problem that makes it no contact, or None if it is blank.

        A row of delimiters and blanks alone is blank: spreadsheets write such rows for
        lines that nobody filled in.
        """
        cells, marks = record.cells, 0
        if len(cells) != self._columns.width:
            fitted = self._fitted(cells)
            if not isinstance(fitted, list):
                return fitted
            cells = fitted
        if record.may_be_marked:
            cells, marks = self._without_marks(cells)
        row = self._read_cells(record.line, cells)
        if marks and isinstance(row, ContactRow):
            self.cleaning.note_text_marks(marks)
        return row

    def _read_cells(self, line: int, cells: list[str]) -> ContactRow | Problem | None:
        """Return the row of as many cells as the header has."""
        if self._has_several:
            return self._read_several(line, cells)
        written = cells[self._columns.destination]
        number = self._numbers.read(cells)
        if isinstance(number, Problem):
            return None if _are_blank(cells) or self._is_only_mark(cells) else number
        row = self._row_of(line, cells, number)
        if number is not written and isinstance(row, ContactRow):
            self.cleaning.note_number(line, written, number)
        return row

    def _read_several(self, line: int, cells: list[str]) -> ContactRow | Problem | None:
        """Return the row of a contact that may have several numbers."""
        numbers, problems = self._numbers.read_all(line, cells, self.cleaning)
        if not numbers:
            if _are_blank(cells) or self._is_only_mark(cells):
                return None
            return problems[0] if problems else NO_NUMBER
        row = self._row_of(line, cells, numbers[0].destination.reveal())
        if not isinstance(row, ContactRow):
            return row
        rejected = [
            RejectedRow(
                file=self._file,
                line=line,
                field=field,
                reason=reason,
                code=code,
                is_number=True,
            )
            for code, reason, field in problems
        ]
        return row_with_numbers(row, numbers, rejected)

    def _row_of(self, line: int, cells: list[str], number: str) -> ContactRow | Problem:
        """Return the row with this number, or the problem of its other cells."""
        columns = self._columns
        if len(number) <= _LONGEST_TOTAL and self._is_total(cells):
            return _IS_TOTAL
        own_id = "" if columns.id is None else cells[columns.id].strip()
        pabx = "" if columns.pabx is None else cells[columns.pabx].strip()
        problem = _own_problem("id", own_id, _LONGEST_ID) or _own_problem(
            "pabx", pabx, _LONGEST_PABX
        )
        if problem:
            return problem
        priority = 0
        if columns.priority is not None and (cell := cells[columns.priority].strip()):
            if not _PRIORITY.fullmatch(cell):
                return _NO_PRIORITY
            priority = int(cell)
        fields = self._fields(cells)
        for name in self._needed:
            if name not in fields:
                return Problem(RejectCode.INVALID_FIELD, "is empty", name)
        try:
            return row_of_cells(line, own_id, number, pabx, fields, priority=priority)
        except InvalidCallError as error:
            # Its text is "<field> <problem>" and holds no value.
            field, _, reason = str(error.args[0]).partition(" ")
            return Problem(RejectCode.INVALID_FIELD, reason, field)

    def is_whole(self, cells: Sequence[str]) -> bool:
        """Whether a blank row is written to its end, as far as can be told."""
        return len(cells) >= self._columns.width or "\x1a" in cells[-1]

    def is_whole_row(self, text: str) -> bool:
        """Whether one line looks like a row by itself."""
        columns = self._columns
        cells = text.rstrip("\r\n").split(columns.delimiter)
        # A lone number below a note is a second number of that person, perhaps.
        if len(cells) != columns.width and (
            len(cells) == 1 or not isinstance(self._fitted(cells), list)
        ):
            return False
        number = cells[columns.destination].strip('"')
        bare = read_number(number, strip_punctuation=True)
        return isinstance(bare, str) and len(bare) >= _SHORTEST_PUBLIC

    def _fitted(self, cells: list[str]) -> list[str] | Problem | None:
        """Return the cells of a row that is as wide as the header; None if it is blank.

        Programs leave out empty cells at the end of a row, or write too many of them.
        """
        width = self._columns.width
        if _are_blank(cells):
            return None
        if len(cells) > width:
            if not _are_blank(cells[width:]):
                return _width_problem(len(cells), width)
            return cells[:width]
        if len(cells) <= self._last:
            return _width_problem(len(cells), width)
        return cells + [""] * (width - len(cells))

    def _is_total(self, cells: Sequence[str]) -> bool:
        """Whether a row counts the rows above it, as the last ones of reports do."""
        others = (
            cell
            for index, cell in enumerate(cells)
            if index not in self._number_places and cell.strip()
        )
        return _TOTAL.fullmatch(next(others, "")) is not None

    def _is_only_mark(self, cells: Sequence[str]) -> bool:
        """Whether nothing is in a row but the sign that an empty number is text."""
        place = self._columns.destination
        number = without_text_mark(cells[place].strip())
        return not number.strip() and _are_blank([*cells[:place], *cells[place + 1 :]])

    def _without_marks(self, cells: list[str]) -> tuple[list[str], int]:
        """Return the cells without text marks, and how many lost one.

        The number loses its own when it is read.
        """
        bare = [
            cell if index in self._number_places else without_cell_mark(cell)
            for index, cell in enumerate(cells)
        ]
        return bare, sum(map(str.__ne__, cells, bare))

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


NO_NUMBER = Problem(RejectCode.NO_NUMBER, "is empty", "destination")
_PRIORITY = re.compile(r"[+-]?[0-9]{1,3}", re.ASCII)
_NO_PRIORITY = Problem(
    RejectCode.INVALID_FIELD, "must be a whole number from -999 to 999", "priority"
)
_IS_TOTAL = Problem(
    RejectCode.NOT_A_PHONE,
    "is in a row that counts other rows, and no number to dial",
    "destination",
)


def _are_blank(cells: Sequence[str]) -> bool:
    """Whether no cell holds anything that is seen, but the end sign of DOS (0x1A)."""
    return not drop_invisible("".join(cells)).strip().strip("\x1a")


def _own_problem(field: str, text: str, longest: int) -> Problem | None:
    if len(text) <= longest and text.isprintable():  # nearly always
        return None
    if len(text) > longest:
        return Problem(
            RejectCode.INVALID_FIELD, f"is longer than {longest} characters", field
        )
    if _CONTROL.search(text):
        return Problem(RejectCode.CONTROL_CHARACTER, "holds a control character", field)
    return None
