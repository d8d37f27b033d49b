"""Hears signals from the first moment of the command to its last.

There is always one handler, and what a signal does is changed by one assignment, so
none is lost in between. The first process of a container would not even die of one that
nobody hears.
"""

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
    "hearing",
    "leave_with",
    "raise_once",
]

Act = Callable[[int], object]
"""Takes how many signals came since it is what a signal does."""

_current: contextvars.ContextVar["Interrupts | None"] = contextvars.ContextVar(
    "interrupts", default=None
)


def current() -> "Interrupts":
    """Return what hears the signals of the command that runs here."""
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
    """Hears SIGINT, SIGTERM and SIGHUP, and does what is right at the moment.

    One that was ignored when the process began (``nohup``, a job in the background)
    goes on being ignored.

    Attributes:
        heard: How many signals came so far.
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
        before: dict[signal.Signals, Any] = {}
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
        """Let signals do something else while the block runs."""
        before = self._came, self._act
        self.do(act)
        try:
            yield
        finally:
            self._came, self._act = before

    def do(self, act: Act) -> None:
        """Let signals do something else from now on."""
        self._came = 0
        self._act = act

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.heard += 1
        self._came += 1
        self._act(self._came)


def raise_once(times: int) -> None:
    """End what runs in order; a second time at once.

    Raises:
        KeyboardInterrupt: The first time.
    """
    if times > 1:
        leave_with(INTERRUPTED)
    raise KeyboardInterrupt


def leave_with(code: int) -> NoReturn:
    """End the process at once."""
    os._exit(code)
