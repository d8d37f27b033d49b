"""RowSource: the rows of a file of any format, before they are read as contacts."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import attrs

from digitro_async.contacts._csv_records import CSVRecord
from digitro_async.contacts._header import Header

__all__ = ["RowSource", "SourceOptions"]


@attrs.frozen(kw_only=True)
class SourceOptions:
    """The options by which the rows of a file are found.

    Attributes:
        encoding: Name of the encoding, None to find out.
        columns: Field, and the name of the column that has it.
        header_line: Number of the header's line, None to find out.
        sheet: Name or number of a workbook's sheet, None for the only one.
        known: Names of columns by which a header is told, in small letters.
    """

    encoding: str | None
    columns: Mapping[str, str]
    header_line: int | None
    sheet: str | None
    known: frozenset[str]

    @property
    def destination(self) -> str:
        """The name of the column that a header must have, in small letters."""
        return self.columns.get("destination", "destination").casefold()


class RowSource(Protocol):
    """An open file whose header was found.

    Attributes:
        format: The encoding of its text, or its kind of workbook.
        header: The header row.
        sheet: Name of the sheet that is read, None where a file has no sheets.
        doubts: Texts about what may be wrong, each with the way out.
    """

    format: str
    header: Header
    sheet: str | None
    doubts: tuple[str, ...]

    def records(
        self, used: Mapping[int, str], is_whole_row: Callable[[str], bool]
    ) -> Iterator[CSVRecord]:
        """Yield every row below the header.

        Args:
            used: Index of each column that is used, and its field.
            is_whole_row: Whether one line of text looks like a whole row.
        """
        ...

    @property
    def share(self) -> float | None:
        """The share of the rows that was read, None where the bytes tell it."""
        ...

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...
