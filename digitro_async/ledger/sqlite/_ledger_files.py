"""Checks a ledger's files: they are our own, under one name, on a local disk."""

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from digitro_async._common.private_files import create_own, problem_with
from digitro_async._common.text import printable
from digitro_async.errors import LedgerError

__all__ = [
    "beside",
    "check_links",
    "check_local",
    "check_names",
    "check_own",
    "create_private",
    "has_log",
    "is_local",
    "make_private",
]

_LOCAL = frozenset(
    {
        *("bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2"),
        *("reiserfs", "xfs", "zfs", "ufs", "apfs", "hfs", "hfsplus"),
        *("exfat", "fuseblk", "msdos", "ntfs", "ntfs3", "vfat"),  # disks of others
        *("ecryptfs", "overlay"),  # on top of another one
        *("ramfs", "rootfs", "tmpfs"),  # gone when the machine restarts
    }
)
"""File systems whose locks and syncs do what they say: one machine, its own disk."""

_NETWORK = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "davfs", "gfs2", "glusterfs", "gpfs"),
        *("lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs"),
        *("vboxsf", "virtiofs", "vmhgfs"),
        *("fuse.ceph", "fuse.davfs2", "fuse.gcsfuse", "fuse.glusterfs"),
        *("fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)
"""File systems whose locks and syncs are known not to be relied on
(sqlite.org/howtocorrupt)."""

_MOUNTS = Path("/proc/mounts")
_MOUNT_POINTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")
_PRIVATE = 0o600
_ENDS = ("", "-wal", "-shm", ".lock")
_MOST_LINKS = 40


def beside(path: Path, end: str) -> Path:
    """Return the file beside a ledger that has its name and an end."""
    return path.with_name(path.name + end)


def check_links(path: Path) -> None:
    """Refuse a path that leads over a link of another user.

    Args:
        path: The ledger, as it was given.

    Raises:
        LedgerError: If there is such a link, or they lead in a circle.
    """
    if not hasattr(os, "geteuid"):
        return
    trusted = {0, os.geteuid()}
    # The system's own resolving would not tell whose links it follows.
    left, place = list(path.absolute().parts), Path()
    for _ in range(_MOST_LINKS):
        while left:
            place /= left.pop(0)
            try:
                status = place.lstat()
            except OSError:
                return  # what is missing is said when it is opened
            if stat.S_ISLNK(status.st_mode):
                break
        else:
            return
        if status.st_uid not in trusted:
            raise LedgerError(
                f"{printable(path.name)} is reached over a link that another user "
                "made: name the file itself",
                reason="link_of_another",
            )
        target = place.readlink()
        place, left = place.parent, [*target.parts, *left]
    raise LedgerError(
        f"{printable(path.name)} can't be opened: its links lead in a circle",
        reason="no_access",
    )


def check_own(path: Path) -> None:
    """Refuse files that can't be a ledger of ours, before anything is changed.

    Args:
        path: The ledger, without links.

    Raises:
        LedgerError: If it or a file beside it is no file of ours alone.
    """
    for end in _ENDS:
        file = beside(path, end)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            problem = problem_with(file.lstat())
            if problem:
                raise LedgerError(
                    f"{printable(file.name)} can't be opened: {problem}",
                    reason="not_ours",
                )


def check_names(path: Path) -> None:
    """Refuse a file that has another name, whose log and lock would stand elsewhere.

    Args:
        path: The ledger, without links.

    Raises:
        LedgerError: If it has several hard links or is mounted by itself.
    """
    name = printable(path.name)
    try:
        status = path.stat()
    except OSError:
        return  # what is missing is said when it is opened
    if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
        raise LedgerError(
            f"{name} has several names (hard links), and each name would have a log of "
            "its own: copy it to a name of its own, with its -wal if there is one",
            reason="several_names",
        )
    points = set(_mount_points())
    for end in _ENDS:
        if str(beside(path, end)) in points:
            raise LedgerError(
                f"{name} is mounted as a single file, and its log and lock would stand "
                "elsewhere than those of its other name: mount its folder instead",
                reason="single_file_mount",
            )


def create_private(path: Path) -> None:
    """Make the file if it isn't there, readable by its owner only.

    A file that is there is not opened: closing it would drop the locks that SQLite
    holds on it elsewhere in this process (sqlite.org/howtocorrupt, 2.2).

    Raises:
        LedgerError: If it can't be made.
    """
    try:
        os.close(create_own(path, os.O_RDWR))
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
            beside(path, end).chmod(_PRIVATE)


def has_log(path: Path) -> bool:
    """Whether a write-ahead log that is not empty stands beside the file."""
    try:
        return beside(path, "-wal").stat().st_size > 0
    except OSError:
        return False


def check_local(path: Path, mounts: Path | None = None) -> None:
    """Refuse a file system that is not known to be on a disk of this machine.

    Args:
        path: The ledger.
        mounts: The system's list of mounted file systems; where it has no such list,
            nothing is refused.

    Raises:
        LedgerError: If the file would stand on one.
    """
    kind = _file_system_of(path.resolve().parent, mounts or _MOUNTS)
    if kind is None or kind in _LOCAL:
        return
    name, kind_name = printable(path.name), printable(kind)
    if kind in _NETWORK:
        raise LedgerError(
            f"{name} would stand on a network file system ({kind_name}), which can't "
            "promise that what is written is written; put it on a local disk. Whoever "
            "knows better insists: any_file_system=True, --any-file-system",
            reason="network_file_system",
        )
    raise LedgerError(
        f"{name} would stand on a file system of which nothing is known here "
        f"({kind_name}): whether its locks hold and what is written is written. Put it "
        "on a local disk, or insist: any_file_system=True, --any-file-system",
        reason="unknown_file_system",
    )


def is_local(path: Path) -> bool:
    """Whether the file stands on a file system that is known to be local."""
    return _file_system_of(path.parent, _MOUNTS) in _LOCAL


def _file_system_of(folder: Path, mounts: Path) -> str | None:
    found, kind = -1, None
    for parts in _lines_of(mounts):
        if len(parts) < 3:  # noqa: PLR2004 - device, place, kind
            continue
        place = Path(_unescaped(parts[1]))
        # A file system mounted later on the same place hides the one before.
        if folder.is_relative_to(place) and len(place.parts) >= found:
            found, kind = len(place.parts), parts[2]
    return kind


def _mount_points() -> Iterator[str]:
    """Yield every place of a mounted file system, as this process sees it."""
    for parts in _lines_of(_MOUNT_POINTS):
        if len(parts) > 4:  # noqa: PLR2004 - the fifth is the place
            yield _unescaped(parts[4])


def _lines_of(mounts: Path) -> Iterator[list[str]]:
    try:
        text = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for line in text.split("\n"):
        yield line.split(" ")


def _unescaped(place: str) -> str:
    return _OCTAL.sub(lambda code: chr(int(code[1], 8)), place)
