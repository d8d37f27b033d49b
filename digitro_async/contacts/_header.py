"""Finds the header row of a contact file among its first rows."""

import abc
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

import attrs

from digitro_async._common.text import did_you_mean
from digitro_async.contacts._column_words import is_phone_word, map_option
from digitro_async.contacts._numbers import read_number
from digitro_async.errors import ConfigurationError

__all__ = ["Header", "HeaderFinder"]

_Row = TypeVar("_Row")

_MOST_LOOKED_AT = 10
"""Most lines, blank ones left out, among which the header is looked for."""

_SHORTEST_NUMBER = 8


@attrs.frozen
class Header:
    """The header row of a file.

    Attributes:
        line: Number of its first line.
        delimiter: The character between cells, empty where cells are no text.
        names: The names of the columns, each on one line, as they are written.
    """

    line: int
    delimiter: str
    names: list[str]


class HeaderFinder(abc.ABC, Generic[_Row]):
    """Finds the header, and leaves the rows at the first one below it.

    Args:
        file: Name of the file, for errors.
        known: Names of columns by which a header is told, in small letters.
        destination: The one of these that a header must have.
    """

    def __init__(self, file: str, known: frozenset[str], destination: str) -> None:
        self._file = file
        self._known = known
        self._destination = destination

    @abc.abstractmethod
    def _filled(self) -> Iterator[tuple[int, _Row]]:
        """Yield the rows that hold something, with the numbers of their lines."""

    @abc.abstractmethod
    def _read(self, line: int, row: _Row) -> Header | str:
        """Return a row as if it were the header, or why it can't be."""

    def find_header(self, header_line: int | None) -> Header:
        """Return the header.

        Args:
            header_line: Number of its line, if the caller gives it.

        Raises:
            ConfigurationError: If there is none; the text names the file and the line.
        """
        return self._find() if header_line is None else self._take(header_line)

    def _take(self, header_line: int) -> Header:
        """Return the header in the line that the caller gives."""
        last = 0
        for line, row in self._filled():
            if line == header_line:
                return self._usable(line, self._read(line, row))
            if line > header_line:
                break
            last = line
        raise ConfigurationError(
            f"{self._file}: line {header_line} is blank or not there"
            + (f"; the line with text before it is {last}" if last else "")
        )

    def _find(self) -> Header:
        """Return the first row that names the column of the destination."""
        above: list[tuple[int, Header | str]] = []
        for line, row in self._filled():
            found = self._read(line, row)
            if isinstance(found, Header) and self._has_destination(found):
                self._check_above(above, found)
                return found
            above.append((line, found))
            if len(above) == _MOST_LOOKED_AT:
                break
        if not above:
            raise ConfigurationError(f"{self._file}, line 1: the file is empty")
        hinted = (one for one in above if _names_a_phone(one[1]))
        return self._usable(*next(hinted, above[0]))

    def _usable(self, line: int, found: Header | str) -> Header:
        """Return a header that has a destination.

        Raises:
            ConfigurationError: If it has none, or can't be read.
        """
        where = f"{self._file}, line {line}"
        if isinstance(found, str):
            raise ConfigurationError(f"{where}: {found}")
        if self._has_destination(found):
            return found
        raise ConfigurationError(
            f"{where}: no column '{self._destination}'; the first row must name the "
            f"columns{_close_to_destination(found.names)}. --header-line N says that "
            "the header is in line N, --map destination=COLUMN that the column has "
            "another name"
        )

    def _check_above(
        self, above: Sequence[tuple[int, Header | str]], found: Header
    ) -> None:
        """Refuse to pass over a line that may be a header, or a contact.

        Raises:
            ConfigurationError: If there is one.
        """
        for line, one in above:
            names = one.names if isinstance(one, Header) else []
            if any(self._is_known(name) or _is_number(name) for name in names):
                raise ConfigurationError(
                    f"{self._file}, line {line}: no column '{self._destination}', and "
                    "yet it holds a column's name or a number; --header-line "
                    f"{found.line} takes the header from line {found.line}"
                )

    def _has_destination(self, header: Header) -> bool:
        return self._destination in map(str.casefold, header.names)

    def _is_known(self, name: str) -> bool:
        return name.casefold() in self._known or is_phone_word(name)


def _names_a_phone(row: Header | str) -> bool:
    return isinstance(row, Header) and any(map(is_phone_word, row.names))


def _is_number(cell: str) -> bool:
    number = read_number(cell, strip_punctuation=True)
    return isinstance(number, str) and len(number) >= _SHORTEST_NUMBER


def _close_to_destination(names: Sequence[str]) -> str:
    """Return a hint at the column that may be meant; it shows no other text."""
    for position, name in enumerate(names, 1):
        if is_phone_word(name):
            option = map_option("destination", name)
            return f" (column {position} {name!r} may be it: {option})"
        if hint := did_you_mean(name.casefold(), ["destination"]):
            return f" (column {position}{hint})"
    return ""
