"""Creates files that only their owner may use, and opens no others.

Somebody else may have put an existing file there: to read what this process writes, to
have it written into another file, or to have false content believed.
"""

import contextlib
import os
import stat
from pathlib import Path

__all__ = [
    "BeforehandError",
    "create_own",
    "make_own_folder",
    "open_own",
    "others_may_write",
    "problem_with",
]

_PRIVATE = 0o600
_PRIVATE_FOLDER = 0o700

_NO_FOLLOWING = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
"""Flags to follow no link, and not to wait for ever for the other end of a pipe."""

_KINDS = (
    (stat.S_ISLNK, "it is a link to another file"),
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
)


class BeforehandError(Exception):
    """An existing file can't be trusted; the text says why."""


def others_may_write(status: os.stat_result) -> bool:
    """Whether others than its owner may write to a file."""
    return hasattr(os, "geteuid") and bool(status.st_mode & 0o022)


def problem_with(status: os.stat_result) -> str:
    """Return why an existing file can't be trusted, or an empty text."""
    if not stat.S_ISREG(status.st_mode):
        found = (problem for is_kind, problem in _KINDS if is_kind(status.st_mode))
        return next(found, "it is a device")
    if status.st_nlink > 1:
        return (
            "it has several names (hard links), and each name would have its own files "
            "beside it: copy it to a name of its own"
        )
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        return "it belongs to another user: run this as its owner, or name another file"
    if others_may_write(status):
        return (
            "others may write to it: look at what is in it, then take that right away "
            "(chmod 600)"
        )
    return ""


def create_own(path: str | Path, flags: int) -> int:
    """Create a file that only its owner may use, whatever the umask.

    It is an ``opener`` for ``open``, and fails where the path exists, as a link too.
    """
    flags |= os.O_CREAT | os.O_EXCL
    descriptor = os.open(path, flags, _PRIVATE)
    _take_rights(descriptor)
    return descriptor


def open_own(path: str | Path, flags: int) -> int:
    """Open a file that only its owner may use, or create it.

    It is an ``opener`` for ``open``, and changes no file that can't be trusted.

    Raises:
        BeforehandError: If an existing file can't be trusted.
        OSError: If the file can't be opened.
    """
    with contextlib.suppress(FileExistsError):
        return create_own(path, flags)
    # Checked before opening: some devices act when they are opened.
    _refuse(os.lstat(path))
    descriptor = os.open(path, flags | _NO_FOLLOWING)
    try:
        _refuse(os.fstat(descriptor))
        _take_rights(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_own_folder(folder: Path) -> None:
    """Make a new folder that only its owner may enter, whatever the umask.

    Raises:
        OSError: If the folder can't be made, or exists already.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=_PRIVATE_FOLDER)
    folder.chmod(_PRIVATE_FOLDER)


def _refuse(status: os.stat_result) -> None:
    problem = problem_with(status)
    if problem:
        raise BeforehandError(problem)


def _take_rights(descriptor: int) -> None:
    """Set the mode of a file to that of a private file."""
    # A umask may have taken away even the rights that the owner needs.
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, _PRIVATE)
