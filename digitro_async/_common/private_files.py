"""Files that are ours alone: made so, and used only where they are so.

A file that was there before may have been put there by somebody else: to read what is
written, to have it written elsewhere, or to be believed.
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
"""A pipe that nobody reads would keep whoever opens it waiting for ever."""

_KINDS = (
    (stat.S_ISLNK, "it is a link to another file"),
    (stat.S_ISDIR, "it is a folder"),
    (stat.S_ISFIFO, "it is a pipe"),
    (stat.S_ISSOCK, "it is a socket"),
)


class BeforehandError(Exception):
    """A file that was there before can't be trusted; the text says why."""


def others_may_write(status: os.stat_result) -> bool:
    """Whether others than its owner may write to a file."""
    return hasattr(os, "geteuid") and bool(status.st_mode & 0o022)


def problem_with(status: os.stat_result) -> str:
    """Return why a file that was there before is not used; empty where it may be."""
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
    """Create a file of which its owner alone has rights, whatever the umask.

    An ``opener``. It fails where something is there already, a link to nowhere too.
    """
    flags |= os.O_CREAT | os.O_EXCL
    descriptor = os.open(path, flags, _PRIVATE)
    _take_rights(descriptor)
    return descriptor


def open_own(path: str | Path, flags: int) -> int:
    """Open a file of our own, or create it. An ``opener``.

    Nothing is changed in what is not ours.

    Raises:
        BeforehandError: If what is there is no file of ours alone.
        OSError: If it can't be opened.
    """
    with contextlib.suppress(FileExistsError):
        return create_own(path, flags)
    # Looked at first: to open some devices is to do something to them.
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
        OSError: If it can't be made, or is there already.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=_PRIVATE_FOLDER)
    folder.chmod(_PRIVATE_FOLDER)


def _refuse(status: os.stat_result) -> None:
    problem = problem_with(status)
    if problem:
        raise BeforehandError(problem)


def _take_rights(descriptor: int) -> None:
    """Set the mode: a umask may have taken away even what the owner needs."""
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, _PRIVATE)
