"""Jobs of whoever writes a ledger, and who is told what came of them."""

import asyncio
from collections.abc import Callable, Generator, Iterable
from contextvars import Context
from typing import Any

from digitro_async.errors import DigitroError

__all__ = [
    "ACCEPTANCES",
    "CALLS",
    "ENDS",
    "INTENTS",
    "OUTCOMES",
    "AwaitedJob",
    "BatchConflictError",
    "Job",
    "OnDone",
    "Write",
    "answer_all",
    "by_phase",
]

Write = Callable[[Any, list["Job"]], object]
"""Writes jobs of one kind together by a connection, and leaves a result or an error in
each."""


INTENTS, ACCEPTANCES, OUTCOMES, CALLS, ENDS = _PHASES = range(5)
"""Phases of one commit: a contact's own steps can only come in this order."""

OnDone = asyncio.Future[Any] | Callable[[DigitroError | None, Any], None] | None
"""Set in the loop, or called there, with a job's error or result; None for nobody."""


class BatchConflictError(Exception):
    """Raised where one of several jobs can't be written: each is tried alone then."""


class Job:
    """A change to be written.

    Args:
        phase: Jobs of one commit are written in the order of this number.
        write: Writes it, together with all others of its phase.
        row: The values that are written.
        on_done: Set in the loop once it is durable; or called there, with the error or
            the result.

    Attributes:
        result: The result of writing it.
        error: Why it could not be written.
    """

    # Jobs are made twice for every call: a value that most never set stands here.
    result: Any = None
    error: DigitroError | None = None

    def __init__(self, phase: int, write: Write, row: Any, on_done: OnDone) -> None:
        self.phase = phase
        self.write = write
        self.row = row
        self.on_done = on_done

    def answer(self) -> None:
        """Tell, in the loop, what came of it."""
        done, error = self.on_done, self.error
        if done is None:
            return
        if not isinstance(done, asyncio.Future):
            done(error, self.result)
        elif done.done():  # whoever waited was cancelled
            pass
        elif error is None:
            done.set_result(self.result)
        else:
            done.set_exception(error)


class AwaitedJob(Job):
    """A job that one task awaits.

    It takes a third of the instructions of a future that is set: there is one for every
    call, and all of a commit end their waits in one turn of the loop. A task takes it
    for a future while it waits, as asyncio lets it take any object with these methods.

    Args:
        phase: See ``Job``, as for the others.
        write: Writes it.
        row: The values that are written.
        loop: The loop of the task.
    """

    # Until it is awaited it is no future for ``asyncio.isfuture``, only an awaitable.
    _asyncio_future_blocking: bool | None = None
    _wake: Callable[["AwaitedJob"], object] | None = None
    _context: Context | None = None
    _is_done = _is_cancelled = False

    def __init__(
        self, phase: int, write: Write, row: Any, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.phase = phase
        self.write = write
        self.row = row
        self._loop = loop

    def __await__(self) -> Generator[Any, None, None]:
        if not self._is_done:
            self._asyncio_future_blocking = True
            yield self
        if self.error is not None:
            raise self.error

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of the task that awaits it."""
        return self._loop

    def add_done_callback(
        self, wake: Callable[["AwaitedJob"], object], *, context: Context
    ) -> None:
        """Take what wakes the task that awaits it."""
        self._wake, self._context = wake, context

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - as of a future
        """End the wait; what waits to be written is written all the same."""
        wake, self._wake = self._wake, None
        if wake is None:
            return False
        self._is_cancelled = True
        self._loop.call_soon(wake, self, context=self._context)
        return True

    def result(self) -> None:
        """Return where it is durable: asked by the task that is woken.

        Raises:
            asyncio.CancelledError: If the wait was cancelled.
            DigitroError: If it could not be written.
        """
        if self._is_cancelled:
            raise asyncio.CancelledError
        if self.error is not None:
            raise self.error

    def answer(self) -> None:
        """End the wait: run the task at once, until it waits again."""
        self._is_done = True
        wake, self._wake = self._wake, None
        if wake is not None and self._context is not None:
            self._context.run(wake, self)


def by_phase(jobs: list[Job]) -> list[list[Job]]:
    """Return the jobs that are written together, in order."""
    phases: list[list[Job]] = [[] for _ in _PHASES]
    for job in jobs:
        phases[job.phase].append(job)
    return [some for some in phases if some]


def answer_all(jobs: Iterable[Job]) -> None:
    """Tell everybody, in the loop, what came of their jobs."""
    waiting = iter(jobs)
    loop = asyncio.get_running_loop()
    try:
        for job in waiting:
            try:
                job.answer()
            except Exception as error:  # noqa: BLE001 - the others wait for theirs
                loop.call_exception_handler(
                    {"message": "a job's answer was not taken", "exception": error}
                )
    except BaseException:  # the process is told to end
        loop.call_soon(answer_all, list(waiting))
        raise
