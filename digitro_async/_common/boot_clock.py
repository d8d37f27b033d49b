"""A clock of this machine that nobody sets, and that runs on while it sleeps."""

import time
from typing import Final

__all__ = ["boot_time"]

_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", None)


def boot_time() -> float:
    """Return seconds since the machine was started, those of its sleep included.

    A virtual machine that was held still for minutes finds its leases ended by this
    clock; the monotonic clock of Linux would not tell. Elsewhere that one is read.
    """
    if _BOOT is None:
        return time.monotonic()
    return time.clock_gettime(_BOOT)
