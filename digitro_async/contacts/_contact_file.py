"""Reads a contact file of any size, a row at a time."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Self

from digitro_async._common.text import words_of_os_error
from digitro_async._common.validators import masked_fields
from digitro_async.contacts._cleaning import CleanedNumber, CleaningCounts
from digitro_async.contacts._column_words import suggestions
from digitro_async.contacts._columns import KNOWN_FIELDS, checked_map, find_columns
from digitro_async.contacts._contact_row import (
    ContactRow,
    Problem,
    RejectCode,
    RejectedRow,
    file_name,
    one_line_name,
)
from digitro_async.contacts._csv_records import BLANK, CSVRecord
from digitro_async.contacts._csv_source import CSVSource
from digitro_async.contacts._file_reading import FileReading
from digitro_async.contacts._number_cells import NumberRules, number_rules
from digitro_async.contacts._row_source import RowSource, SourceOptions
from digitro_async.contacts._rows import Defaults, RowReader, needed_of_rows
from digitro_async.contacts._workbook_source import WorkbookSource, is_workbook
from digitro_async.errors import ConfigurationError, DigitroError
from digitro_async.models import PredictiveCall
from digitro_async.numbers import NumberForm

__all__ = ["ContactFile", "open_contacts"]

_NO_DEFAULTS: Defaults = MappingProxyType({})
_NO_COLUMNS: Mapping[str, str] = MappingProxyType({})
_PIECE = 1 << 18


class ContactFile(Iterator[ContactRow | RejectedRow]):
    r"""An open contact file: a context manager, and an iterator to be used once.

    Made by :func:`open_contacts`.

    The header names the columns, in any order and case: ``destination``, which must be
    there, ``id``, ``pabx`` and any field of ``PredictiveCall``. Of these ``account``,
    ``device`` and ``route`` are general words, and must stand there in small letters.
    Rows of titles may stand above the header. Cells are set apart by ``;``, ``,``,
    ``|`` or a tab; a first line may say ``sep=;``. Lines end with ``\n``, ``\r\n`` or
    ``\r``; rows without a filled cell are skipped. Every other row comes out either as
    a contact or as a rejected row. A workbook's lines are the rows of its sheet.

    A contact may have several numbers, in ``destination``, ``destination2`` and so on.
    The row is a contact if one of them is good; the others that are not are its
    ``rejected_numbers``.

    A cell that is not empty overrides the default of its field; an empty one leaves the
    field to the default. ``destination``, ``id`` and ``pabx`` lose blanks around them,
    every cell a spreadsheet's sign that it is text; all else is sent as written.

    A row comes out also where an earlier one is the same contact: duplicates are found
    by the ledger, over all files that are added to it.

    Attributes:
        name: Name of the file, without its folder.
        encoding: Codec it is read with.
        delimiter: The character between its cells.
        total_bytes: Its size when it was opened.
        reading: How it is read, for the operator to check.
        read: Rows read so far, rejected ones included.
        rejected: Rows rejected so far.
        rejected_numbers: Numbers rejected so far, of rows that are contacts by another.
        open_end: The line of a last row that was rejected because its line has no end.

    Raises:
        DigitroError: While iterating, if the file can't be read any further.
    """

    def __init__(
        self,
        stream: BinaryIO,
        name: str,
        *,
        defaults: Defaults,
        encoding: str | None,
        columns: Mapping[str, str],
        header_line: int | None,
        sheet: str | None,
        ignore_unknown_columns: bool,
        numbers: NumberRules,
        allow_open_end: bool,
    ) -> None:
        columns = checked_map(columns)
        self.name = name
        self._shown = shown = file_name(name)
        self._stat = os.fstat(stream.fileno())
        self.total_bytes: int = self._stat.st_size
        self.read: int = 0
        self.rejected: int = 0
        self.rejected_numbers: int = 0
        self._bytes = stream
        self._failure: str | None = None
        self._source = source = _open_source(
            stream,
            shown,
            SourceOptions(
                encoding=encoding,
                columns=columns,
                header_line=header_line,
                sheet=sheet,
                known=frozenset({*KNOWN_FIELDS, *map(str.casefold, columns.values())}),
            ),
        )
        found = find_columns(
            shown, source.header, columns=columns, ignore_unknown=ignore_unknown_columns
        )
        if found.area_code is not None and numbers.form is None:
            raise ConfigurationError(
                "a column is area_code, which is of use only beside --number-form"
            )
        self.encoding: str = source.format
        self.delimiter: str = source.header.delimiter
        meant = suggestions(found.passed_over, (field for _, field in found.taken))
        self.reading: FileReading = FileReading(
            encoding=self.encoding,
            delimiter=self.delimiter,
            header_line=source.header.line,
            columns=found.taken,
            passed_over=found.passed_over,
            doubts=(*source.doubts, *meant),
            sheet=source.sheet,
        )
        self._rows = RowReader(
            found, needed_of_rows(shown, found, defaults), rules=numbers, file=name
        )
        self._allow_open_end = allow_open_end
        self.open_end: int | None = None
        self._records = source.records(found.used, self._rows.is_whole_row)

    @property
    def bytes_read(self) -> int:
        """Bytes taken from the file so far, a buffer ahead of the rows."""
        if self._source.share is not None:
            return int(self.total_bytes * self._source.share)
        return self.total_bytes if self._bytes.closed else self._bytes.tell()

    @property
    def samples(self) -> tuple[CleanedNumber, ...]:
        """The first numbers that are not dialled as their cells are written."""
        return tuple(self._rows.cleaning.samples)

    @property
    def cleaned(self) -> CleaningCounts:
        """Counts of what was taken away from cells so far, by kind."""
        return self._rows.cleaning.counts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ContactRow | RejectedRow:
        while (row := self._next_piece()) is None:
            pass
        return row

    def pieces(self) -> Iterator[ContactRow | RejectedRow | None]:
        """Yield every row, and None after every long stretch without one.

        A caller that has other work can do it at each None.
        """
        while True:
            try:
                yield self._next_piece()
            except StopIteration:
                return

    def content(self) -> Iterator[bytes]:
        """Yield the bytes of the file in pieces; reading goes on where it was.

        What was written to the file since it was opened is left out.

        Raises:
            DigitroError: If it can't be read.
        """
        place, left = self._bytes.tell(), self.total_bytes
        try:
            self._bytes.seek(0)
            while piece := self._bytes.read(min(_PIECE, left)):
                left -= len(piece)
                yield piece
        except OSError as error:
            problem = error.strerror
        else:
            problem = None
        finally:
            if not self._bytes.closed:
                self._bytes.seek(place)
        if problem is not None:
            raise self._cannot_be_read(problem)

    def _next_piece(self) -> ContactRow | RejectedRow | None:
        record = self._next_record()
        if record is BLANK:
            return None
        row = record.problem or self._rows.read(record)
        if record.open_end and not self._allow_open_end:
            row = self._rejected_open_end(record, row)
        if row is None:
            return None
        self.read += 1
        if isinstance(row, ContactRow):
            self.rejected_numbers += len(row.rejected_numbers)
            return row
        self.rejected += 1
        return self._rejected(record, row)

    def __repr__(self) -> str:
        return f"<ContactFile {self.name!r} read={self.read} rejected={self.rejected}>"

    def close(self) -> None:
        """Close the file; nothing can be read afterwards."""
        self._source.close()

    def _next_record(self) -> CSVRecord:
        if self._source.is_closed:
            raise ConfigurationError(f"{self._shown} was closed")
        if self._failure is None:
            try:
                return next(self._records)
            except StopIteration:
                if not self._was_changed():
                    raise
                self._failure = _CHANGED
            except OSError as error:
                self._failure = words_of_os_error(error)
        # What failed once would look like the end of the file the next time.
        raise self._cannot_be_read(self._failure)

    def _rejected_open_end(
        self, record: CSVRecord, row: ContactRow | Problem | None
    ) -> Problem | None:
        """Return the problem of the last row; None where it is blank as a whole."""
        if row is None and self._rows.is_whole(record.cells):
            return None
        if isinstance(row, Problem) and row.code is RejectCode.NUL_BYTE:
            return row  # what a program filled its last block with
        self.open_end = record.line
        return _OPEN_END

    def _was_changed(self) -> bool:
        """Whether the file was written to, or cut off, since it was opened."""
        now, then = os.fstat(self._bytes.fileno()), self._stat
        return (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns)

    def _cannot_be_read(self, problem: str) -> DigitroError:
        return DigitroError(
            f"{self._shown} can't be read: {problem}", reason="read_failed"
        )

    def _rejected(self, record: CSVRecord, problem: Problem) -> RejectedRow:
        code, reason, field = problem
        if record.last > record.line:
            reason += f" (lines {record.line} to {record.last})"
        return RejectedRow(
            file=self.name, line=record.line, field=field, reason=reason, code=code
        )


_CHANGED = "it was changed while it was read; name it again when it is whole"
_OPEN_END = Problem(
    RejectCode.OPEN_END,
    "is the last line and has no end: the file may not be written to its end yet; "
    "with --allow-open-end it is taken as it is",
)


def open_contacts(
    path: str | os.PathLike[str],
    *,
    defaults: Defaults = _NO_DEFAULTS,
    encoding: str | None = None,
    columns: Mapping[str, str] = _NO_COLUMNS,
    header_line: int | None = None,
    sheet: str | None = None,
    ignore_unknown_columns: bool = False,
    strip_punctuation: bool = False,
    number_form: NumberForm | str | None = None,
    area_code: str | None = None,
    allow_open_end: bool = False,
) -> ContactFile:
    """Open a file of contacts: CSV, or a workbook (XLSX, XLS, ODS).

    See ``ContactFile`` for what a file may hold.

    Args:
        path: A regular file.
        defaults: Field of a call to text, for rows that leave it empty.
        encoding: One of ``ENCODINGS``. By default a byte order mark or bytes that are
            UTF-8, but for a few, mean UTF-8, and anything else cp1252.
        columns: Field, and the name of the column that has it, for columns whose name
            is not that of their field.
        header_line: Number of the header's line. By default the header is the first row
            with a ``destination`` among the first ten that are not blank.
        sheet: Name of a workbook's sheet, or its number from 1. By default the only one
            that holds anything.
        ignore_unknown_columns: Whether columns with other names are passed over.
        strip_punctuation: Whether blanks, dashes, dots, parentheses, slashes and
            invisible characters are taken out of numbers instead of rejecting the row.
        number_form: The form in which numbers are written; see ``number_form``. Numbers
            that are no person's in Brazil are rejected then. By default numbers are
            neither checked against the numbering plan nor rewritten.
        area_code: The area code (DDD) of numbers without one, beside ``number_form``.
            By default that of a local form, and else such numbers are rejected.
        allow_open_end: Whether a last row without a line end is taken; by default it is
            rejected, as a file may be read while it is written.

    Returns:
        The open file, to be used in a ``with`` statement.

    Raises:
        ConfigurationError: If the file can't be opened or has no usable header, a
            field every call needs is neither a column nor a default, or the extra
            ``contacts`` is needed and not installed.
    """
    return _open_file(
        path,
        defaults=masked_fields(PredictiveCall, defaults),  # errors show locals
        encoding=encoding,
        columns=columns,
        header_line=header_line,
        sheet=sheet,
        ignore_unknown_columns=ignore_unknown_columns,
        numbers=number_rules(strip_punctuation, number_form, area_code),
        allow_open_end=allow_open_end,
    )


def _open_source(stream: BinaryIO, shown: str, options: SourceOptions) -> RowSource:
    """Return the rows of a file, by what its first bytes say that it is."""
    head = stream.read(len(b"PK\x03\x04"))
    stream.seek(0)
    if is_workbook(head):
        return WorkbookSource(stream, shown, options)
    return CSVSource(stream, shown, options)


def _open_file(path: str | os.PathLike[str], **options: Any) -> ContactFile:
    stream, shown = _open(path), file_name(path)
    try:
        return ContactFile(stream, one_line_name(path), **options)
    except OSError as error:
        stream.close()
        problem = error.strerror
    except BaseException:
        stream.close()
        raise
    raise ConfigurationError(f"{shown} can't be read: {problem}")


def _open(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        # Opening a pipe would wait for ever, and it could not be read twice.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            problem = "it is not a regular file"
        else:
            return Path(path).open("rb")
    except OSError as error:
        problem = error.strerror or "unknown reason"
    except ValueError:
        problem = "its name holds a NUL"
    raise ConfigurationError(f"{file_name(path)} can't be opened: {problem}")
