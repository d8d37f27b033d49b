"""Joins physical lines to rows.

CSV lets a quoted cell run over many lines, so one forgotten quote can swallow the
rest of a file. Here it can't: a row joins few lines, and when its quote does not
close, only the first line is rejected and reading goes on with the second.
"""

import csv
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from digitro_async.contacts._contact_row import Problem, RejectCode
from digitro_async.contacts._text_lines import MAX_LINE, Line, Lines

__all__ = [
    "BLANK",
    "MAX_LINES",
    "CSVRecord",
    "read_records",
    "text_problem",
]

MAX_LINES = 20
"""Most lines of one row."""

_MANY_LINES = 1_000
"""Blank lines after which the reader may do other work."""

_MARK = "\ufeff"
_MARK_IN_CP1252 = "\xef\xbb\xbf"
_BEGIN_OF_MARK = "\ufeff\xef"

_SURROGATE = re.compile("[\ud800-\udfff]")  # how undecodable bytes show themselves


class CSVRecord(NamedTuple):
    """One row: its cells, or the problem that it has.

    Attributes:
        line: Number of its first line.
        last: Number of its last line.
        cells: Its cells.
        problem: The reason why it has no cells.
        may_be_marked: Whether a cell may begin with a spreadsheet's sign for text.
        open_end: Whether its last line is the last of the file, and has no end.
    """

    line: int
    last: int
    cells: list[str]
    problem: Problem | None = None
    may_be_marked: bool = True
    open_end: bool = False


BLANK = CSVRecord(0, 0, [])
"""No row: tells that many lines were passed over."""


def read_records(
    lines: Lines, delimiter: str, is_whole_row: Callable[[str], bool]
) -> Iterator[CSVRecord]:
    """Yield every row that is not blank, and ``BLANK`` after many blank lines.

    Args:
        lines: The lines of the file.
        delimiter: The character between cells.
        is_whole_row: Whether one line looks like a whole row; a quoted cell
            that holds such a line is taken for a forgotten quote.
    """
    blank = 0
    for number, text in lines:
        if text is None:
            yield CSVRecord(number, number, [], _TOO_LONG)
            continue
        if text and text[0] in _BEGIN_OF_MARK:
            text = _without_mark(text)  # noqa: PLW2901 - the line as it is meant
        body = text.rstrip("\r\n")
        if not body or body.isspace():
            blank += 1
            if not text or blank % _MANY_LINES == 0:
                yield BLANK
            continue
        open_end = text[-1] not in "\r\n"
        if '"' in body:
            yield _quoted_record(lines, number, text, delimiter, is_whole_row)
        elif problem := text_problem(body):
            yield CSVRecord(number, number, [], problem, open_end=open_end)
        else:
            cells = body.split(delimiter)
            yield CSVRecord(number, number, cells, None, "'" in body, open_end)


def _without_mark(text: str) -> str:
    """Return a line without a byte order mark, as one file was put behind another.

    It would be a part of the id, and the person another one.
    """
    return text.removeprefix(_MARK).removeprefix(_MARK_IN_CP1252)


def text_problem(text: str) -> Problem | None:
    """Return the reason why a piece of the file is not text, or None."""
    if "\0" in text:
        return _NUL
    if not text.isascii() and _SURROGATE.search(text):
        return _UNREADABLE
    return None


_TOO_LONG = Problem(
    RejectCode.LINE_TOO_LONG, f"the line is longer than {MAX_LINE} characters"
)
_NUL = Problem(RejectCode.NUL_BYTE, "holds a NUL byte")
_UNREADABLE = Problem(
    RejectCode.UNREADABLE_BYTES,
    "holds bytes that mean nothing in the file's encoding; another may be right:"
    " see --encoding",
)
_STRAY_QUOTE = Problem(
    RejectCode.STRAY_QUOTE, "has text after a closing quote; double quotes inside cells"
)
_OPEN_QUOTE = Problem(RejectCode.OPEN_QUOTE, "opens a quote that is not closed")
_SWALLOWED = Problem(
    RejectCode.OPEN_QUOTE, "has a quoted cell that holds whole rows: a forgotten quote?"
)


class _Joined:
    """Gives csv the lines of one row, and remembers those that it took."""

    def __init__(self, lines: Lines, first: str) -> None:
        self.taken: list[Line] = []
        self.asked_for_more = False
        self._lines = lines
        self._first = first

    def __iter__(self) -> Iterator[str]:
        yield self._first
        self.asked_for_more = True
        size = len(self._first)
        while len(self.taken) < MAX_LINES - 1:
            line = next(self._lines, None)
            if line is None:
                return
            self.taken.append(line)
            size += len(line[1] or "")
            if line[1] is None or size > MAX_LINE:
                return
            yield line[1]

    def texts(self) -> list[str]:
        return [text for _, text in self.taken if text is not None]


def _quoted_record(
    lines: Lines,
    number: int,
    text: str,
    delimiter: str,
    is_whole_row: Callable[[str], bool],
) -> CSVRecord:
    joined = _Joined(lines, text)
    try:
        cells = next(csv.reader(joined, delimiter=delimiter, strict=True), [])
    except csv.Error:
        lines.put_back(joined.taken)
        problem = _OPEN_QUOTE if joined.asked_for_more else _STRAY_QUOTE
        problem = text_problem(text) or problem
        return CSVRecord(number, number, [], problem, open_end=_is_open(text))
    more = joined.texts()
    problem_or_none = text_problem("".join((text, *more)))
    if any(map(is_whole_row, more)):
        problem_or_none = _SWALLOWED
    marks = any("'" in line or '="' in line for line in (text, *more))
    open_end = _is_open((text, *more)[-1])
    return CSVRecord(
        number, number + len(more), cells, problem_or_none, marks, open_end
    )


def _is_open(text: str) -> bool:
    """Whether a line has no end, as only the last one of a file has none."""
    return text[-1:] not in ("\r", "\n")
