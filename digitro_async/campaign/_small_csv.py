"""Reads the rows of a small CSV file that somebody filled in by hand or by a report."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from digitro_async._common.text import words_of_os_error
from digitro_async.errors import ConfigurationError

__all__ = ["records_of", "text_of_file"]

LARGEST = 64 * 1024 * 1024
"""Bytes of the largest file that is read."""

_DELIMITERS = ";,\t"


def text_of_file(path: Path, name: str) -> str:
    """Return the text of a file.

    Args:
        path: The file, in UTF-8 or cp1252.
        name: Its name, for errors.

    Raises:
        ConfigurationError: If it can't be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        problem = words_of_os_error(error)
    except ValueError:
        problem = "its name is no file name"
    else:
        if len(content) > LARGEST:
            raise ConfigurationError(f"{name} is too large: 64 MB is the most")
        return _decoded(content)
    raise ConfigurationError(f"{name} can't be read: {problem}")


def _decoded(content: bytes) -> str:
    # One wrong byte in a file that is UTF-8 otherwise spoils its own row alone.
    text = content.decode("utf-8-sig", "surrogateescape")
    signs = {sign for sign in text if not sign.isascii()}
    if signs and all("\ud800" <= sign <= "\udfff" for sign in signs):
        return content.decode("cp1252", "surrogateescape")
    return text


def records_of(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line of each row that is not blank, and its cells.

    Args:
        name: Name of the file, for errors.
        text: Its text.

    Raises:
        ConfigurationError: If a quote is not closed: what follows it can't be told.
    """
    first, _, rest = text.partition("\n")
    skipped = 0
    if first.strip().lower().startswith("sep=") or not first.strip(' \r;,\t"'):
        if "\n" not in text:
            return
        text, skipped = rest, 1
        first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    problem = False
    while True:
        try:
            cells = next(lines, None)
        except csv.Error:
            problem = True
            break
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield number + skipped, cells
        number = lines.line_num + 1
    if problem:
        raise ConfigurationError(
            f"{name}, line {number + skipped}: a quote is not closed, or text follows "
            "one; write quotes in a cell twice"
        )
