"""Runs the coroutine of a command on the fastest event loop, and hears signals."""

import asyncio
import contextlib
import signal
import socket
import traceback
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from digitro_async._common.text import words_of_os_error
from digitro_async.cli._exit import Course, Exit
from digitro_async.cli._interrupts import current, ends_anyway
from digitro_async.cli._output import print_error
from digitro_async.errors import DigitroError
from digitro_async.process import tune_process

__all__ = [
    "cut_off",
    "on_interrupt",
    "run_tuned",
    "to_its_end",
]

_Result = TypeVar("_Result")


def run_tuned(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine with ``tune_process()``, on uvloop where it is installed.

    A signal cancels the coroutine, unless it says otherwise with ``on_interrupt``.

    Raises:
        KeyboardInterrupt: If it was cancelled by a signal.
    """
    heard = current().heard
    with contextlib.ExitStack() as stack:
        stack.callback(coroutine.close)  # a signal may come before its first step
        stack.callback(tune_process())
        # No exception is raised in the middle of opening or closing a loop. A signal
        # that comes while it is opened cancels the coroutine before its first step; one
        # that comes while it is closed changes nothing any more.
        ends_anyway()
        return _run_to_its_end(coroutine, heard)


def _run_to_its_end(coroutine: Coroutine[Any, Any, _Result], heard: int) -> _Result:
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_hearing(coroutine, heard))
    except asyncio.CancelledError:
        if current().heard == heard:
            raise
    raise KeyboardInterrupt


async def _hearing(coroutine: Coroutine[Any, Any, _Result], heard: int) -> _Result:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker
    with _woken_by_signals(), on_interrupt(task.cancel, task.cancel):
        if current().heard != heard:
            raise asyncio.CancelledError
        return await coroutine


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


@contextlib.contextmanager
def on_interrupt(
    first: Callable[[], object], again: Callable[[], object] | None = None
) -> Iterator[None]:
    """Call ``first`` at the first SIGINT, SIGTERM or SIGHUP and ``again`` at others.

    A terminal sends SIGHUP when it is closed; where that is ignored (``nohup``) it
    goes on being ignored. ``first`` is called before the block has ended, ``again`` is
    not called any more then: what it would cut off has ended.
    """
    loop = asyncio.get_running_loop()
    came = called = 0

    def act(times: int) -> None:
        nonlocal came
        came = times
        loop.call_soon_threadsafe(call)

    def call() -> None:
        nonlocal called
        while called < came:
            called += 1
            callback = first if called == 1 else again
            if callback is not None:
                callback()

    try:
        with current().doing(act):
            yield
    finally:
        came = min(came, 1)
        call()


@contextlib.contextmanager
def _woken_by_signals() -> Iterator[None]:
    """Let a signal end the loop's wait for the network, where it does not by itself."""
    loop = asyncio.get_running_loop()
    reading, writing = socket.socketpair()
    with reading, writing, contextlib.ExitStack() as stack:
        reading.setblocking(False)
        writing.setblocking(False)
        # Outside of the main thread none comes; uvloop and Windows have their own.
        with contextlib.suppress(ValueError, NotImplementedError):
            before = signal.set_wakeup_fd(-1)
            if before != -1:
                signal.set_wakeup_fd(before)
            else:
                loop.add_reader(reading, _drain, reading)
                stack.callback(loop.remove_reader, reading)
                signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
                stack.callback(signal.set_wakeup_fd, -1)
        yield


def _drain(reading: socket.socket) -> None:
    with contextlib.suppress(BlockingIOError):
        while reading.recv(4096):
            pass


def cut_off(task: "asyncio.Task[Any]") -> None:
    """Cancel a task that is taking results, and then its wait for the rest of them."""
    task.cancel()
    asyncio.get_running_loop().call_soon(lambda: task.cancelling() and task.cancel())


def to_its_end(course: Course, act: Callable[[], Exit]) -> Exit:
    """Run a command, and return its exit code after any error or signal.

    Raises:
        Exception: If it fails before a call went out.
        KeyboardInterrupt: If it is interrupted before a call went out.
    """
    try:
        return course.code(act())
    except Exception as error:
        if not course.dialled and not course.interrupted:
            raise
        course.failure = _problem_of(error)
    except KeyboardInterrupt:
        if not course.dialled:
            raise
        course.interrupted = True
    if course.failure:
        print_error(f"digitro: {course.failure}")
    if course.interrupted:
        print_error("interrupted")
    return course.code(Exit.INCOMPLETE)


def _problem_of(error: Exception) -> str:
    if isinstance(error, DigitroError):
        return str(error)
    if isinstance(error, OSError):
        return words_of_os_error(error)
    # A fault of the program: its text may hold anything, its place nothing private.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"unexpected {type(error).__name__} at {place.name}, "
        f"{place.filename}:{place.lineno}; please report it"
    )
