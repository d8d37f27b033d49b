"""OwnLoop: the event loop that an object belongs to, and errors that name both."""

import asyncio
import contextlib
import sys
from pathlib import PurePath
from types import FrameType
from typing import Any, Final

from digitro_async.errors import WrongLoopError

__all__ = ["OwnLoop", "calling_place", "running_loop"]

_OURS: Final = __name__.partition(".")[0]
_BETWEEN: Final = {_OURS, "contextlib", "asyncio", "anyio", "pytest_asyncio"}
"""Packages whose frames stand between a program and what it opens."""


def running_loop(subject: object) -> asyncio.AbstractEventLoop:
    """Return the running event loop of asyncio.

    Args:
        subject: The object that needs it, or its name, for the error.

    Raises:
        WrongLoopError: If there is none: none runs, or it is another library's.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio: Any = sys.modules.get("trio")
    try:
        is_trio = trio is not None and trio.lowlevel.in_trio_run()
    except AttributeError:  # an older trio, or another module of that name
        is_trio = False
    name = subject if isinstance(subject, str) else repr(subject)
    raise WrongLoopError(
        f"{name} needs asyncio, and trio runs here: run the program by asyncio.run,"
        ' or by anyio.run with backend="asyncio"'
        if is_trio
        else f"{name} needs a running event loop of asyncio, and none runs here: use"
        " it inside of a coroutine that asyncio.run runs"
    )


def calling_place() -> str:
    """Return the file and line of the program that called into this library.

    The line is that of the nearest frame outside of the library; it is looked for once
    for each object that is opened, never for a call.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - as warnings does it
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in _BETWEEN:
            code = frame.f_code
            return f"{PurePath(code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back
    return "an unknown place"


class OwnLoop:
    """The event loop that an object belongs to: the one in which it was used first.

    Attributes:
        loop: The loop; None before the first use.
        place: The file and line of the first use.
    """

    __slots__ = ("loop", "place")

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.place: str = ""

    @property
    def is_running_here(self) -> bool:
        """Whether the object's own loop runs in this thread."""
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    @property
    def is_out_of_reach(self) -> bool:
        """Whether another loop runs here, and the object's own does not meanwhile."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return False
        loop = self.loop
        return loop is not None and loop is not running and not loop.is_running()

    def check(self, subject: object) -> asyncio.AbstractEventLoop:
        """Return the running loop, which becomes the object's own at the first use.

        Args:
            subject: The object; its repr names it in errors.

        Raises:
            WrongLoopError: If another loop runs than the object's own, or none does.
        """
        running = running_loop(subject)
        if self.loop is None:
            self.loop, self.place = running, calling_place()
        elif self.loop is not running:
            raise self.wrong_loop_error(subject)
        return running

    def check_if_running(self, subject: object) -> None:
        """Check as ``check`` does, but only where a loop runs here.

        Raises:
            WrongLoopError: If another loop runs than the object's own.
        """
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            self.check(subject)

    def wrong_loop_error(self, subject: object) -> WrongLoopError:
        """Return the error of a use in another loop."""
        loop = self.loop
        state = "is closed" if loop is None or loop.is_closed() else "is another one"
        return WrongLoopError(
            f"{subject!r} belongs to the event loop in which it was first used, at"
            f" {self.place}; that loop {state}: make one {type(subject).__name__} for"
            " each event loop"
        )
