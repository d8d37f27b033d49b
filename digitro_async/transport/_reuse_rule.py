"""PURE: whether calls to one PABX host may still share kept connections."""

from collections import deque
from typing import Final

__all__ = ["ReuseRule"]

MOST_LOSSES: Final = 3
"""Losses on used connections that end the reuse of connections."""

WINDOW: Final = 600.0
"""Seconds in which the losses come."""

TOGETHER: Final = 0.01
"""Seconds in which losses are one: a restart ends all connections at once."""


class ReuseRule:
    """Ends the reuse of connections at a host that closes them without saying so.

    HTTP/1.1 keeps connections unless a server says "Connection: close" (RFC 9112
    section 9.3). A server that keeps silent and closes may do so just while a request
    is on its way, and nobody can tell whether the request was read. Each such call is
    unknown. Calls on new connections of their own don't run that risk, so after a few
    losses there are no others, until the client is closed: to try again would cost some
    contacts each time. Time is an argument.
    """

    __slots__ = ("_at", "is_over")

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=MOST_LOSSES)
        self.is_over = False

    def note_loss(self, now: float) -> bool:
        """Note that a call was lost on a connection that had served one before.

        Returns:
            Whether the reuse of connections ends with this loss.
        """
        losses = self._at
        if self.is_over or (losses and now - losses[-1] < TOGETHER):
            return False
        losses.append(now)
        self.is_over = len(losses) == MOST_LOSSES and now - losses[0] <= WINDOW
        return self.is_over
