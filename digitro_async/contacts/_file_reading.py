"""Says how a contact file is read, for whoever must notice a wrong guess."""

from typing import Final

import attrs

from digitro_async._common.text import printable

__all__ = ["FileReading"]

_DELIMITERS: Final = {";": "semicolons", ",": "commas", "\t": "tabs", "|": "pipes"}


@attrs.frozen(kw_only=True)
class FileReading:
    """How a contact file is read; its text is one line without the file's name.

    Attributes:
        encoding: Codec, or the kind of workbook.
        delimiter: The character between cells, empty in a workbook.
        header_line: Number of the line that the header was taken from.
        columns: Each column that is used: its name, and the field that it is.
        passed_over: Each column that is not used: its name, or its number.
        doubts: Texts about what may be wrong, or may have been meant otherwise.
        sheet: Name of the sheet that is read, None where the file has none.
    """

    encoding: str
    delimiter: str
    header_line: int
    columns: tuple[tuple[str, str], ...]
    passed_over: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    sheet: str | None = None

    def __str__(self) -> str:
        taken = [
            field if name.casefold() == field else f"{name} as {field}"
            for name, field in self.columns
        ]
        parts = f"split at {_DELIMITERS.get(self.delimiter)}"
        if self.sheet is not None:
            parts = f"sheet {printable(self.sheet)}"
        text = (
            f"read as {self.encoding}, {parts}, "
            f"header taken from line {self.header_line}; columns: {', '.join(taken)}"
        )
        if self.passed_over:
            text += f"; passed over: {', '.join(self.passed_over)}"
        return text
