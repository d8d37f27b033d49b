"""One timer for all attempts that have the same time limit, and a last look."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

__all__ = ["Deadlines", "LastLook"]

_Task = asyncio.Task[Any]

LOOKS: Final = 5
"""Turns of the loop in a last look. In each it asks which sockets can be read; three
are enough to read one, to wake who waits for it and to let that one go on."""


LATE: Final = 0.01
"""Seconds by which a timer may be late on a loop that is only busy."""

PATIENCE: Final = 10
"""How much longer than its timer was late an attempt may go on. The loop stood still
for longer than that, and may have sent the attempt's request only now."""

MOST_TIMES: Final = 5
"""How often one attempt may go on so; each time the loop stood still once more."""


class LastLook:
    """Does something after the loop has looked at what lies ready to be read.

    A loop that was kept from running (by a callback that took long, by the system that
    stopped the process) finds its timers due before it has looked at its sockets, or
    before anybody was woken by what it read there. An answer that lies ready came in
    time, as far as anybody can tell.

    Args:
        loop: The running loop.
        act: What is done.
    """

    __slots__ = ("_act", "_handle", "_left", "_loop")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, act: Callable[[], object]
    ) -> None:
        self._loop, self._act, self._left = loop, act, LOOKS
        self._handle = loop.call_soon(self._look)

    def cancel(self) -> None:
        """Do nothing any more."""
        self._handle.cancel()

    def _look(self) -> None:
        self._left -= 1
        if self._left:
            self._handle = self._loop.call_soon(self._look)
        else:
            self._act()


class Deadlines:
    """Cancels tasks whose time has run out; their owner turns that into a time-out.

    ``asyncio.timeout`` does the same with a timer for each. Here attempts end in the
    order in which they began, so one timer, set for the oldest, is enough: 5 % of the
    instructions of a call.

    Where the loop stood still until after an end, the attempt goes on for a while: what
    the loop did not look at was not the PABX's silence. Then there is a last look.

    Args:
        seconds: From ``start`` to the cancellation.
    """

    __slots__ = ("_ends", "_loop", "_overdue", "_seconds", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._ends: dict[_Task, float] = {}  # in the order of their ends
        self._overdue: dict[_Task, object] = {}  # since which timer
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
        if self._ends.pop(task, None) is not None:
            return False
        return self._overdue.pop(task, None) is None

    def close(self) -> None:
        """Give the timer up where nobody needs it; what goes on keeps its end."""
        if self._timer is not None and not self._ends:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.time()
        late, due = 0.0, []
        for task, end in self._ends.items():
            if end > now:
                self._timer = self._loop.call_at(end, self._expire)
                break
            late = late or now - end
            due.append(task)
        since = object()
        for task in due:
            del self._ends[task]
            self._overdue[task] = since
        self._judge(since, due, late, MOST_TIMES)

    def _judge(
        self, since: object, due: Sequence[_Task], late: float, times: int
    ) -> None:
        """Cancel tasks at once, after a last look, or after they went on for a while.

        Args:
            since: What their end is known by, should they stop and start anew.
            due: The tasks.
            late: Seconds since the end of the first.
            times: How often they may still go on.
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
        self._judge(since, left, self._loop.time() - end, times)

    def _cancel(self, since: object, due: Sequence[_Task]) -> None:
        """Cancel those whose time was not stopped meanwhile."""
        for task in due:
            if self._overdue.get(task) is since:
                del self._overdue[task]
                task.cancel()
