"""Looks into the XML of a workbook for what calamine does not tell.

calamine gives an empty text for an error, for a formula whose value was not saved, and
for nothing; and it does not say which rows are hidden. XLSX and ODS files tell, and are
looked into a piece at a time. XLS files are not.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import IO, BinaryIO, Final
from xml.parsers import expat

import attrs

__all__ = ["SheetMarks", "column_letters", "column_number", "is_error", "read_marks"]

_PIECE: Final = 1 << 18
_MOST_NAMED: Final = 5
_MOST_REPEATED: Final = 1000
_ERRORS: Final = frozenset(
    {
        *("#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!"),
        *("#N/D", "#VALOR!", "#NOME?", "#NULO!", "#NÚM!", "#CÁLC!", "#DESPEJAR!"),
        *("#CALC!", "#SPILL!", "#FIELD!", "#BLOCKED!", "#CONNECT!", "#UNKNOWN!"),
        *("#ERROR!", "#GETTING_DATA"),
    }
)
"""Errors as Excel, LibreOffice and Sheets show them, in English and in Portuguese."""

_ERROR_NUMBER: Final = re.compile(r"(?:Err|Erro?):\s?\d{3}", re.ASCII)
ERROR: Final = "an error"
NO_VALUE: Final = "a formula without a saved value"


@attrs.define
class SheetMarks:
    """What a sheet's XML says beside its cells.

    Attributes:
        cells: Number of a row, from 1, to the columns, from 0, of cells in it that hold
            no value, and what they hold.
        hidden: Numbers of the first hidden rows.
        hidden_count: Number of hidden rows that hold cells.
    """

    cells: dict[int, dict[int, str]] = attrs.field(factory=dict)
    hidden: list[int] = attrs.field(factory=list)
    hidden_count: int = 0

    @property
    def doubts(self) -> tuple[str, ...]:
        """Texts for the operator."""
        if not self.hidden_count:
            return ()
        named = ", ".join(map(str, self.hidden[:_MOST_NAMED]))
        more = ", ..." if self.hidden_count > _MOST_NAMED else ""
        text = (
            "hidden rows (a filter, perhaps) are read like the others: "
            f"{self.hidden_count} (rows {named}{more})"
        )
        return (text,)

    def hide(self, row: int) -> None:
        """Count a hidden row."""
        self.hidden_count += 1
        if len(self.hidden) <= _MOST_NAMED:
            self.hidden.append(row)


def is_error(text: str) -> bool:
    """Whether a text is what a spreadsheet shows for an error."""
    bare = text.strip()
    return bare in _ERRORS or _ERROR_NUMBER.fullmatch(bare) is not None


def column_letters(column: int) -> str:
    """Return the letters of a column, counted from 0."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """Return the number of a column, from 0, by its letters."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def read_marks(stream: BinaryIO, kind: str, sheet: str) -> SheetMarks:
    """Return what the XML of a sheet says; nothing where it can't be read.

    Args:
        stream: The workbook.
        kind: ``xlsx``, ``ods`` or ``xls``.
        sheet: Name of the sheet.
    """
    marks = SheetMarks()
    if kind == "xls":
        return marks
    try:
        with zipfile.ZipFile(stream) as archive:
            if kind == "ods":
                with archive.open("content.xml") as content:
                    _read_ods(content, sheet, marks)
            elif place := _place_of_sheet(archive, sheet):
                with archive.open(place) as content:
                    _read_xlsx(content, marks)
    except (
        zipfile.BadZipFile,
        KeyError,
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        NotImplementedError,
        expat.ExpatError,
    ):
        # calamine read it all the same: it is more forgiving
        return marks
    return marks


_SHEET = re.compile(rb"<(?:\w+:)?sheet\b[^>]*>")
_ATTRIBUTE = re.compile(rb'([\w:]+)="([^"]*)"')
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b[^>]*>")


