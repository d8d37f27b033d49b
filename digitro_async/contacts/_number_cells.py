"""Reads the cells of a row that hold numbers, each by itself."""

from collections.abc import Sequence

import attrs

from digitro_async.contacts._cleaning import Cleaning
from digitro_async.contacts._columns import Columns, NumberColumn
from digitro_async.contacts._contact_number import (
    ContactNumber,
    DayHours,
    number_of_cell,
    read_hours,
)
from digitro_async.contacts._contact_row import Problem, RejectCode
from digitro_async.contacts._numbers import read_number
from digitro_async.errors import ConfigurationError
from digitro_async.numbers import (
    AREA_CODES,
    NumberForm,
    NumberProblem,
    check_numbering_plan,
    parse_number,
)

__all__ = ["NumberCells", "NumberRules", "number_rules"]


@attrs.frozen(kw_only=True)
class NumberRules:
    """The rules by which the text of a cell becomes the number that is dialled.

    Attributes:
        strip_punctuation: Whether numbers lose their punctuation.
        form: The form that they are checked for and written in; None leaves them as
            they are written, whatever the numbering plan says.
        area_code: The area code of numbers without one; None refuses them, if there is
            a form.
    """

    strip_punctuation: bool = False
    form: NumberForm | None = None
    area_code: str | None = None


def number_rules(
    strip_punctuation: bool,  # noqa: FBT001 - it is no flag of this function's own
    form: NumberForm | str | None,
    area_code: str | None,
) -> NumberRules:
    """Return the rules by which numbers are read.

    Args:
        strip_punctuation: Whether numbers lose their punctuation.
        form: The form that they are written in, None to leave them as they are.
        area_code: The area code of numbers without one.

    Raises:
        ConfigurationError: If they don't go together.
    """
    form = NumberForm.of(form)
    if form is None:
        if area_code is not None:
            raise ConfigurationError("area_code is of use only beside number_form")
        return NumberRules(strip_punctuation=strip_punctuation)
    if area_code is not None and area_code not in AREA_CODES:
        raise ConfigurationError("area_code must be an area code (DDD), such as 48")
    if form.area_code is not None and area_code not in {None, form.area_code}:
        raise ConfigurationError(
            "area_code must be that of the local form, or be left out"
        )
    check_numbering_plan()
    return NumberRules(
        strip_punctuation=strip_punctuation,
        form=form,
        area_code=area_code or form.area_code,
    )


class NumberCells:
    """Reads the numbers of the rows of one file.

    Args:
        columns: The place of each field.
        rules: The rules of the file.
    """

    def __init__(self, columns: Columns, rules: NumberRules) -> None:
        self._columns = columns
        self._area_at = columns.area_code
        self._area_code = rules.area_code
        self._form = rules.form
        # Whoever names the form that a number gets wants no other sign in it.
        rewrites = rules.form is not None and not rules.form.is_as_written
        self._strip = rules.strip_punctuation or rewrites

    def read(self, cells: Sequence[str]) -> str | Problem:
        """Return the number of a row that has one column for it, or its problem."""
        return self._read(cells, self._columns.destination)

    def read_all(
        self, line: int, cells: Sequence[str], cleaning: Cleaning
    ) -> tuple[list[ContactNumber], list[Problem]]:
        """Return the numbers of a row in their order, and the problems of others.

        A number that is there twice comes once; an empty cell is none.
        """
        numbers: dict[str, ContactNumber] = {}
        problems = []
        for column in self._columns.numbers:
            written = cells[column.at]
            if not written or written.isspace():
                continue
            number = self._read(cells, column.at)
            if isinstance(number, Problem):
                problems.append(number._replace(field=column.field))
                continue
            hours = self._hours(cells, column)
            if hours is None:
                problems.append(_NO_HOURS._replace(field=column.hours_field))
                continue
            if number is not written:
                cleaning.note_number(line, written, number)
            if number not in numbers:
                kind = self._kind(cells, column)
                numbers[number] = number_of_cell(number, kind, hours, column.field)
        return list(numbers.values()), problems

    def _read(self, cells: Sequence[str], at: int) -> str | Problem:
        number = read_number(cells[at], strip_punctuation=self._strip)
        form = self._form
        if form is None or isinstance(number, Problem):
            return number
        area_code = self._area_code
        if self._area_at is not None and (cell := cells[self._area_at].strip()):
            area_code = cell.strip("()").removeprefix("0")
            if area_code not in AREA_CODES:
                return _NO_AREA_CODE
        found = parse_number(number, area_code=area_code)
        if not isinstance(found, NumberProblem):
            written = form.write(found, number)
            if isinstance(written, str):
                return written
            found = written
        return Problem(RejectCode(found.code.value), found.reason, "destination")

    def _kind(self, cells: Sequence[str], column: NumberColumn) -> str | None:
        own = "" if column.kind_at is None else " ".join(cells[column.kind_at].split())
        return own or column.name

    def _hours(self, cells: Sequence[str], column: NumberColumn) -> DayHours | None:
        """Return the hours of a number, None where its cell holds none."""
        if column.hours_at is None or not (cell := cells[column.hours_at].strip()):
            return ()
        return read_hours(cell)


_NO_AREA_CODE = Problem(
    RejectCode.INVALID_AREA_CODE,
    "stands beside an area code (DDD) that is none",
    "destination",
)
_NO_HOURS = Problem(
    RejectCode.INVALID_FIELD, "holds no hours such as 09:00-12:00, 14:00-18:00"
)
