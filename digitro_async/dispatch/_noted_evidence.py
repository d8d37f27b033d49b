"""Evidence that tells when the request of an attempt was written."""

import asyncio
from collections.abc import Callable

from digitro_async.errors import NotSentError
from digitro_async.protocol import Evidence, Failure

__all__ = ["NotedEvidence"]


class NotedEvidence(Evidence):
    """Evidence that tells when the request was written, and asks whether it may be.

    Args:
        note_sent: Called in the loop's next turn after the request was begun.
        may_send: Asked just before the first byte; None where it always may go.
    """

    # The flag is set before the write, and a process can stand still between the two.
    # In the loop's next turn the write is over: what is noted is never too early.

    def __init__(
        self, note_sent: Callable[[], None], may_send: Callable[[], bool] | None = None
    ) -> None:
        self._note_sent = note_sent
        self._may_send = may_send
        self._request_started = False

    @property
    def request_started(self) -> bool:
        """See ``Evidence``.

        Raises:
            NotSentError: Where it is set, and the request may not be written any more.
        """
        return self._request_started

    @request_started.setter
    def request_started(self, started: bool) -> None:
        if started and not self._request_started:
            if self._may_send is not None and not self._may_send():
                self.refused = Failure.LEASE_ENDED
                raise NotSentError(reason=Failure.LEASE_ENDED)
            asyncio.get_running_loop().call_soon(self._note_sent)
        self._request_started = started
