"""Finds the header row of a contact file, and how its cells are set apart."""

import csv
import itertools
import re
from collections.abc import Collection, Iterator, Sequence

import attrs

from digitro_async._common.text import did_you_mean
from digitro_async.contacts._characters import drop_invisible
from digitro_async.contacts._csv_records import text_problem
from digitro_async.contacts._numbers import read_number
from digitro_async.contacts._text_lines import Line, Lines
from digitro_async.errors import ConfigurationError

__all__ = ["DELIMITERS", "PHONE_WORDS", "Header", "find_header"]

DELIMITERS = (";", ",", "\t", "|")

PHONE_WORDS = frozenset(
    {
        *("celular", "contato", "destino", "destinatario", "destinatário", "fone"),
        *("numero", "número", "numero de telefone", "número de telefone", "tel"),
        *("tel.", "telefone", "cellphone", "mobile", "mobile phone", "phone"),
        *("phone number", "telephone", "whatsapp"),
    }
)
"""Names of columns that programs give to phone numbers, in small letters."""

_MOST_LOOKED_AT = 10
"""Most lines, blank ones left out, among which the header is looked for."""

_MOST_JOINED = 5
"""Most lines of a header whose names hold line breaks."""

_SHORTEST_NUMBER = 8
_SEPARATOR = re.compile(r'"?sep ?= ?(\\t|.)?"?([;,\t| ]*)', re.IGNORECASE)
_OF_BLANK_ROWS = ' \t\r\n;,|"'
"""Signs of a row in which no cell is filled in."""


@attrs.frozen
class Header:
    """The header row of a file.

    Attributes:
        line: Number of its first line.
        delimiter: The character between cells.
        names: The names of the columns, each on one line, as they are written.
    """

    line: int
    delimiter: str
    names: list[str]


def find_header(
    file: str,
    lines: Lines,
    *,
    known: Collection[str],
    destination: str,
    header_line: int | None,
) -> Header:
    """Return the header, and leave the lines at the first row below it.

    Args:
        file: Name of the file, for errors.
        lines: The lines of the file.
        known: Names of columns by which a header is told, in small letters.
        destination: The one of these that a header must have.
        header_line: Number of the header's line, if the caller gives it.

    Raises:
        ConfigurationError: If there is none; the text names the file and the line.
    """
    finder = _HeaderFinder(file, lines, frozenset(known), destination)
    return finder.find() if header_line is None else finder.take(header_line)


class _HeaderFinder:
    def __init__(
        self, file: str, lines: Lines, known: frozenset[str], destination: str
    ) -> None:
        self._file = file
        self._lines = lines
        self._known = known
        self._destination = destination
        self._delimiters: tuple[str, ...] = DELIMITERS

    def take(self, header_line: int) -> Header:
        """Return the header in the line that the caller gives."""
        last = 0
        for line in self._filled():
            if line[0] == header_line:
                return self._usable(line[0], self._read(line))
            if line[0] > header_line:
                break
            last = line[0]
        raise ConfigurationError(
            f"{self._file}: line {header_line} is blank or not there"
            + (f"; the line with text before it is {last}" if last else "")
        )

    def find(self) -> Header:
        """Return the first row that names the column of the destination."""
        above: list[tuple[int, Header | str]] = []
        for line in self._filled():
            found = self._read(line)
            if isinstance(found, Header) and self._has_destination(found):
                self._check_above(above, found)
                return found
            above.append((line[0], found))
            if len(above) == _MOST_LOOKED_AT:
                break
        if not above:
            raise ConfigurationError(f"{self._file}, line 1: the file is empty")
        return self._usable(*above[0])

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
        return name.casefold() in self._known or name.casefold() in PHONE_WORDS

    def _filled(self) -> Iterator[Line]:
        """Yield the lines that hold text; a first one may name the delimiter."""
        is_first = True
        for number, text in self._lines:
            seen = None if text is None else drop_invisible(text).strip("\r\n ")
            if seen is not None and not seen.strip().strip(_OF_BLANK_ROWS):
                continue
            if is_first and seen is not None and (found := _SEPARATOR.fullmatch(seen)):
                sign = self._named_delimiter(number, found[1])
                # A program that saved the line as a cell has delimiters of its own.
                if not found[2].strip(sign):
                    self._delimiters = (sign,)
            else:
                yield number, text
            is_first = False

    def _named_delimiter(self, line: int, sign: str) -> str:
        sign = "\t" if sign == "\\t" else sign
        if sign not in DELIMITERS:
            raise ConfigurationError(
                f"{self._file}, line {line}: sep= must name ; or , or | or a tab"
            )
        return sign

    def _read(self, line: Line) -> Header | str:
        """Return the row of a line as if it were the header, or why it can't be."""
        number, text = line
        if text is None or "\0" in text:
            return _UNREADABLE
        header = self._split(number, text)
        if text_problem(text):  # wrong bytes in other names do no harm
            is_header = header is not None and self._has_destination(header)
            return header if header is not None and is_header else _UNREADABLE
        if '"' not in text or (header is not None and self._has_destination(header)):
            return _OPEN_QUOTE if header is None else header
        # The name of a column may hold line breaks.
        taken: list[Line] = []
        joined = text
        for line_below in itertools.islice(self._lines, _MOST_JOINED - 1):
            taken.append(line_below)
            if line_below[1] is None or text_problem(line_below[1]):
                break
            joined += line_below[1]
            whole = self._split(number, joined)
            if whole is not None and self._has_destination(whole):
                return whole
        self._lines.put_back(taken)
        return _OPEN_QUOTE if header is None else header

    def _split(self, line: int, text: str) -> Header | None:
        """Split a row by the delimiter that gives most known names."""

        def score(header: Header) -> tuple[int, int]:
            names = {name.casefold() for name in header.names}
            return len(names & self._known), len(header.names)

        headers = [
            Header(line, delimiter, names)
            for delimiter in self._delimiters
            if (names := _names(text, delimiter))
        ]
        return max(headers, key=score, default=None)


_UNREADABLE = (
    "the header row can't be read (too long, or not text in the file's encoding)"
)
_OPEN_QUOTE = "a quote in the header row is not closed"


def _names(text: str, delimiter: str) -> list[str]:
    try:
        cells = next(
            csv.reader([text.rstrip("\r\n")], delimiter=delimiter, strict=True), []
        )
    except csv.Error:
        return []
    return [" ".join(drop_invisible(cell).split()) for cell in cells]


def _is_number(cell: str) -> bool:
    number = read_number(cell, strip_punctuation=True)
    return isinstance(number, str) and len(number) >= _SHORTEST_NUMBER


def _close_to_destination(names: Sequence[str]) -> str:
    """Return a hint at the column that may be meant; it shows no other text."""
    for position, name in enumerate(names, 1):
        if name.casefold() in PHONE_WORDS:
            return f" (column {position} {name!r} may be it)"
        if hint := did_you_mean(name.casefold(), ["destination"]):
            return f" (column {position}{hint})"
    return ""
