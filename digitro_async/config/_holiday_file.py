"""Reads a file of holidays: one a line, with the day, a state and a name."""

import datetime as dt
from pathlib import Path
from typing import Final

from digitro_async.config._location import read_text
from digitro_async.errors import ConfigurationError
from digitro_async.rules import OwnHoliday

__all__ = ["holidays_of_file"]

_COLUMNS: Final = 3


def holidays_of_file(path: Path) -> list[OwnHoliday]:
    """Return the holidays of a file.

    Args:
        path: The file. A line is ``2026-11-20;SP;Consciência Negra``: the day, the
            state where it is a holiday (empty: everywhere) and a name. ``#`` begins a
            comment.

    Raises:
        ConfigurationError: If it can't be read, or a line can't be used; the text has
            file, line and field. A holiday that is missing would be a day of calls.
    """
    try:
        text = read_text(path)
    except ConfigurationError as error:
        problem = str(error)
    else:
        lines = enumerate(text.splitlines(), 1)
        return [_holiday(path, number, line) for number, line in lines if _holds(line)]
    raise ConfigurationError(f"{path}: {problem}")


def _holds(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _holiday(path: Path, number: int, line: str) -> OwnHoliday:
    cells = [cell.strip() for cell in line.split(";")]
    day, state, name, *more = (*cells, "", "")[: max(len(cells), _COLUMNS)]
    if more:
        raise ConfigurationError(f"{path}:{number}: has more than three fields")
    try:
        found = dt.date.fromisoformat(day)
    except ValueError:
        problem = "day is no day such as 2026-11-20"
    else:
        try:
            return OwnHoliday(day=found, state=state, name=name or "holiday")
        except ConfigurationError as error:
            problem = str(error)
    field, _, problem = problem.partition(" ")
    raise ConfigurationError(f"{path}:{number}: {field}: {problem}")
