"""Deadlines of attempts: one timer for all with the same limit, and a last look."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

__all__ = ["Deadlines", "LastLook"]

_Task = asyncio.Task[Any]

# In each round the loop asks which sockets can be read. Three rounds are enough to read
# one, to wake the task that waits for it and to let that task go on.
LOOKS: Final = 5
"""Rounds of the loop in a last look."""

LATE: Final = 0.01
"""Seconds by which a timer may be late on a loop that is only busy."""

# While its timer was late the loop stood still, and it may have sent the request of an
# attempt only at the end of that time.
PATIENCE: Final = 10
"""Factor: an attempt goes on for this many times what its timer was late."""

MOST_TIMES: Final = 5
"""Most times that one attempt goes on, each after the loop stood still again."""


class LastLook:
    """Delays an action until the loop has read the bytes that lie ready.

    A loop that was kept from running (by a callback that took long, or by the system,
    which stopped the process) finds its timers due before it looks at its sockets, or
    before it wakes the tasks that wait for bytes from them. An answer that lies ready
    then may have come in time, and counts as if it had.

    Args:
        loop: The running loop.
        act: The action.
    """

    __slots__ = ("_act", "_handle", "_left", "_loop")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, act: Callable[[], object]
    ) -> None:
        self._loop, self._act, self._left = loop, act, LOOKS
        self._handle = loop.call_soon(self._look)

    def cancel(self) -> None:
        """Drop the action."""
        self._handle.cancel()

    def _look(self) -> None:
        self._left -= 1
        if self._left:
            self._handle = self._loop.call_soon(self._look)
        else:
            self._act()


class Deadlines:
    """Cancels each task whose time has run out; the task makes a timeout of that.

    Where the loop stood still until after a deadline, the attempt goes on for a while,
    because the PABX may have answered in that time. Then there is a last look.

    Args:
        seconds: Seconds from ``start`` to the cancellation.

    Attributes:
        ends: When the time of each task is over, of those whose time runs, in order.
            ``stop`` need not be called for a task that was taken out of it.
    """

    # asyncio.timeout does the same with a timer for each task. Here attempts end in the
    # order in which they began, so one timer, set for the oldest, is enough: this saves
    # 5 % of the instructions of a call.

    __slots__ = ("_clock", "_loop", "_overdue", "_seconds", "_timer", "ends")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = loop = asyncio.get_running_loop()
        # What that method of asyncio's returns, in a third of the instructions.
        is_common = getattr(type(loop), "time", None) is asyncio.BaseEventLoop.time
        self._clock = time.monotonic if is_common else loop.time
        self.ends: dict[_Task, float] = {}  # in the order of their deadlines
        self._overdue: dict[_Task, object] = {}  # the mark of the timer of each
        self._timer: asyncio.TimerHandle | None = None

    def start(self, task: _Task) -> None:
        """Start the time of a task, for which no other time is running."""
        end = self._clock() + self._seconds
        self.ends[task] = end
        if self._timer is None:
            self._timer = self._loop.call_at(end, self._expire)

    def stop(self, task: _Task) -> bool:
        """Stop the time of a task; return whether it ran out and cancelled the task.

        A task that was cancelled by its time takes that back: ``task.uncancel()``.
        """
        if self.ends.pop(task, None) is not None:
            return False
        return self._overdue.pop(task, None) is None

    def close(self) -> None:
        """Cancel the timer, unless an attempt still has a deadline."""
        if self._timer is not None and not self.ends:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        late, due = 0.0, []
        for task, end in self.ends.items():
            if end > now:
                self._timer = self._loop.call_at(end, self._expire)
                break
            late = late or now - end
            due.append(task)
        since = object()
        for task in due:
            del self.ends[task]
            self._overdue[task] = since
        self._end(since, due, late, MOST_TIMES)

    def _end(
        self, since: object, due: Sequence[_Task], late: float, times: int
    ) -> None:
        """Cancel tasks at once, after a last look, or after they went on for a while.

        Args:
            since: The mark of the timer that found the tasks due. A task whose time was
                stopped meanwhile doesn't have the mark any more.
            due: The tasks.
            late: Seconds since the deadline of the first task.
            times: Number of times that the tasks may still go on.
        """
        if not late:
            self._cancel(since, due)
        elif late <= LATE or not times:
            LastLook(self._loop, partial(self._cancel, since, due))
        else:
            end = self._loop.time() + min(self._seconds, PATIENCE * late)
            self._loop.call_at(end, self._go_on, since, due, end, times - 1)

    def _go_on(
        self, since: object, due: Sequence[_Task], end: float, times: int
    ) -> None:
        left = [task for task in due if self._overdue.get(task) is since]
        self._end(since, left, self._loop.time() - end, times)

    def _cancel(self, since: object, due: Sequence[_Task]) -> None:
        """Cancel the tasks whose time was not stopped meanwhile."""
        for task in due:
            if self._overdue.get(task) is since:
                del self._overdue[task]
                task.cancel()
