"""Says whether a ledger may stand at a place, and who has it open."""

import contextlib
import os
from pathlib import Path

from digitro_async.ledger.sqlite._ledger_files import (
    check_links,
    check_local,
    check_names,
    check_own,
)
from digitro_async.ledger.sqlite._owner_lock import lock_path

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["check_place", "holder_of"]

_LOCKS = Path("/proc/locks")
_FLOCK_FIELDS = 6


def check_place(path: Path) -> None:
    """Check that a ledger may stand at a place, or the one that is there may be opened.

    Raises:
        LedgerError: If it may not; the text names the file and the way out.
    """
    check_links(path)
    resolved = path.resolve()
    check_own(resolved)
    check_names(resolved)
    check_local(resolved)


def holder_of(path: Path) -> str | None:
    """Return who has a ledger open to write it, None where nobody has.

    Its lock is tried for a moment where nobody has it.
    """
    if fcntl is None:  # pragma: no cover - Windows
        return None
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        file = os.open(lock_path(path.resolve()), flags)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _process_with(os.fstat(file).st_ino) or "a process"
    finally:
        os.close(file)
    return None


def _process_with(inode: int) -> str | None:
    """Return the process that has locked a file, where the system tells."""
    with contextlib.suppress(OSError):
        for line in _LOCKS.read_text().splitlines():
            # 1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF
            parts = line.split()
            is_lock = len(parts) >= _FLOCK_FIELDS and parts[1] == "FLOCK"
            if is_lock and parts[5].rpartition(":")[2] == str(inode):
                return f"process {parts[4]}"
    return None
