"""Locks a ledger for one owner by a file beside it, and keeps a mark there.

The mark is never ahead of the durable part of the ledger, as it is written after the
commit. So a ledger that knows less than its lock's file has lost a part of its record:
its log was deleted or cut off, or an older copy was put in its place.
"""

import os
import re
from pathlib import Path

import attrs

from digitro_async._common.private_files import BeforehandError, open_own
from digitro_async._common.text import printable
from digitro_async.errors import LedgerError, LedgerInUseError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Mark", "OwnerLock", "lock_path", "read_mark"]

# Up to schema 6 a mark had one line, which earlier versions read of this one too.
_FORM = re.compile(rb"([0-9a-f]{32}) (\d{19}) (\d{19})\n(?:(\d{19})\n)?")
_LENGTH = 93


@attrs.frozen
class Mark:
    """A mark of how far the record of a ledger had come.

    Attributes:
        ledger: The ledger, by a hash of its key.
        events: The number of its last event.
        contacts: The number of its last contact.
        blocks: How often its blocks were changed.
    """

    ledger: str
    events: int
    contacts: int
    blocks: int = 0

    def as_line(self) -> bytes:
        """Return it as bytes of one length, which are replaced in one piece."""
        return b"%b %019d %019d\n%019d\n" % (
            self.ledger.encode(),
            self.events,
            self.contacts,
            self.blocks,
        )


def lock_path(path: Path) -> Path:
    """Return where the lock's file of a ledger stands."""
    return path.with_name(path.name + ".lock")


def read_mark(path: Path) -> Mark | None:
    """Return the mark beside a ledger; None where there is none."""
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        file = os.open(lock_path(path), os.O_RDONLY | flags)
    except OSError:
        return None
    try:
        return _mark_of(os.read(file, _LENGTH))
    except OSError:
        return None
    finally:
        os.close(file)


def _mark_of(line: bytes) -> Mark | None:
    found = _FORM.fullmatch(line)
    if found is None:
        return None
    return Mark(found[1].decode(), int(found[2]), int(found[3]), int(found[4] or 0))


class OwnerLock:
    """A lock that the one live owner of a file holds as long as its process lives.

    Args:
        path: The ledger; the lock stands in a file beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = lock_path(path)
        self._ledger_name = printable(path.name)
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LedgerInUseError: If somebody has it, in this process or another.
            LedgerError: If its file can't be made.
        """
        failure: LedgerError
        name = printable(self._path.name)
        try:
            self._file = open_own(self._path, os.O_RDWR)
            _lock(self._file)
        except BlockingIOError:
            failure = LedgerInUseError(
                f"{self._ledger_name} is open already, here or in another process: "
                "let that end, or stop it, before it is opened again; digitro status "
                "shows it meanwhile",
                reason="in_use",
            )
        except BeforehandError as error:
            failure = LedgerError(f"{name} can't be opened: {error}", reason="not_ours")
        except OSError as error:
            failure = LedgerError(
                f"{name} can't be made: {error.strerror}", reason="no_access"
            )
        else:
            return
        self.release()
        raise failure

    def read(self) -> Mark | None:
        """Return the mark that the last owner left."""
        if self._file is None or fcntl is None:
            return None
        return _mark_of(os.pread(self._file, _LENGTH, 0))

    def write(self, mark: Mark) -> None:
        """Leave a mark. It need not be synced: it may be behind the ledger.

        Raises:
            OSError: If it can't be written.
        """
        if self._file is not None and fcntl is not None:
            os.pwrite(self._file, mark.as_line(), 0)

    def release(self) -> None:
        """Give the lock back; its file stays, so that two can't lock two files."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _lock(file: int) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt  # noqa: PLC0415  # pragma: no cover - Windows

    try:  # pragma: no cover - Windows
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    except OSError as error:  # pragma: no cover - Windows
        raise BlockingIOError from error
