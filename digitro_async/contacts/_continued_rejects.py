"""Continues the rejects file of a run that was killed.

A list whose import stopped is read again from its first row. What its rejects file
holds is compared with the rows that come, so each is there once in the end, and not a
byte is changed of a file that holds anything else.
"""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from digitro_async._common.csv_cells import csv_line
from digitro_async._common.text import words_of_os_error
from digitro_async.contacts._contact_row import file_name
from digitro_async.contacts._rejects_file import RejectsFile
from digitro_async.errors import ConfigurationError

__all__ = ["ContinuedRejects"]

MOST_NAMES = 1_000
_PIECE = 1 << 16


class ContinuedRejects(RejectsFile):
    """Rejected rows of a list that is read again, behind those of an earlier run.

    Args:
        path: Where they are; made with mode 0600 if it is not there.
        other_names: Whether a file with another name is made, such as
            ``contacts.rejects.2.csv``, where this one holds other rows.

    Raises:
        ConfigurationError: With the first row that differs, unless other names may be
            taken.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, other_names: bool = False
    ) -> None:
        super().__init__(path)
        self._given = self._path
        self._names = _names(self._path) if other_names else iter(())
        self._old: io.BufferedReader | None = None

    def __enter__(self) -> Self:
        self._entered = True
        return self

    @property
    def name(self) -> str:
        """Name of the file that the rows are in."""
        return file_name(self._path)

    @property
    def has_moved(self) -> bool:
        """Whether that is another name than the one that was given."""
        return self._path != self._given

    def close(self) -> None:
        """Close the file; nothing can be written afterwards."""
        if self._old is not None:
            self._old.detach()
            self._old = None
        super().close()

    def finish(self) -> None:
        """See to it that all rows are on disk, and no others in the file."""
        while self._old is not None and self._old.read(1):
            self._move()
        super().finish()

    def _begin(self) -> io.FileIO:
        if not os.path.lexists(self._path):
            return super()._begin()
        self._file, self._size = self._open(), 0
        self._old = io.BufferedReader(self._file)
        if not self._is_there(csv_line(self._header)):
            self._append(self._file, self._header)
        return self._file  # of another name, perhaps

    def _write(self, cells: Sequence[object]) -> None:
        if self._entered and self._file is None:
            self._file = self._begin()
        if self._old is None or not self._is_there(csv_line(cells)):
            super()._write(cells)

    def _is_there(self, row: bytes) -> bool:
        """Whether the row stands in the file already, behind those before it."""
        while self._old is not None:
            found = self._old.read(len(row))
            if found == row:
                self._size += len(row)
                return True
            if row.startswith(found) and not self._old.read(1):
                self._stop_comparing()  # what was cut off in mid-row is written anew
            else:
                self._move()
        return False

    def _stop_comparing(self) -> None:
        """Write from here on, over half a row that may stand here.

        Raises:
            DigitroError: If the file does not let it.
        """
        assert self._old is not None  # noqa: S101 - for the type checker
        assert self._file is not None  # noqa: S101 - for the type checker
        self._old.detach()
        self._old = None
        try:
            self._file.truncate(self._size)
            self._file.seek(self._size)
        except OSError as error:
            problem = words_of_os_error(error)
        else:
            return
        raise self._cannot_be_written(problem)

    def _move(self) -> None:
        """Take the rows so far to the next name, and go on there."""
        assert self._old is not None  # noqa: S101 - for the type checker
        before, size = self._old, self._size
        for path in self._names:
            self._path = path
            if os.path.lexists(path):
                self._file = self._open()
                self._old = io.BufferedReader(self._file)
            else:
                self._file, self._old = self._create(), None
            if self._takes_over(before, size):
                before.close()
                return
            self._file.close()
        before.close()
        self._old = self._file = None
        self._entered = False  # nobody writes behind somebody else's rows
        raise ConfigurationError(self._exists)

    def _takes_over(self, before: io.BufferedReader, size: int) -> bool:
        """Take the first bytes over; False where the new file begins with others."""
        assert self._file is not None  # noqa: S101 - for the type checker
        before.seek(0)
        self._size = 0
        while self._size < size:
            piece = before.read(min(_PIECE, size - self._size))
            if self._old is not None:
                found = self._old.read(len(piece))
                if not piece.startswith(found):
                    return False
                self._size += len(found)
                if len(found) == len(piece):
                    continue
                self._stop_comparing()
                piece = piece[len(found) :]
            self._append_bytes(self._file, piece)
        return True

    def _open(self) -> io.FileIO:
        problem = ""
        try:
            file = io.FileIO(self._path, "r+b", opener=_open_as_it_is)
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return file
            file.close()
            problem = "it is not a regular file"
        except OSError as error:
            problem = words_of_os_error(error)
        raise ConfigurationError(
            f"{file_name(self._path)} can't be continued: {problem}"
        )


def _open_as_it_is(path: str, flags: int) -> int:
    # Neither through a link that somebody laid there, nor waiting at a pipe.
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags | careful)


def _names(path: Path) -> Iterator[Path]:
    for number in range(2, MOST_NAMES):
        yield path.with_name(f"{path.stem}.{number}{path.suffix}")
