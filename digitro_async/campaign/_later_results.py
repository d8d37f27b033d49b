"""Reads results that were written later than the backup that a ledger came from."""

import csv
import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from digitro_async._common.csv_cells import text_of_cell
from digitro_async._common.text import printable, words_of_os_error
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import State
from digitro_async.ledger.transfer import LaterOutcome
from digitro_async.privacy import Personal

__all__ = ["read_later_results"]

_NEEDED = ("contact", "id", "state", "call_id", "pabx", "reason", "sent_at")
_REASON = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)
_STATES = {str(state): state for state in State}
_MOST_DIGITS = 18


def read_later_results(path: Path) -> Mapping[int, LaterOutcome]:
    """Return what a CSV file of ``digitro results`` says of each contact.

    Of a file that was followed the last row of a contact counts.

    Args:
        path: The file, as it was written.

    Raises:
        ConfigurationError: If it can't be read, or a row can't be understood: what is
            passed over might be a contact that was called.
    """
    name = printable(path.name)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {one.number: one for one in _outcomes(name, file)}
    except OSError as error:
        problem = words_of_os_error(error)
    except UnicodeDecodeError:
        problem = "it is not in UTF-8: give the file as digitro results wrote it"
    except csv.Error:
        problem = "a quote is not closed, or it is no CSV file"
    raise ConfigurationError(f"{name} can't be read: {problem}")


def _outcomes(name: str, lines: Iterator[str]) -> Iterator[LaterOutcome]:
    rows = csv.reader(lines, strict=True)
    header = next(rows, [])
    missing = [column for column in _NEEDED if column not in header]
    if missing:
        raise ConfigurationError(
            f"{name} has no column {missing[0]}: give a file of "
            '"digitro results --format csv"'
        )
    for cells in rows:
        line = rows.line_num
        if len(cells) != len(header):
            raise ConfigurationError(f"{name}, line {line}: it is cut off, or too long")
        yield _outcome(f"{name}, line {line}", dict(zip(header, cells, strict=True)))


def _outcome(where: str, row: Mapping[str, str]) -> LaterOutcome:
    number = row["contact"].removeprefix("#")
    if not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS):
        raise ConfigurationError(f"{where}: its contact is no number such as #17")
    if row["state"] not in _STATES:
        raise ConfigurationError(f"{where}: its state is none that a contact can have")
    reason = row["reason"]
    return LaterOutcome(
        number=int(number),
        id=Personal(row["id"]) if row["id"] else None,
        state=_STATES[row["state"]],
        call_id=text_of_cell(row["call_id"]) or None,
        pabx=text_of_cell(row["pabx"]) or None,
        reason=reason if _REASON.fullmatch(reason) else None,
        sent_at=_time(where, row["sent_at"]),
    )


def _time(where: str, text: str) -> float | None:
    if not text:
        return None
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except ValueError:
        pass
    raise ConfigurationError(f"{where}: its sent_at is no time")
