"""What a ledger needs of the operating system: one owner, privacy, a local disk."""

import contextlib
import io
import os
import re
from pathlib import Path

from digitro_async.errors import LedgerError, LedgerInUseError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["OwnerLock", "check_local", "create_private", "make_private", "printable"]

_NETWORK = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "gfs2", "glusterfs", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs"),
        *("fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone"),
        *("fuse.s3fs", "fuse.sshfs"),
    }
)
"""File systems whose locks and syncs can't be relied on (sqlite.org/howtocorrupt)."""

_MOUNTS = Path("/proc/mounts")
_OCTAL = re.compile(r"\\([0-7]{3})")
_PRIVATE = 0o600


def printable(text: str) -> str:
    """Return text that can be stored and shown; the rest of it as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class OwnerLock:
    """Held by the one live owner of a file, for as long as its process lives.

    Args:
        path: The ledger; the lock stands in a file beside it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: io.FileIO | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LedgerInUseError: If somebody has it, in this process or another.
            LedgerError: If its file can't be made.
        """
        failure: LedgerError
        try:
            self._file = io.FileIO(self._path, "ab", opener=_open_private)
            _lock(self._file)
        except BlockingIOError:
            failure = LedgerInUseError(
                "it is open already, here or in another process", reason="in_use"
            )
        except OSError as error:
            name = printable(self._path.name)
            failure = LedgerError(
                f"{name} can't be made: {error.strerror}", reason="no_access"
            )
        else:
            return
        self.release()
        raise failure

    def release(self) -> None:
        """Give the lock back; the file stays, so that two can't lock two files."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _lock(file: io.FileIO) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt  # noqa: PLC0415  # pragma: no cover - Windows

    try:  # pragma: no cover - Windows
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:  # pragma: no cover - Windows
        raise BlockingIOError from error


def create_private(path: Path) -> None:
    """Make the file if it isn't there, readable by its owner only.

    A file that is there is not opened: closing it would drop the locks that SQLite
    holds on it elsewhere in this process (sqlite.org/howtocorrupt, 2.2).

    Raises:
        LedgerError: If it can't be made.
    """
    try:
        os.close(_open_private(str(path), os.O_CREAT | os.O_EXCL | os.O_RDWR))
    except FileExistsError:
        return
    except OSError as error:
        problem = error.strerror
    else:
        return
    name = printable(path.name)
    raise LedgerError(f"{name} can't be made: {problem}", reason="no_access")


def make_private(path: Path) -> None:
    """Let only the owner read a ledger's files, as far as they are there and ours.

    SQLite gives new ``-wal`` and ``-shm`` files the mode of the file they belong to.
    """
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError, PermissionError):
            path.with_name(path.name + end).chmod(_PRIVATE)


def check_local(path: Path, mounts: Path | None = None) -> None:
    """Refuse a network file system, as far as it can be recognised.

    Args:
        path: The ledger.
        mounts: Where the system lists what is mounted.

    Raises:
        LedgerError: If the file would stand on one.
    """
    kind = _file_system_of(path.resolve().parent, mounts or _MOUNTS)
    if kind in _NETWORK:
        raise LedgerError(
            f"{printable(path.name)} would stand on a network file system ({kind}), "
            "which can't promise that what is written is written",
            reason="network_file_system",
        )


def _file_system_of(folder: Path, mounts: Path) -> str | None:
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    found, kind = -1, None
    for line in lines.splitlines():
        parts = line.split(" ")
        if len(parts) < 3:  # noqa: PLR2004 - device, place, kind
            continue
        place = Path(_OCTAL.sub(lambda code: chr(int(code[1], 8)), parts[1]))
        # What is mounted later on the same place hides what was there.
        if folder.is_relative_to(place) and len(place.parts) >= found:
            found, kind = len(place.parts), parts[2]
    return kind


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, _PRIVATE)