def _place_of_sheet(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """Return the name of the part of an XLSX file that holds a sheet."""
    relation = None
    for tag in _SHEET.findall(archive.read("xl/workbook.xml")):
        found = _attributes(tag)
        if _unescaped(found.get("name", "")) == sheet:
            relation = next(
                (value for key, value in found.items() if key.endswith(":id")), None
            )
    for tag in _RELATION.findall(archive.read("xl/_rels/workbook.xml.rels")):
        found = _attributes(tag)
        if relation is not None and found.get("Id") == relation:
            target = found.get("Target", "")
            return target[1:] if target.startswith("/") else f"xl/{target}"
    return None


def _attributes(tag: bytes) -> Mapping[str, str]:
    return {
        key.decode(): value.decode("utf-8", "replace")
        for key, value in _ATTRIBUTE.findall(tag)
    }


def _unescaped(text: str) -> str:
    for sign, char in (("lt", "<"), ("gt", ">"), ("quot", '"'), ("apos", "'")):
        text = text.replace(f"&{sign};", char)
    return text.replace("&amp;", "&")


_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_OF_ERROR = re.compile(rb'<(?:\w+:)?c\b(?=[^>]*\bt="e")[^>]*?\br="([A-Z]+)([0-9]+)"')
_OF_FORMULA = re.compile(
    rb'<(?:\w+:)?c\b(?![^>]*\bt="str")[^>]*?\br="([A-Z]+)([0-9]+)"[^>]*>\s*'
    rb"<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*"
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)


def _read_xlsx(content: IO[bytes], marks: SheetMarks) -> None:
    """Look for errors, formulas without a value, and hidden rows."""
    for piece in _whole_rows(content):
        if b"hidden=" in piece:
            for found in _ROW.finditer(piece):
                attributes = _attributes(found[1])
                number = attributes.get("r", "")
                is_hidden = attributes.get("hidden") in {"1", "true"}
                # An empty row ends within its tag, and hides nobody.
                if is_hidden and number.isdigit() and not found[1].endswith(b"/"):
                    marks.hide(int(number))
        if b'"e"' in piece:
            _note(marks, _OF_ERROR, piece, ERROR)
        if b"f" in piece and (b"<f" in piece or b":f" in piece):
            _note(marks, _OF_FORMULA, piece, NO_VALUE)


def _note(
    marks: SheetMarks, pattern: re.Pattern[bytes], piece: bytes, what: str
) -> None:
    for letters, row in pattern.findall(piece):
        cells = marks.cells.setdefault(int(row), {})
        cells.setdefault(column_number(letters.decode()), what)


def _whole_rows(content: IO[bytes]) -> Iterator[bytes]:
    """Yield pieces of XML that end where a row does, unless one is very long."""
    left = b""
    while piece := content.read(_PIECE):
        left += piece
        end = left.rfind(b"row>")
        if end >= 0:
            yield left[: end + 4]
            left = left[end + 4 :]
        elif len(left) > 8 * _PIECE:
            yield left
            left = b""
    yield left


def _read_ods(content: IO[bytes], sheet: str, marks: SheetMarks) -> None:
    """Look for errors, formulas without a value, and hidden rows of one table."""
    _ODSReader(sheet, marks).read(content)


class _ODSReader:
    """Follows the rows and columns of one table, which may be said to repeat."""

    def __init__(self, sheet: str, marks: SheetMarks) -> None:
        self._sheet = sheet
        self._marks = marks
        self._is_inside = False
        self._row = 1
        self._rows = 1
        self._column = 0
        self._is_hidden = False
        self._has_cells = False
        self._parser = expat.ParserCreate()
        self._shown: list[str] = []
        self._columns = range(0)  # of the formula whose shown text is read

    def read(self, content: IO[bytes]) -> None:
        """Read the whole XML."""
        parser = self._parser
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        while piece := content.read(_PIECE):
            parser.Parse(piece)
        parser.Parse(b"", True)  # noqa: FBT003 - its only form

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "table:table":
            self._is_inside = attributes.get("table:name") == self._sheet
            self._row = 1
        elif not self._is_inside:
            return
        elif name == "table:table-row":
            self._rows = _count(attributes, "table:number-rows-repeated")
            self._column, self._has_cells = 0, False
            visibility = attributes.get("table:visibility")
            self._is_hidden = visibility in {"collapse", "filter"}
        elif name in {"table:table-cell", "table:covered-table-cell"}:
            self._take_cell(attributes)

    def _take_cell(self, attributes: dict[str, str]) -> None:
        kind = attributes.get("office:value-type")
        self._has_cells = self._has_cells or kind is not None
        count = _count(attributes, "table:number-columns-repeated")
        columns = range(self._column, self._column + min(count, _MOST_REPEATED))
        self._column += count
        if attributes.get("calcext:value-type") == "error":
            self._mark(columns, ERROR)
        elif "table:formula" in attributes:
            if kind is None:
                self._mark(columns, NO_VALUE)
            elif kind != "string":
                # Excel and old versions of LibreOffice write an error as the number 0,
                # and what it is only into the text that is shown.
                self._columns = columns
                self._parser.CharacterDataHandler = self._shown.append

    def _mark(self, columns: range, what: str) -> None:
        """Note that cells hold no value, in every row that this one stands for."""
        for row in range(self._row, self._row + min(self._rows, _MOST_REPEATED)):
            cells = self._marks.cells.setdefault(row, {})
            cells.update(dict.fromkeys(columns, what))

    def _end(self, name: str) -> None:
        if name == "table:table":
            self._is_inside = False
        elif name == "table:table-cell" and self._columns:
            if is_error("".join(self._shown)):
                self._mark(self._columns, ERROR)
            self._columns = range(0)
            self._shown.clear()
            self._parser.CharacterDataHandler = None
        elif name == "table:table-row" and self._is_inside:
            if self._is_hidden and self._has_cells:
                for row in range(self._row, self._row + min(self._rows, 1000)):
                    self._marks.hide(row)
            self._row += self._rows


def _count(attributes: dict[str, str], name: str) -> int:
    text = attributes.get(name, "1")
    return int(text) if text.isdigit() else 1
