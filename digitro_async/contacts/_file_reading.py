"""Says how a contact file is read, for whoever must notice a wrong guess."""

from typing import Final

import attrs

__all__ = ["FileReading"]

_DELIMITERS: Final = {";": "semicolons", ",": "commas", "\t": "tabs", "|": "pipes"}


@attrs.frozen(kw_only=True)
class FileReading:
    """How a contact file is read; its text is one line without the file's name.

    Attributes:
        encoding: Codec.
        delimiter: The character between cells.
        header_line: Number of the line that the header was taken from.
        columns: Each column that is used: its name, and the field that it is.
        passed_over: Each column that is not used: its name, or its number.
        doubts: Texts about what may be wrong with the encoding.
    """

    encoding: str
    delimiter: str
    header_line: int
    columns: tuple[tuple[str, str], ...]
    passed_over: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        taken = [
            field if name.casefold() == field else f"{name} as {field}"
            for name, field in self.columns
        ]
        text = (
            f"read as {self.encoding}, split at {_DELIMITERS[self.delimiter]}, "
            f"header taken from line {self.header_line}; columns: {', '.join(taken)}"
        )
        if self.passed_over:
            text += f"; passed over: {', '.join(self.passed_over)}"
        return text
