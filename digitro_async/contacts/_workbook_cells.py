"""Turns the cells of a sheet into texts, or says why one has none that is certain."""

from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from typing import Any, Final

from digitro_async.contacts._characters import drop_invisible
from digitro_async.contacts._contact_row import Problem, RejectCode
from digitro_async.contacts._csv_records import CSVRecord
from digitro_async.contacts._workbook_marks import SheetMarks, column_letters, is_error

__all__ = ["CellReader", "text_of"]

_LARGEST_EXACT: Final = 10**15
"""Beyond it a spreadsheet has lost digits: it keeps fifteen."""

Range = tuple[tuple[int, int], tuple[int, int]]


def text_of(value: Any) -> str:
    """Return a cell as text: integral numbers are digits, as they are shown."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST_EXACT:
        return str(int(value))
    return str(value)


class CellReader:
    """Reads the rows of a sheet.

    Args:
        used: Index of each column that is used, and its field.
        marks: Places of cells that hold an error, or a formula without a value.
        merged: First and last place of each merged range, counted from 0.
        first_column: Number of the sheet's column with index 0, counted from 0.
    """

    def __init__(
        self,
        used: Mapping[int, str],
        marks: SheetMarks,
        merged: Sequence[Range],
        first_column: int,
    ) -> None:
        self._used = sorted(used.items())
        self._marks = marks
        self._first = first_column
        self._merged = sorted(merged)
        self._next_merged = 0
        self._open_merged: list[Range] = []

    def read(self, line: int, row: list[Any]) -> CSVRecord | None:
        """Return a row, with its cells or its problem; None if it is blank.

        Args:
            line: Its number in the sheet, from 1.
            row: Its cells.
        """
        cells = [cell if type(cell) is str else text_of(cell) for cell in row]
        marked = self._marks.cells.get(line)
        if marked is None and not any(cells):  # nearly all blank ones
            return None
        problem = self._problem(line, row)
        if problem is not None:
            return CSVRecord(line, line, cells, problem)
        if not drop_invisible("".join(cells)).strip():
            return None
        return CSVRecord(line, line, cells)

    def _problem(self, line: int, row: list[Any]) -> Problem | None:
        """Return the problem of the first cell in use that has no certain text."""
        marked = self._marks.cells.get(line)
        merged = self._merged_at(line - 1)
        for at, field in self._used:
            value: Any = row[at] if at < len(row) else ""
            column = at + self._first
            if marked and column in marked:
                return _cell(field, column, line, marked[column])
            if merged and value == "" and (found := _range_at(merged, line, column)):
                return found._replace(field=field)
            if type(value) is str:
                if value[:1] in {"#", "E"} and is_error(value):
                    return _cell(field, column, line, "an error")
                continue
            if what := _odd_type(value):
                return _cell(field, column, line, what)
            if value < 0 and field.startswith("destination"):
                return _cell(field, column, line, "a negative number")
            if abs(value) >= _LARGEST_EXACT:
                return _ROUNDED._replace(field=field)
        return None

    def _merged_at(self, row: int) -> list[Range]:
        """Return the merged ranges that reach over a row, counted from 0."""
        ranges = self._merged
        if not ranges:
            return ranges
        while self._next_merged < len(ranges) and (
            ranges[self._next_merged][0][0] <= row
        ):
            self._open_merged.append(ranges[self._next_merged])
            self._next_merged += 1
        if self._open_merged:
            self._open_merged = [one for one in self._open_merged if one[1][0] >= row]
        return self._open_merged


def _range_at(merged: Sequence[Range], line: int, column: int) -> Problem | None:
    """Return the problem of a cell that a merged range covers, but for its first."""
    for (top, left), (bottom, right) in merged:
        if left <= column <= right and (line - 1, column) != (top, left):
            place = (
                f"{column_letters(left)}{top + 1}:{column_letters(right)}{bottom + 1}"
            )
            return Problem(
                RejectCode.MERGED_CELL,
                f"is within the merged cells {place}, of which only the first has the "
                "value: split them",
            )
    return None


def _odd_type(value: object) -> str | None:
    """Return what a cell holds that is neither text nor a number."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, date):
        return "a date"
    return "a time" if isinstance(value, time | timedelta) else None


def _cell(field: str, column: int, line: int, what: str) -> Problem:
    return Problem(
        RejectCode.CELL_TYPE,
        f"has {what} in cell {column_letters(column)}{line}",
        field,
    )


_ROUNDED = Problem(
    RejectCode.E_NOTATION,
    "has more digits than a spreadsheet keeps; format the column as text",
)
