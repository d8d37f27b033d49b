"""Saves the content of an open ledger that its name no longer leads to."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from digitro_async._common.private_files import create_own
from digitro_async.ledger.sqlite._descriptors import Descriptor, Identity, identity_of

__all__ = ["rescue"]

_MOST_NAMES = 100


def rescue(
    connection: sqlite3.Connection,
    path: Path,
    folder: Identity,
    descriptor: Descriptor | None,
) -> tuple[sqlite3.Connection, Path] | None:
    """Copy a ledger that is open into a new file in the folder where it stood.

    Args:
        connection: Connected to it.
        path: Where it stood.
        folder: The folder that it stood in; nothing is written into another one.
        descriptor: Of its file.

    Returns:
        A connection to the copy, and where that is; None where it can't be made.
    """
    for place in _places(path, descriptor):
        with contextlib.suppress(OSError):
            if identity_of(place.stat()) == folder:
                return _copy(connection, place / path.name)
    return None


def _places(path: Path, descriptor: Descriptor | None) -> Iterator[Path]:
    """Yield the folders where it may be now, also one that was renamed."""
    yield path.parent
    if descriptor is not None:
        with contextlib.suppress(OSError):
            yield Path(f"/proc/self/fd/{descriptor.number}").readlink().parent


def _copy(
    connection: sqlite3.Connection, path: Path
) -> tuple[sqlite3.Connection, Path] | None:
    target = _new_file(path)
    if target is None:
        return None
    copy = sqlite3.connect(target, isolation_level=None)
    try:
        connection.backup(copy)
        copy.execute("PRAGMA synchronous = FULL")
        (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error:
        verdict = "it can't be read"
    if verdict == "ok":
        return copy, target
    copy.close()
    target.unlink(missing_ok=True)  # made just now, and worth nothing
    return None


def _new_file(path: Path) -> Path | None:
    for number in range(1, _MOST_NAMES):
        end = ".rescued" if number == 1 else f".rescued-{number}"
        target = path.with_name(path.name + end)
        if target.with_name(f"{target.name}-wal").exists():
            continue  # SQLite would take it for the new file's
        try:
            os.close(create_own(target, os.O_RDWR))
        except FileExistsError:
            continue
        return target
    return None
