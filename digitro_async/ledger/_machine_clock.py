"""Reads how the clock of this machine stands."""

import time
from pathlib import Path

from digitro_async.ledger._ledger_clock import Clock

__all__ = ["read_clock"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def read_clock() -> Clock:
    """Return how this machine's clock stands."""
    now = time.time()  # first: what comes between the two makes other times later
    try:
        boot = _BOOT_ID.read_text(encoding="ascii").strip()
        since = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, ValueError, AttributeError):  # not Linux: all is unclear
        boot, since = "", now
    return Clock(boot=boot, since=since, offset=now - since)
