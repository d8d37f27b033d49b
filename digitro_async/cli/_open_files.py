"""Sees to it that this process may open as many files as its calls need.

A connection is an open file. Without room for it a call can't begin, which has nothing
to do with the PABX; so it is said before the first call.
"""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from digitro_async.errors import ConfigurationError
from digitro_async.models import PABX

_resource: ModuleType | None
try:
    import resource as _resource
except ImportError:  # Windows sets no such limit
    _resource = None

__all__ = [
    "TOO_MANY_FILES",
    "allow_descriptors",
    "check_descriptors",
    "descriptors_needed",
]

TOO_MANY_FILES = "raise ulimit -n or lower max_in_flight"
"""The way out where too many files would be open."""

_RESERVE = 28
"""Files that a dial opens beside its connections: event loop, ledger, name look-ups."""

_OPEN_AT_LEAST = 8
"""Files taken to be open where the system does not tell."""

_REST = 0.1
"""Seconds that connections rest at a PABX with a cap, where no setting says so."""


def descriptors_needed(pabx: Sequence[PABX]) -> int:
    """Return how many files are open when all calls are on the wire that may be."""
    return _open_now() + _RESERVE + sum(map(_connections, pabx))


def allow_descriptors(pabx: Sequence[PABX]) -> tuple[int, int | None]:
    """Raise the limit of open files as far as it is needed and may be raised.

    Only the soft limit of this process is raised, as any user may.

    Returns:
        How many files calls need to be open, and how many may be; None for any number.
    """
    needed = descriptors_needed(pabx)
    if _resource is None:
        return needed, None
    limit, unlimited = _resource.RLIMIT_NOFILE, _resource.RLIM_INFINITY
    soft, hard = _resource.getrlimit(limit)
    # As many connections again may rest at the most, or be closed just now.
    wanted = needed + sum(one.max_in_flight for one in pabx)
    if soft == unlimited:
        return needed, None
    if soft < wanted:
        raised = wanted if hard == unlimited else min(wanted, hard)
        try:
            _resource.setrlimit(limit, (raised, hard))
        except (ValueError, OSError):  # macOS has a limit below the one it tells
            raised = soft
        soft = max(soft, raised)
    return needed, soft


def check_descriptors(pabx: Sequence[PABX]) -> None:
    """Refuse calls for which this process can't open enough files.

    Raises:
        ConfigurationError: If it can't; the text says how many it needs and may open.
    """
    needed, allowed = allow_descriptors(pabx)
    if allowed is not None and needed > allowed:
        raise ConfigurationError(
            f"too many open files: {needed} are needed for max_in_flight = "
            f"{sum(one.max_in_flight for one in pabx)}, and {allowed} are allowed: "
            f"{TOO_MANY_FILES}"
        )


def _connections(pabx: PABX) -> int:
    resting = 0.0
    if pabx.rate is not None:
        rest = _REST if pabx.pool.rest is None else pabx.pool.rest
        resting = pabx.rate.calls / pabx.rate.per * rest
    most = pabx.max_in_flight + min(pabx.max_in_flight, int(resting))
    return min(most, pabx.pool.max_connections or most)


def _open_now() -> int:
    try:
        return sum(1 for _ in Path("/dev/fd").iterdir())
    except OSError:
        return _OPEN_AT_LEAST
