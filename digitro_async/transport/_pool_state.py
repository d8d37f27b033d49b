"""The state that the connections of one pool share."""

import weakref
from typing import Any, Final, Protocol

from digitro_async.transport._plain_answer import HeadCache

__all__ = ["KEPT_SHARE", "SHORTEST_WATCH", "Home", "PoolState"]

SHORTEST_WATCH: Final = 0.25
LONGEST_WATCH: Final = 5.0
"""Bounds, in seconds, of the watch of a retired connection: twice a slow answer."""

KEPT_SHARE: Final = 0.999
"""Share of ``PoolState.slowest`` that each faster answer leaves: half after 700."""


class PoolState:
    """The state that the connections of one pool share.

    Attributes:
        open: The connections that are open.
        slowest: Seconds that a slow answer took of late.
        must_sweep: Whether a connection in the pool was retired.
        was_breached: Whether an answer came that no call waited for.
        heads: The heads of answers that were read last.
    """

    __slots__ = ("heads", "must_sweep", "open", "slowest", "was_breached")

    def __init__(self) -> None:
        self.open: weakref.WeakSet[Any] = weakref.WeakSet()
        self.slowest = 0.0
        self.must_sweep = self.was_breached = False
        self.heads = HeadCache()

    @property
    def watch_seconds(self) -> float:
        """Seconds after which an answer that is out of step has arrived."""
        return min(max(SHORTEST_WATCH, 2 * self.slowest), LONGEST_WATCH)

    def end_trust(self, breached: Any) -> None:
        """Let no connection that is open now serve a further call."""
        self.was_breached = True
        for other in list(self.open):
            if other.was_used and other is not breached and not other.is_retired:
                if other.is_idle and other.something_waits():
                    other.distrust()
                else:
                    other.retire()


class Home(Protocol):
    """The pool of a connection."""

    state: PoolState

    def take_back(self, connection: Any, usable: bool) -> None:  # noqa: FBT001 - the hot path
        """Take a connection that no attempt uses any more."""
        ...

    def forget(self, connection: Any) -> None:
        """Forget an idle connection, which has ended."""
        ...
