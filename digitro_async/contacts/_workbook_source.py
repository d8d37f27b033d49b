"""WorkbookSource: the rows of one sheet of a workbook, by python-calamine.

calamine holds all cells of the sheet in memory; rows are made of them one by one.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, Final

from digitro_async._common.extras import load_extra
from digitro_async._common.text import did_you_mean, printable
from digitro_async.contacts._csv_records import BLANK, CSVRecord
from digitro_async.contacts._header import Header, HeaderFinder
from digitro_async.contacts._row_source import SourceOptions
from digitro_async.contacts._workbook_cells import CellReader, text_of
from digitro_async.contacts._workbook_marks import read_marks
from digitro_async.errors import ConfigurationError

__all__ = ["WorkbookSource", "is_workbook"]

_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0"
_MANY_ROWS: Final = 1_000
_MOST_NAMED: Final = 5
_PANIC: Final = "PanicException"
"""How an error inside calamine shows itself that it did not foresee."""


def is_workbook(head: bytes) -> bool:
    """Whether a file begins as workbooks do: those of Excel, and of LibreOffice."""
    return head.startswith((_ZIP, _OLE))


class WorkbookSource:
    """The rows of a sheet. See ``RowSource``.

    Args:
        stream: The file, at its start.
        file: Its name for errors.
        options: The options by which rows are found.

    Raises:
        ConfigurationError: If python-calamine is not installed, the file is no
            workbook or has a password, no sheet or several may be meant, or there is no
            usable header.
    """

    def __init__(self, stream: BinaryIO, file: str, options: SourceOptions) -> None:
        if options.encoding is not None:
            raise ConfigurationError(
                f"--encoding is about text, and {file} is a workbook: leave it out"
            )
        calamine = load_extra(
            "python_calamine", extra="contacts", needed_for="reading a workbook"
        )
        self._stream = stream
        self.is_closed = False
        workbook = _opened(calamine, stream, file)
        self.format = _format_of(stream)
        sheets = _Sheets(calamine, workbook, file)
        chosen = _choose_sheet(file, sheets, options.sheet)
        name = str(chosen.name)
        self.sheet: str | None = name
        marks = read_marks(stream, self.format, name)
        stream.seek(0, os.SEEK_END)
        self.doubts = (*_hidden_sheets(sheets.hidden, name), *marks.doubts)
        self._marks = marks
        self._first_column = chosen.start[1] if chosen.start else 0
        self._merged = chosen.merged_cell_ranges or ()
        self._count = int(chosen.end[0]) + 1 if chosen.end else 1
        self._rows = enumerate(chosen.iter_rows(), 1)
        self._line = 0
        finder = _SheetHeaderFinder(file, options.known, options.destination)
        finder.begin(self._rows)
        self.header = finder.find_header(options.header_line)

    def records(
        self, used: Mapping[int, str], _is_whole_row: Callable[[str], bool]
    ) -> Iterator[CSVRecord]:
        """Yield every row below the header, and ``BLANK`` after many blank rows."""
        cells = CellReader(used, self._marks, self._merged, self._first_column)
        blank = 0
        for line, row in self._rows:
            self._line = line
            record = cells.read(line, row)
            if record is not None:
                yield record
                continue
            blank += 1
            if blank % _MANY_ROWS == 0:
                yield BLANK

    @property
    def share(self) -> float | None:
        """The share of the rows that was read."""
        return min(1.0, self._line / self._count)

    def close(self) -> None:
        """Close the file."""
        self.is_closed = True
        self._rows = enumerate(())
        self._stream.close()


class _SheetHeaderFinder(HeaderFinder[list[Any]]):
    def begin(self, rows: Iterator[tuple[int, list[Any]]]) -> None:
        """Take the rows to look in."""
        self._rows = rows

    def _filled(self) -> Iterator[tuple[int, list[Any]]]:
        for line, row in self._rows:
            if any(not isinstance(cell, str) or cell.strip() for cell in row):
                yield line, row

    def _read(self, line: int, row: list[Any]) -> Header | str:
        return Header(line, "", [" ".join(text_of(cell).split()) for cell in row])


class _Sheets:
    """The sheets of a workbook that hold cells, read when they are asked for."""

    def __init__(self, calamine: Any, workbook: Any, file: str) -> None:
        self._workbook = workbook
        self._file = file
        self.names: list[str] = list(workbook.sheet_names)
        tables, shown = calamine.SheetTypeEnum, calamine.SheetVisibleEnum
        self.hidden: list[str] = [
            one.name for one in workbook.sheets_metadata if one.visible != shown.Visible
        ]
        self.visible: list[str] = [
            one.name
            for one in workbook.sheets_metadata
            if one.typ == tables.WorkSheet and one.visible == shown.Visible
        ]

    def read(self, name: str) -> Any:
        """Return a sheet.

        Raises:
            ConfigurationError: If it can't be read.
        """
        problem = "it is damaged"
        try:
            return self._workbook.get_sheet_by_name(name)
        except Exception as error:  # noqa: BLE001 - of a library in another language
            problem = _words_of(error)
        except BaseException as error:
            if type(error).__name__ != _PANIC:
                raise
        raise ConfigurationError(
            f"{self._file}: the sheet {printable(name)} can't be read: {problem}"
        )


def _opened(calamine: Any, stream: BinaryIO, file: str) -> Any:
    """Return the open workbook.

    Raises:
        ConfigurationError: If it is none, or is protected.
    """
    problem = "it is damaged, or no workbook"
    try:
        return calamine.CalamineWorkbook.from_filelike(stream)
    except calamine.PasswordError:
        problem = "it has a password: save it without one"
    except Exception as error:  # noqa: BLE001 - of a library in another language
        problem = _words_of(error)
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
    raise ConfigurationError(
        f"{file} can't be read as a workbook (xlsx, xls, xlsb, ods): {problem}"
    )


def _words_of(error: Exception) -> str:
    """Return what a library says, without what may have been in the file."""
    words = printable(str(error)).partition(":")[0].strip()[:80]
    return words or type(error).__name__


def _format_of(stream: BinaryIO) -> str:
    stream.seek(0)
    head = stream.read(256)
    if head.startswith(_OLE):
        return "xls"
    return "ods" if b"opendocument" in head else "xlsx"


def _choose_sheet(file: str, sheets: _Sheets, wanted: str | None) -> Any:
    """Return the sheet that is asked for, or the only one with cells.

    Raises:
        ConfigurationError: If there is none, or several and none is asked for.
    """
    if wanted is not None:
        return sheets.read(_name_of(file, sheets.names, wanted))
    filled = []
    for name in sheets.visible:
        sheet = sheets.read(name)
        if sheet.height:
            filled.append(sheet)
    if len(filled) > 1:
        names = ", ".join(repr(printable(one.name)) for one in filled[:_MOST_NAMED])
        more = ", ..." if len(filled) > _MOST_NAMED else ""
        raise ConfigurationError(
            f"{file} has several sheets with content: --sheet NAME (or its number) "
            f"says which one is read: {names}{more}"
        )
    if not filled:
        raise ConfigurationError(f"{file}: no sheet that is shown holds anything")
    return filled[0]


def _name_of(file: str, names: list[str], wanted: str) -> str:
    folded = [name for name in names if name.casefold() == wanted.casefold()]
    if wanted in names:
        return wanted
    if len(folded) == 1:
        return folded[0]
    if wanted.isascii() and wanted.isdigit() and 0 < int(wanted) <= len(names):
        return names[int(wanted) - 1]
    shown = ", ".join(repr(printable(name)) for name in names[:_MOST_NAMED])
    hint = did_you_mean(wanted, names)
    raise ConfigurationError(f"--sheet: {file} has no such sheet{hint}; it has {shown}")


def _hidden_sheets(hidden: list[str], chosen: str) -> tuple[str, ...]:
    """Return a text about sheets that nobody sees, or about the one that is read."""
    if not hidden:
        return ()
    if chosen in hidden:
        return (f"the sheet {printable(chosen)} is hidden",)
    names = ", ".join(map(printable, hidden[:_MOST_NAMED]))
    return (f"hidden sheets are not read ({names}); --sheet NAME reads one",)
