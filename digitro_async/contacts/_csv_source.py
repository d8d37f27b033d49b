"""CSVSource: the rows of a file of text."""

import io
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, cast

from digitro_async.contacts._charset import choose_encoding
from digitro_async.contacts._csv_header import find_csv_header
from digitro_async.contacts._csv_records import CSVRecord, read_records
from digitro_async.contacts._row_source import SourceOptions
from digitro_async.contacts._text_lines import Lines
from digitro_async.contacts._utf_16 import UTF16Stream
from digitro_async.errors import ConfigurationError

__all__ = ["CSVSource"]


class CSVSource:
    """The rows of a CSV file. See ``RowSource``.

    Args:
        stream: The file, at its start.
        file: Its name for errors.
        options: The options by which rows are found.

    Raises:
        ConfigurationError: If it has no usable header, or is no CSV.
    """

    sheet: str | None = None

    def __init__(self, stream: BinaryIO, file: str, options: SourceOptions) -> None:
        if options.sheet is not None:
            raise ConfigurationError(
                f"--sheet is about workbooks, and {file} is none: leave it out"
            )
        chosen = choose_encoding(stream, file, options.encoding)
        self.format = chosen.codec
        self.doubts = chosen.doubts
        # Line ends are left as they are: they may stand inside a quoted cell.
        codec, text = chosen.codec, stream
        if codec.startswith("utf-16"):
            text = cast("BinaryIO", io.BufferedReader(UTF16Stream(stream, codec)))
            codec = "utf-8-sig"
        self._text = io.TextIOWrapper(text, codec, errors="surrogateescape", newline="")
        self._lines = Lines(self._text)
        self.header = find_csv_header(file, self._lines, options)

    def records(
        self, _used: Mapping[int, str], is_whole_row: Callable[[str], bool]
    ) -> Iterator[CSVRecord]:
        """Yield every row below the header."""
        return read_records(self._lines, self.header.delimiter, is_whole_row)

    @property
    def share(self) -> float | None:
        """None: the bytes tell how much was read."""
        return None

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._text.closed

    def close(self) -> None:
        """Close the file."""
        self._text.close()
