"""Runs a command's coroutine on the fastest loop there is, and hears signals."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from digitro_async.process import tune_process

__all__ = ["cut_off", "on_interrupt", "run_tuned"]

_Result = TypeVar("_Result")


def run_tuned(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine with ``tune_process()``, on uvloop where it is installed."""
    undo = tune_process()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(coroutine)
    finally:
        undo()


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

    SIGHUP is what a terminal sends that is closed; where it is ignored (``nohup``) it
    goes on being ignored.
    """
    loop = asyncio.get_running_loop()
    heard = False

    def interrupted() -> None:
        nonlocal heard
        act, heard = (again if heard else first), True
        if act is not None:
            act()

    installed = []
    for number in _signals():
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, interrupted)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)


def _signals() -> Iterator[signal.Signals]:
    yield signal.SIGINT
    yield signal.SIGTERM
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        yield hang_up


def cut_off(task: "asyncio.Task[Any]") -> None:
    """Cancel a task that is taking results, and then its wait for the rest of them."""
    task.cancel()
    asyncio.get_running_loop().call_soon(task.cancel)
