"""Keeps beside a ledger's file up to where its results were handed on."""

import os
import re
from pathlib import Path

from digitro_async._common.private_files import BeforehandError, open_own
from digitro_async._common.text import printable, words_of_os_error
from digitro_async.errors import LedgerError
from digitro_async.ledger._result_feed_port import BEGINNING, FeedPosition

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["ResultCursor", "cursor_path"]

_FORM = re.compile(rb"([0-9a-f]{32}) (\d{19}) (\d{19}) (\d{19})\n")
_LENGTH = 93


def cursor_path(path: Path) -> Path:
    """Return where the position of a ledger stands."""
    return path.with_name(f"{path.name}.webhook")


class ResultCursor:
    """A position in a file beside a ledger, which one process at a time may move.

    Args:
        path: The ledger.
    """

    def __init__(self, path: Path) -> None:
        self._path = cursor_path(path)
        self._file: int | None = None

    def open(self) -> bool:
        """Open its file, made if need be; False where another process has it.

        Raises:
            LedgerError: If it can't be.
        """
        try:
            self._file = open_own(self._path, os.O_RDWR)
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            return False
        except BeforehandError as error:
            problem = str(error)
        except OSError as error:
            problem = words_of_os_error(error)
        else:
            return True
        self.close()
        raise self._failed("opened", problem)

    def read(self) -> FeedPosition:
        """Return the position; the beginning where none is kept.

        Raises:
            LedgerError: If it can't be read.
        """
        assert self._file is not None  # noqa: S101 - for the type checker
        try:
            os.lseek(self._file, 0, os.SEEK_SET)
            line = os.read(self._file, _LENGTH)
        except OSError as error:
            raise self._failed("read", words_of_os_error(error)) from None
        # One that is half written is none: results come again, and none is left out.
        found = _FORM.fullmatch(line)
        if found is None:
            return BEGINNING
        event, told, intent = map(int, found.groups()[1:])
        return FeedPosition(event, told, intent, found[1].decode())

    def write(self, position: FeedPosition) -> None:
        """Keep a position. It is on the disk when this returns.

        Raises:
            LedgerError: If it can't be kept.
        """
        assert self._file is not None  # noqa: S101 - for the type checker
        line = b"%b %019d %019d %019d\n" % (
            *(position.check.encode(), position.event),
            *(position.told, position.intent),
        )
        try:
            # Of one length, in place: another file would not be the locked one.
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, line)
            os.fsync(self._file)
        except OSError as error:
            raise self._failed("written", words_of_os_error(error)) from None

    def close(self) -> None:
        """Close its file, and let others have it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _failed(self, what: str, problem: str) -> LedgerError:
        name = printable(self._path.name)
        return LedgerError(
            f"{name} can't be {what}: {problem}", reason="position_failed"
        )
