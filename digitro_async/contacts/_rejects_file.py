"""Writes the rows of contact files that were rejected into a CSV file.

One header row, then rows of ``csv_line``. The file holds no number to dial, and nothing
else about a person. Every row goes to the operating system with one write as soon as
it is known, so a process that is killed loses none; a row that could not be written
whole is taken back, so there are no half rows.
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from digitro_async._common.csv_cells import csv_line
from digitro_async._common.private_files import create_own
from digitro_async._common.text import words_of_os_error
from digitro_async.contacts._contact_row import RejectedRow, file_name
from digitro_async.errors import ConfigurationError, DigitroError

__all__ = ["RejectsFile"]

_GONE = "it was removed, renamed or replaced meanwhile: start again"


class RejectsFile:
    """Rows of contact files that were no contacts.

    Columns: ``file``, ``line``, ``field``, ``code``, ``reason``. The file comes into
    being with the first row, so a run without rejects leaves none behind.

    Args:
        path: Where to write; created with mode 0600.

    Raises:
        ConfigurationError: On entering, if the file exists.
    """

    _header = ("file", "line", "field", "code", "reason")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._file: io.FileIO | None = None
        self._entered = False
        self._size = 0

    def __enter__(self) -> Self:
        # Told before the run, also by the file that is created only when needed.
        if os.path.lexists(self._path):
            raise ConfigurationError(self._exists)
        self._entered = True
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing can be written afterwards."""
        self._entered = False
        if self._file is not None:
            self._file.close()
            self._file = None

    def finish(self) -> None:
        """Bring all rows to the disk.

        Raises:
            DigitroError: If they can't be brought there.
        """
        if self._file is None:
            return
        file = self._file.fileno()
        problem = _GONE
        try:
            os.fsync(file)
            if os.path.samestat(os.fstat(file), os.lstat(self._path)):
                return
        except FileNotFoundError:
            pass
        except OSError as error:
            problem = words_of_os_error(error)
        raise self._cannot_be_written(problem)

    def write(self, row: RejectedRow) -> None:
        """Write a rejected row.

        Args:
            row: The row, as it was read.

        Raises:
            DigitroError: If it can't be written; the file is then as it was before.
            ConfigurationError: If the file is not open or can't be created.
        """
        self._write((row.file, row.line, row.field, row.code.value, row.reason))

    @property
    def _exists(self) -> str:
        return f"{file_name(self._path)} exists already and is not overwritten"

    def _create(self) -> io.FileIO:
        problem = ""
        try:
            return io.FileIO(self._path, "x", opener=create_own)
        except FileExistsError:
            problem = self._exists
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its name is no file name"
            problem = f"{file_name(self._path)} can't be created: {reason}"
        raise ConfigurationError(problem)

    def _begin(self) -> io.FileIO:
        file = self._create()
        self._size = 0
        try:
            self._append(file, self._header)
        except BaseException:
            file.close()
            self._path.unlink(missing_ok=True)  # made just now, and empty
            raise
        return file

    def _write(self, cells: Sequence[object]) -> None:
        if not self._entered:
            raise ConfigurationError(f"{file_name(self._path)} is not open")
        if self._file is None:
            self._file = self._begin()
        self._append(self._file, cells)

    def _append(self, file: io.FileIO, cells: Sequence[object]) -> None:
        self._append_bytes(file, csv_line(cells))

    def _append_bytes(self, file: io.FileIO, row: bytes) -> None:
        left = memoryview(row)
        try:
            while left:
                left = left[file.write(left) :]
        except OSError as error:
            problem = words_of_os_error(error)
        else:
            self._size += len(row)
            return
        self._take_back(file)
        raise self._cannot_be_written(problem)

    def _cannot_be_written(self, problem: str) -> DigitroError:
        return DigitroError(
            f"{file_name(self._path)} can't be written: {problem}",
            reason="write_failed",
        )

    def _take_back(self, file: io.FileIO) -> None:
        try:
            file.truncate(self._size)
            file.seek(self._size)
        except OSError:
            return  # the write's own error is the one that is raised
