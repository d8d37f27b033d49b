"""LoopThread: one event loop in a thread of its own, used from any other thread."""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from digitro_async._common.own_loop import calling_place
from digitro_async.errors import ClientClosedError, WrongLoopError

__all__ = ["LoopThread"]

T = TypeVar("T")


class LoopThread:
    """One event loop in a thread of its own, which other threads give work to.

    The thread ends with the process, so nothing of it keeps a process alive.

    Args:
        subject: The object that works in it, as errors name it.

    Attributes:
        place: The file and line where it was started, empty before.
        is_running: Whether it was started and not stopped yet.
    """

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._lock = threading.Lock()
        self._pid = 0
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.place: str = ""
        self.is_running: bool = False

    @property
    def is_forked(self) -> bool:
        """Whether this is a copy, in a child of the process that started it."""
        return self._pid not in {0, os.getpid()}

    def check_process(self) -> None:
        """Demand that this is the process that started it.

        Raises:
            WrongLoopError: If it is a fork of that.
        """
        if self.is_forked:
            raise WrongLoopError(
                f"{self._subject} was opened in process {self._pid} and this is a"
                f" fork of it, {os.getpid()}, without the thread that makes its calls:"
                " open one in each process, after the fork"
            )

    def start(self, opening: AbstractAsyncContextManager[object]) -> None:
        """Start the thread and open something in its loop.

        Args:
            opening: The context manager; it is left when the thread is stopped.

        Raises:
            ClientClosedError: If it was started before.
            WrongLoopError: If it was started before, in a parent of this process.
            DigitroError: As opening raises it.
        """
        if self._thread is not None:
            self.check_process()
            raise ClientClosedError(f"{self._subject} is opened once: make another")
        self._pid, self.place = os.getpid(), calling_place()
        opened: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(opening, opened), name="digitro", daemon=True
        )
        self._thread.start()
        opened.result()
        self.is_running = True

    def run(self, work: Callable[[], Awaitable[T]], *, is_waited_for: bool = True) -> T:
        """Do some work in the loop, and return its result.

        Where the waiting is interrupted, by Ctrl-C or a signal, the work is cancelled.

        Args:
            work: Makes what is awaited.
            is_waited_for: Whether ``stop`` waits for it, or cancels it.

        Raises:
            WrongLoopError: In a child of the process, or in the loop itself.
            ClientClosedError: Before ``start`` or after ``stop``.
            Exception: As the work raises it.
        """
        future = self.submit(work, is_waited_for=is_waited_for)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # one that is done takes no notice
            raise

    def submit(
        self, work: Callable[[], Awaitable[T]], *, is_waited_for: bool = True
    ) -> Future[T]:
        """Begin some work in the loop, and return the future of its result.

        Args:
            work: Makes what is awaited.
            is_waited_for: Whether ``stop`` waits for it, or cancels it.

        Raises:
            WrongLoopError: In a child of the process, or in the loop itself.
            ClientClosedError: Before ``start`` or after ``stop``.
        """
        self.check_process()
        if threading.current_thread() is self._thread:
            raise WrongLoopError(
                f"{self._subject} would wait for itself: this is its own event loop,"
                " where its client is awaited, as run gives it"
            )
        with self._lock:
            if not self.is_running or self._loop is None:
                raise ClientClosedError(
                    f"{self._subject} is not open: use it as"
                    ' "with", or between open() and close()'
                )
            tasks = self._tasks if is_waited_for else None
            return asyncio.run_coroutine_threadsafe(_work(work, tasks), self._loop)

    def call_soon(self, function: Callable[..., object], *args: object) -> None:
        """Call a function in the loop soon; do nothing where the loop is closed."""
        assert self._loop is not None  # noqa: S101 - for the type checker
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def stop(self) -> None:
        """Leave what was opened, end the loop, and wait for both.

        Work that others began is waited for. In a child of the process it does nothing:
        the thread is the parent's.

        Raises:
            Exception: As leaving raises it.
        """
        if self.is_forked or self._thread is None:
            return
        with self._lock:
            if self.is_running and self._loop is not None and self._stopping:
                self._loop.call_soon_threadsafe(self._stopping.set)
            self.is_running = False
        if threading.current_thread() is self._thread:
            raise WrongLoopError(f"{self._subject} can't be closed in its own loop")
        self._ended.result()
        self._thread.join()

    def _run(
        self, opening: AbstractAsyncContextManager[object], opened: Future[None]
    ) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve(opening, opened))
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            (self._ended if opened.done() else opened).set_exception(error)
        if not self._ended.done():
            self._ended.set_result(None)

    async def _serve(
        self, opening: AbstractAsyncContextManager[object], opened: Future[None]
    ) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with opening:
                opened.set_result(None)
                await self._stopping.wait()
        finally:
            if self._tasks:  # all of them have their results, or errors, by now
                await asyncio.wait(self._tasks)


async def _work(
    work: Callable[[], Awaitable[T]], tasks: set[asyncio.Task[Any]] | None
) -> T:
    task = asyncio.current_task()
    if task is not None and tasks is not None:
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    return await work()
