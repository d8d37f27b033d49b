"""One timer for all attempts that have the same time limit."""

import asyncio
from typing import Any

__all__ = ["Deadlines"]

_Task = asyncio.Task[Any]


class Deadlines:
    """Cancels tasks whose time has run out; their owner turns that into a time-out.

    ``asyncio.timeout`` does the same with a timer for each. Here attempts end in the
    order in which they began, so one timer, set for the oldest, is enough: 5 % of the
    instructions of a call.

    Args:
        seconds: From ``start`` to the cancellation.
    """

    __slots__ = ("_ends", "_loop", "_seconds", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._ends: dict[_Task, float] = {}  # in the order of their ends
        self._timer: asyncio.TimerHandle | None = None

    def start(self, task: _Task) -> None:
        """Let the task's time run; it has only one running at a time."""
        end = self._loop.time() + self._seconds
        self._ends[task] = end
        if self._timer is None:
            self._timer = self._loop.call_at(end, self._expire)

    def stop(self, task: _Task) -> bool:
        """Stop the task's time; True where it had run out and the task was cancelled.

        The task then has one cancellation more than it was asked for from elsewhere:
        ``task.uncancel()`` takes it back.
        """
        return self._ends.pop(task, None) is None

    def close(self) -> None:
        """Give the timer up where nobody needs it; what goes on keeps its end."""
        if self._timer is not None and not self._ends:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        for task, end in list(self._ends.items()):
            if end > now:
                self._timer = self._loop.call_at(end, self._expire)
                return
            del self._ends[task]
            task.cancel()
