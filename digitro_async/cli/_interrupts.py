"""Hears signals from the first moment of the command to its last.

There is always one handler, and the effect of a signal is changed by one assignment, so
none is lost in between. The first process of a container would not even die of one that
nobody hears.
"""

import atexit
import contextlib
import contextvars
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

from digitro_async._start import INTERRUPTED, leave_at_once, signals

__all__ = [
    "Interrupts",
    "current",
    "ends_anyway",
    "finish_first",
    "hearing",
    "leave_with",
    "raise_once",
]

Act = Callable[[int], object]
"""Acts on a signal; takes how many signals came since it was set."""

_current: contextvars.ContextVar["Interrupts | None"] = contextvars.ContextVar(
    "interrupts", default=None
)


def current() -> "Interrupts":
    """Return the ``Interrupts`` of the command that runs here."""
    return _current.get() or Interrupts()


@contextlib.contextmanager
def hearing() -> Iterator["Interrupts"]:
    """Hear signals while the block runs, if they are not heard already."""
    known = _current.get()
    if known is not None:
        yield known
        return
    with Interrupts().hearing() as interrupts:
        yield interrupts


class Interrupts:
    """Hears SIGINT, SIGTERM and SIGHUP, and acts as is right at the moment.

    One that was ignored when the process began (``nohup``, a job in the background)
    goes on being ignored.

    Attributes:
        heard: Number of signals that came so far.
    """

    def __init__(self) -> None:
        self.heard = 0
        self._came = 0
        self._act: Act = leave_at_once

    @contextlib.contextmanager
    def hearing(self, *, to_the_end: bool = False) -> Iterator["Interrupts"]:
        """Hear signals while the block runs.

        Args:
            to_the_end: Whether they are heard until the process has ended.
        """
        token = _current.set(self)
        before: dict[int, Any] = {}
        if to_the_end:
            atexit.register(_ignore_signals)
        for number in signals():
            # Outside of the main thread nobody can.
            with contextlib.suppress(ValueError, OSError):
                before[number] = signal.signal(number, self._hear)
        try:
            yield self
        finally:
            _current.reset(token)
            if not to_the_end:
                for number, handler in before.items():
                    signal.signal(number, handler)

    @contextlib.contextmanager
    def doing(self, act: Act) -> Iterator[None]:
        """Let signals act in another way while the block runs."""
        before = self._came, self._act
        self.do(act)
        try:
            yield
        finally:
            self._came, self._act = before

    def do(self, act: Act) -> None:
        """Let signals act in another way from now on."""
        self._came = 0
        self._act = act

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.heard += 1
        self._came += 1
        self._act(self._came)


def _ignore_signals() -> None:
    """Ignore signals: the interpreter is about to end, and its exit code is settled.

    It puts the system's handlers back before it ends, and one of those would end the
    process with a code of its own.
    """
    heard = list(signals())
    with contextlib.suppress(ValueError, OSError):  # outside of the main thread
        if hasattr(signal, "pthread_sigmask"):
            # Python complains of a signal that comes while its handler is exchanged.
            signal.pthread_sigmask(signal.SIG_BLOCK, heard)
        for number in heard:
            signal.signal(number, signal.SIG_IGN)


def raise_once(times: int) -> None:
    """End the command in order; a second time at once.

    Raises:
        KeyboardInterrupt: The first time.
    """
    if times > 1:
        leave_with(INTERRUPTED)
    raise KeyboardInterrupt


def ends_anyway() -> None:
    """Let the first signal change nothing from now on: the end is near."""
    current().do(finish_first)


def finish_first(times: int) -> None:
    """Go on at the first signal; leave at the second."""
    if times > 1:
        leave_with(INTERRUPTED)


def leave_with(code: int) -> NoReturn:
    """End the process at once."""
    os._exit(code)
