"""Where the socket stands over which the process that dials a file takes orders."""

import contextlib
import hashlib
import os
import socket
import stat
from pathlib import Path
from typing import Final

from digitro_async._common.private_files import make_own_folder

__all__ = ["bind_socket", "find_socket", "remove_socket"]

_LONGEST: Final = 107
"""Bytes of the longest path of a socket: 108 with the zero at its end."""

_END: Final = ".control"
_PRIVATE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700


def find_socket(ledger: Path) -> Path | None:
    """Return the socket of whoever has a ledger open, None where there is none.

    One that its process has left behind by a crash is returned too.
    """
    if not hasattr(socket, "AF_UNIX"):
        return None
    for path in _places(ledger):
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISSOCK(status.st_mode) and status.st_uid == os.geteuid():
                return path
    return None


def bind_socket(ledger: Path) -> tuple[socket.socket, Path] | None:
    """Return a new socket for a ledger, and its path; None where none can stand.

    Whoever asks for it owns the ledger, so a socket that stands there is a dead one's.

    Args:
        ledger: The ledger, which this process owns.
    """
    if not hasattr(socket, "AF_UNIX"):
        return None
    folder = ledger.resolve().parent
    for path in _places(ledger):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if path.parent != folder:
                _check_folder(path.parent)
            _remove_dead(path)
            # On Linux the socket's own mode is that of the file which bind makes.
            os.fchmod(made.fileno(), _PRIVATE)
            made.bind(os.fspath(path))
            path.chmod(_PRIVATE)
        except OSError:  # a file system without sockets, or somebody else's file
            made.close()
        else:
            return made, path
    return None


def remove_socket(path: Path, made: os.stat_result) -> None:
    """Take a socket away, unless another one stands there by now."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        if (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino):
            path.unlink()


def _places(ledger: Path) -> list[Path]:
    """Return where the socket of a ledger may stand, the best place first."""
    real = ledger.resolve()
    beside = real.with_name(real.name + _END)
    name = hashlib.blake2b(os.fsencode(real), digest_size=16).hexdigest() + _END
    found = [beside, *(folder / name for folder in _folders())]
    return [one for one in found if len(os.fsencode(one)) <= _LONGEST]


def _folders() -> list[Path]:
    """Return the folders for sockets of ledgers whose own folder can't have one."""
    mine = f"digitro-{os.geteuid()}"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return [*([Path(runtime) / "digitro"] if runtime else []), Path("/tmp") / mine]  # noqa: S108 - looked at before it is used


def _check_folder(folder: Path) -> None:
    """Make a folder that is its owner's alone, or see to it that it is.

    Raises:
        PermissionError: If it is not.
        OSError: If it can't be made.
    """
    with contextlib.suppress(FileExistsError):
        make_own_folder(folder)
    status = folder.lstat()
    is_mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_mine or stat.S_IMODE(status.st_mode) & ~_PRIVATE_FOLDER:
        raise PermissionError


def _remove_dead(path: Path) -> None:
    """Take the socket away that a process left behind.

    Raises:
        PermissionError: If something else stands there.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode) or status.st_uid != os.geteuid():
        raise PermissionError
    path.unlink()
