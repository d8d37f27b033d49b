"""Evidence that tells when the request of an attempt was written."""

import asyncio
from collections.abc import Callable

from digitro_async.protocol import Evidence

__all__ = ["NotedEvidence"]


class NotedEvidence(Evidence):
    """Evidence that tells when the request was written.

    Args:
        note_sent: Called in the loop's next turn after the request was begun.
    """

    # The flag is set before the write, and a process can stand still between the two.
    # In the loop's next turn the write is over: what is noted is never too early.

    def __init__(self, note_sent: Callable[[], None]) -> None:
        self._note_sent = note_sent
        self._request_started = False

    @property
    def request_started(self) -> bool:
        """See ``Evidence``."""
        return self._request_started

    @request_started.setter
    def request_started(self, started: bool) -> None:
        if started and not self._request_started:
            asyncio.get_running_loop().call_soon(self._note_sent)
        self._request_started = started
