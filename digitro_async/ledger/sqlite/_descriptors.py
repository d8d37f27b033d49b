"""Descriptors of ledger files, one a file for the whole process.

A file's POSIX locks belong to the process: closing any descriptor of it drops those
that SQLite holds (sqlite.org/howtocorrupt, 2.2). So all that open one ledger here share
a descriptor, and it is closed after the last of their connections.
"""

import os
import sys
import threading
from pathlib import Path

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["Descriptor", "Identity", "hold", "identity_of"]

Identity = tuple[int, int]
"""The device of a file and its number there."""

LOCKS_FILES = sys.platform == "linux"
"""Whether such a lock and those of SQLite don't know of one another. On macOS and the
BSDs they do, and SQLite would be locked out of its own file."""


def identity_of(status: os.stat_result) -> Identity:
    """Return the identity of a file, by which it is known under any name."""
    return status.st_dev, status.st_ino


class Descriptor:
    """A file that is held open here.

    Args:
        number: The descriptor.
        identity: The file's.
    """

    def __init__(self, number: int, identity: Identity) -> None:
        self.number = number
        self.identity = identity
        self.users = 0
        self.is_owned = False

    def own(self) -> bool:
        """Lock the file itself, under any name; False where another owner has it."""
        with _held.guard:
            if self.is_owned:
                return False
            try:
                fcntl.flock(self.number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self.is_owned = True
            return True

    def disown(self) -> None:
        """Give the lock back."""
        with _held.guard:
            if self.is_owned:
                self.is_owned = False
                fcntl.flock(self.number, fcntl.LOCK_UN)

    def let_go(self) -> None:
        """End one use of the file; the last end closes it."""
        with _held.guard:
            self.users -= 1
            if self.users == 0:
                del _held.by_identity[self.identity]
                os.close(self.number)


class _Held:
    """The files that this process holds."""

    # One table, as the locks of a process are one set.

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.by_identity: dict[Identity, Descriptor] = {}


_held = _Held()


def hold(path: Path) -> Descriptor | None:
    """Hold a file until ``let_go()``; None where that would harm SQLite's locks.

    Raises:
        OSError: If it can't be opened.
    """
    if not LOCKS_FILES:
        return None
    with _held.guard:
        descriptor = _held.by_identity.get(identity_of(os.lstat(path)))
        if descriptor is None:
            descriptor = _open(path)
        descriptor.users += 1
        return descriptor


def _open(path: Path) -> Descriptor:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    number = os.open(path, flags)
    identity = identity_of(os.fstat(number))
    # It may have become another file since it was looked at, one that is held: then
    # this descriptor stays open for good, since closing it would drop that one's locks.
    return _held.by_identity.setdefault(identity, Descriptor(number, identity))
