"""Watches whether a ledger's open files are still those that its name leads to.

SQLite goes on writing to a file that was removed, and says nothing.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import attrs

from digitro_async.ledger.sqlite._descriptors import LOCKS_FILES, Identity, identity_of

__all__ = ["Loss", "Watch"]

# Where the file itself can't be locked, its lock's file is all that keeps others out.
_ENDS = ("", "-wal", "-shm") if LOCKS_FILES else ("", "-wal", "-shm", ".lock")


@attrs.frozen
class Loss:
    """A loss of an open ledger: one of its files is gone or cut.

    Attributes:
        end: The end of the file's name, empty for the ledger itself.
        how: The loss, in words that follow the name.
        is_cut: Whether the file lost some of its content.
    """

    end: str
    how: str
    is_cut: bool = False


@attrs.define
class _Watched:
    end: str
    name: str
    identity: Identity
    size: int


class Watch:
    """Compares a ledger's files with those that were opened.

    None of them becomes shorter while a ledger has it open.

    Args:
        path: The ledger; it and the files beside it are open.

    Raises:
        OSError: If one is not there.
    """

    def __init__(self, path: Path) -> None:
        self._files: Sequence[_Watched] = [
            _watched(end, f"{path}{end}") for end in _ENDS
        ]

    def look(self) -> Loss | None:
        """Return the loss of a file since the last look, if there is one."""
        for file in self._files:
            try:
                status = os.lstat(file.name)
            except FileNotFoundError:
                return Loss(file.end, "was removed or renamed")
            except OSError:
                return Loss(file.end, "can't be reached any more")
            if identity_of(status) != file.identity:
                return Loss(file.end, "was replaced by another file")
            if status.st_size < file.size:
                return Loss(file.end, "was cut off", is_cut=True)
            file.size = status.st_size
        return None

    def has_own(self, end: str) -> bool:
        """Whether the file that is open is still the one under its name."""
        (file,) = [one for one in self._files if one.end == end]
        try:
            return identity_of(os.lstat(file.name)) == file.identity
        except OSError:
            return False


def _watched(end: str, name: str) -> _Watched:
    status = os.lstat(name)
    return _Watched(end, name, identity_of(status), status.st_size)
