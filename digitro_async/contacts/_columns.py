"""Reads the header row, and finds the columns by their names."""

import csv
import re

import attrs

from digitro_async._common.text import did_you_mean
from digitro_async.calls import OWN_FIELDS
from digitro_async.contacts._csv_records import text_problem
from digitro_async.contacts._text_lines import Line
from digitro_async.errors import ConfigurationError

__all__ = ["Columns", "read_header"]

_KNOWN = ("id", "pabx", "destination", *OWN_FIELDS)
_DELIMITERS = (";", ",", "\t")

# A file without a header has a person in its first row, so an unknown name is shown
# only when it looks like one of a column and the row has a ``destination``.
_LOOKS_LIKE_A_NAME = re.compile(r"[^\W\d][\w .-]{0,39}")
_MANY_DIGITS = re.compile(r"\d{4}")


@attrs.frozen(kw_only=True)
class Columns:
    """The place of each field in a row.

    Attributes:
        delimiter: The character between cells.
        width: Cells of a row.
        destination: Index of the number.
        id: Index of the caller's id, if there is one.
        pabx: Index of the PABX's name, if there is one.
        fields: Index and name of every other field of the call.
    """

    delimiter: str
    width: int
    destination: int
    id: int | None
    pabx: int | None
    fields: tuple[tuple[int, str], ...]


def read_header(file: str, line: Line, *, ignore_unknown: bool) -> Columns:
    """Read the header row.

    Args:
        file: Name of the file, for errors.
        line: The first line that is not blank.
        ignore_unknown: Whether columns with unknown names are passed over.

    Raises:
        ConfigurationError: If it is no header; the text names the file, the line and
            the column.
    """
    number, text = line
    where = f"{file}, line {number}"
    if text is None or text_problem(text):
        raise ConfigurationError(
            f"{where}: the header row can't be read (too long, or not text in the "
            f"file's encoding)"
        )
    delimiter, names = _split(text.rstrip("\r\n"))
    if not names:
        raise ConfigurationError(f"{where}: a quote in the header row is not closed")
    _check(where, names, ignore_unknown=ignore_unknown)
    index = {name: i for i, name in enumerate(names) if name in _KNOWN}
    return Columns(
        delimiter=delimiter,
        width=len(names),
        destination=index.pop("destination"),
        id=index.pop("id", None),
        pabx=index.pop("pabx", None),
        fields=tuple((i, name) for name, i in index.items()),
    )


def _split(text: str) -> tuple[str, list[str]]:
    """Split the header by the delimiter that gives most known columns."""

    def score(split: tuple[str, list[str]]) -> tuple[int, int]:
        return len({*split[1]} & {*_KNOWN}), len(split[1])

    return max(((mark, _names(text, mark)) for mark in _DELIMITERS), key=score)


def _names(text: str, delimiter: str) -> list[str]:
    try:
        cells = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []
    return [cell.strip().lower() for cell in cells]


def _check(where: str, names: list[str], *, ignore_unknown: bool) -> None:
    if "destination" not in names:
        raise ConfigurationError(
            f"{where}: no column 'destination'; the first row must name the columns"
            f"{_close_to_destination(names)}"
        )
    for position, name in enumerate(names, 1):
        shown = f"column {position}{_shown(name)}"
        if name in _KNOWN:
            if name in names[: position - 1]:
                raise ConfigurationError(f"{where}: {shown} is there twice")
        elif not ignore_unknown:
            raise ConfigurationError(
                f"{where}: {shown} is unknown{did_you_mean(name, _KNOWN)}"
            )


def _close_to_destination(names: list[str]) -> str:
    for position, name in enumerate(names, 1):
        if hint := did_you_mean(name, ["destination"]):
            return f" (column {position}{hint})"
    return ""


def _shown(name: str) -> str:
    if not name:
        return " (without a name)"
    if _LOOKS_LIKE_A_NAME.fullmatch(name) and not _MANY_DIGITS.search(name):
        return f" {name!r}"
    return ""
