"""Captures of event streams: files that hold what a PABX sent, byte for byte."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from digitro_async._common.private_files import BeforehandError, create_own
from digitro_async._common.text import iso_time, printable, words_of_os_error
from digitro_async.errors import ConfigurationError

__all__ = ["Capture", "pieces_of_file"]

MOST_BYTES: Final = 256 << 20
"""Largest capture that is written or read, in bytes."""

_PIECE: Final = 1 << 16

# Comments of server-sent events: readers pass over them.
_HEAD: Final = (
    ": captured by digitro events listen. PERSONAL DATA: numbers and names of people"
    " may be in here; delete it once it was looked at.\n\n"
)


class Capture:
    """Writes a stream to a new file that only its owner may read.

    Args:
        path: The file; it must not exist.

    Attributes:
        problem: Why no more is written, empty while it is.

    Raises:
        ConfigurationError: If the file can't be made.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self._left = MOST_BYTES
        try:
            self._file = io.FileIO(path, "x", opener=create_own)
        except (OSError, BeforehandError) as error:
            why = words_of_os_error(error) if isinstance(error, OSError) else str(error)
            problem = f"--record can't be written: {printable(str(path))}: {why}"
        else:
            self._write(_HEAD.encode())
            return
        raise ConfigurationError(problem)

    def take(self, piece: bytes) -> None:
        """Write what came; nothing at all stands for the beginning of a channel."""
        if not piece:
            piece = f"\n\n: channel opened at {iso_time(time.time())}\n\n".encode()
        self._write(piece)

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:
            self.problem = self.problem or words_of_os_error(error)

    def _write(self, piece: bytes) -> None:
        if self.problem:
            return
        if len(piece) > self._left:
            self.problem = f"it has {MOST_BYTES >> 20} MiB, and gets no larger"
            return
        self._left -= len(piece)
        try:
            self._file.write(piece)
        except OSError as error:
            self.problem = words_of_os_error(error)


def pieces_of_file(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a capture, piece by piece.

    Raises:
        ConfigurationError: If it can't be read.
    """
    try:
        with path.open("rb") as file:
            left = MOST_BYTES
            while left > 0 and (piece := file.read(_PIECE)):
                left -= len(piece)
                yield piece
    except OSError as error:
        problem = f"{printable(str(path))} can't be read: {words_of_os_error(error)}"
    else:
        return
    raise ConfigurationError(problem)
