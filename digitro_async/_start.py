"""The first moments of the ``digitro`` command, before its libraries are loaded.

Loading them takes a third of a second, and who starts a command may end it in that
time. The first process of a container would not even die of such a signal, but go on to
dial. Nothing is done in any other program that imports the package.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

__all__ = ["INTERRUPTED", "is_command", "leave_at_once", "signals"]

INTERRUPTED = 130
"""Exit code of a process that was interrupted."""


def is_command(argv: Sequence[str], original: Sequence[str]) -> bool:
    """Whether a process is the command, by ``sys.argv`` and ``sys.orig_argv``."""
    first = argv[0] if argv else ""
    if first == "-m":  # so until the module is found; the package comes before it
        return "digitro_async" in original
    return first.replace("\\", "/").rpartition("/")[2] in {"digitro", "digitro.exe"}


def signals() -> Iterator[signal.Signals]:
    """Yield the signals that end a command, but for those that are ignored."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            yield number


def leave_at_once(*_: int | FrameType | None) -> None:
    """End the process before anything has begun."""
    with contextlib.suppress(OSError):
        os.write(2, b"interrupted: nothing was dialled\n")
    os._exit(INTERRUPTED)


if is_command(sys.argv, sys.orig_argv):
    for _number in signals():
        signal.signal(_number, leave_at_once)
