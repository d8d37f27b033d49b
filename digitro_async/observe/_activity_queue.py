"""ActivityQueue: what happens inside a client, for a program that iterates."""

import time
from collections.abc import Callable, Iterable, Sequence

from digitro_async._common.program_queue import ProgramQueue
from digitro_async.observe._activities import ActivitiesLost, Activity

__all__ = ["ActivityQueue"]


class ActivityQueue(ProgramQueue[Activity]):
    """What happens inside a client from one moment on, to be iterated over.

    It yields each activity, and an ``ActivitiesLost`` where nobody took them while the
    queue was full. The iteration ends when the client closes.

    Args:
        size: Most activities that wait.

    Attributes:
        on_close: Called once when it takes nothing more; None where nobody is.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._lost = 0
        self.on_close: Callable[[], object] | None = None

    def put(self, batch: Sequence[Activity]) -> None:
        """Add activities, and count those for which there is no room."""
        if self._is_closed:
            return
        room = max(0, self._size - len(self._queue))
        if room:
            self._queue.extend(self._take_lost())
        self._queue.extend(batch[:room])
        self._lost += max(0, len(batch) - room)
        self._wake()

    def close(self) -> None:
        """Take nothing more; what waits is still yielded."""
        on_close, self.on_close = self.on_close, None
        if on_close is not None:
            on_close()
        super().close()

    def _take_lost(self) -> Iterable[Activity]:
        lost, self._lost = self._lost, 0
        return [ActivitiesLost(time=time.time(), count=lost)] if lost else ()
