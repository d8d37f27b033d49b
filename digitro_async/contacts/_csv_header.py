"""Finds the header row of a file of text, and how its cells are set apart."""

import csv
import itertools
import re
from collections.abc import Iterator
from typing import Final

from digitro_async.contacts._characters import drop_invisible
from digitro_async.contacts._csv_records import text_problem
from digitro_async.contacts._header import Header, HeaderFinder
from digitro_async.contacts._row_source import SourceOptions
from digitro_async.contacts._text_lines import Line, Lines
from digitro_async.errors import ConfigurationError

__all__ = ["DELIMITERS", "find_csv_header"]

DELIMITERS: Final = (";", ",", "\t", "|")

_MOST_JOINED = 5
"""Most lines of a header whose names hold line breaks."""

_SEPARATOR = re.compile(r'"?sep ?= ?(\\t|.)?"?([;,\t| ]*)', re.IGNORECASE)
_OF_BLANK_ROWS = ' \t\r\n;,|"'
"""Signs of a row in which no cell is filled in."""


def find_csv_header(file: str, lines: Lines, options: SourceOptions) -> Header:
    """Return the header, and leave the lines at the first row below it.

    Args:
        file: Name of the file, for errors.
        lines: The lines of the file.
        options: The options by which rows are found.

    Raises:
        ConfigurationError: If there is none; the text names the file and the line.
    """
    finder = _CSVHeaderFinder(file, options.known, options.destination)
    finder.begin(lines)
    return finder.find_header(options.header_line)


class _CSVHeaderFinder(HeaderFinder[str | None]):
    def begin(self, lines: Lines) -> None:
        """Take the lines to look in."""
        self._lines = lines
        self._delimiters: tuple[str, ...] = DELIMITERS

    def _filled(self) -> Iterator[tuple[int, str | None]]:
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

    def _read(self, line: int, row: str | None) -> Header | str:
        """Return the row of a line as if it were the header, or why it can't be."""
        number, text = line, row
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
